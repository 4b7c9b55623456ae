"""Deliveries that are over, their attempts and the events kept for them go after ninety days."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import microseconds
from services.notifications.delivery_tables import JOBS
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS
from services.notifications.usecases.run_jobs import first_id

KEPT: Final = timedelta(days=90)
BATCH: Final = 500
PAUSE_SECONDS: Final = 3_600.0
_OVER: Final = ("delivered", "exhausted", "recovered", "cancelled")


class Pruning:
    """The background task of the elected process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self) -> float:
        """Delete a batch; seconds until the next, at once while there may be more."""
        return 0.0 if prune(self._database, self._clock) >= BATCH else PAUSE_SECONDS


def prune(database: Database, clock: Clock, *, batch: int = BATCH) -> int:
    """Delete up to `batch` of the oldest deliveries that are over; returns how many.

    Ninety days count from the last try, so that what waited long is shown as long. An event goes with the
    last of its deliveries: the journal keeps it for ever, and a replay brings it back. Its row is held before
    it is asked for deliveries, as whoever makes one holds it (`hold_events`).
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
        connection.execute(sa.delete(JOBS).where(JOBS.c.ended_at < before))
    return len(ids)
