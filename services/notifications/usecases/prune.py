"""Deliveries that are over, their attempts and the events kept for them go after ninety days.

So do the tries of messages over the channels besides the account; the messages and what became of them stay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import microseconds
from services.notifications.channel_tables import CHANNELS, DISPATCH_ATTEMPTS
from services.notifications.delivery_tables import JOBS
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases.disable import end_long_pauses
from services.notifications.usecases.due import PENDING
from services.notifications.usecases.queue_deliveries import NOT_OVER, WAITING
from services.notifications.usecases.run_jobs import first_id
from services.notifications.usecases.subscribe import cancel_pending

KEPT: Final = timedelta(days=90)
BATCH: Final = 500
PAUSE_SECONDS: Final = 3_600.0
_ENDED: Final = ("disabled", "deleted")
_OVER: Final = ("delivered", "exhausted", "recovered", "cancelled")


class Pruning:
    """The background task of the elected process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self) -> float:
        """End pauses that lasted too long, cancel what nobody gets any more and delete a batch.

        Returns the seconds until the next, at once while there may be more.
        """
        end_long_pauses(self._database, self._clock)
        cancel_for_ended(self._database, self._clock)
        pruned = max(prune(self._database, self._clock), prune_tries(self._database, self._clock))
        return 0.0 if pruned >= BATCH else PAUSE_SECONDS


def cancel_for_ended(database: Database, clock: Clock) -> int:
    """Cancel what still waits for endpoints that are disabled or deleted; returns for how many.

    Whoever queues an event does not wait for the try that disables an endpoint, so that some may be queued
    for it just after what waited was cancelled.
    """
    columns = SUBSCRIPTIONS.c
    its = sa.select(DELIVERIES.c.delivery_id).where(DELIVERIES.c.subscription_id == columns.subscription_id)
    waits = sa.or_(its.where(DELIVERIES.c.state == PENDING).exists(), its.where(sa.text(NOT_OVER)).exists())
    ended = sa.select(columns.subscription_id).where(columns.state.in_(_ENDED), waits)
    with database.write() as connection:
        held = ended.order_by(columns.subscription_id).with_for_update(key_share=True)
        found = connection.execute(held).scalars().all()
        for name in found:
            cancel_pending(connection, name, now=microseconds(clock.now()))
    return len(found)


def prune(database: Database, clock: Clock, *, batch: int = BATCH) -> int:
    """Delete up to `batch` of the oldest deliveries that are over, and of old jobs; returns how many.

    Ninety days count from the last try, so that what waited long is shown as long. An event goes with the
    last of its deliveries: the journal keeps it for ever, and a replay brings it back. Its row is held before
    it is asked for deliveries, as whoever makes one holds it (`hold_events`). A job stays while
    deliveries of it wait.
    """
    before = microseconds(clock.now() - KEPT)
    columns = DELIVERIES.c
    with database.write() as connection:
        old = connection.execute(
            sa.select(columns.delivery_id, columns.event_id)
            .where(columns.delivery_id < first_id(before), columns.state.in_(_OVER), columns.next_at < before)
            .order_by(columns.delivery_id)
            .limit(batch)
        ).all()
        ids, events = [row.delivery_id for row in old], sorted({row.event_id for row in old})
        connection.execute(sa.delete(ATTEMPTS).where(ATTEMPTS.c.delivery_id.in_(ids)))
        connection.execute(sa.delete(DELIVERIES).where(columns.delivery_id.in_(ids)))
        held = sa.select(EVENTS.c.event_id).where(EVENTS.c.event_id.in_(events)).order_by(EVENTS.c.event_id)
        connection.execute(held.with_for_update())
        still = sa.select(columns.delivery_id).where(columns.event_id == EVENTS.c.event_id).exists()
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.event_id.in_(events), ~still))
        jobs = connection.execute(sa.delete(JOBS).where(JOBS.c.job_id.in_(_old_jobs(before, batch)))).rowcount
    return max(len(ids), jobs)


def prune_tries(database: Database, clock: Clock, *, batch: int = BATCH) -> int:
    """Delete up to `batch` of each channel's oldest tries that are ninety days old; returns how many."""
    before, columns = microseconds(clock.now() - KEPT), DISPATCH_ATTEMPTS.c
    keys = list(DISPATCH_ATTEMPTS.primary_key.columns)
    deleted = 0
    with database.write() as connection:
        for channel in connection.execute(sa.select(CHANNELS.c.channel)).scalars().all():
            old = sa.select(*keys).where(columns.channel == channel, columns.at < before)
            among = sa.tuple_(*keys).in_(old.order_by(columns.at).limit(batch))
            deleted += connection.execute(sa.delete(DISPATCH_ATTEMPTS).where(among)).rowcount
    return deleted


def _old_jobs(before: int, batch: int) -> sa.Select[tuple[str]]:
    waits = sa.select(DELIVERIES.c.delivery_id).where(
        DELIVERIES.c.job_id == JOBS.c.job_id, DELIVERIES.c.job_id != "", DELIVERIES.c.state.in_(WAITING)
    )
    return sa.select(JOBS.c.job_id).where(JOBS.c.ended_at < before, ~waits.exists()).limit(batch)
