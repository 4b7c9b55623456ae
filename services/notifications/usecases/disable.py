"""Disable a subscription: what waits is cancelled, and its owner learns why and from where to replay."""

from __future__ import annotations

import logging
from typing import Final, Literal

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import microseconds
from services.notifications.schema import DELIVERIES, EVENTS, FOLLOWING, SUBSCRIPTIONS
from services.notifications.usecases.operational import ENDPOINT_DISABLED, tell_owner
from services.notifications.usecases.queue_deliveries import WAITING
from services.notifications.usecases.subscribe import cancel_pending

logger: Final = logging.getLogger(__name__)

Reason = Literal["endpoint_gone", "failing_too_long", "challenge_failed", "paused_too_long"]
JOURNAL: Final = "register"
"""Whose events subscriptions hear."""


def disable(
    connection: sa.Connection, subscription_id: str, reason: Reason, missed_from: int, *, now: int
) -> None:
    """End it until its owner resumes it; the caller holds its row.

    `missed_from` is as `first_missed` found it before anything was cancelled. Of two times that it was
    disabled without a replay between them the earlier one counts, and is told.
    """
    columns = SUBSCRIPTIONS.c
    earlier = columns.missed_from < missed_from
    counts = connection.scalar(
        sa.update(SUBSCRIPTIONS)
        .where(columns.subscription_id == subscription_id)
        .values(
            state="disabled",
            state_reason=reason,
            paused_until=None,
            missed_from=sa.case((earlier, columns.missed_from), else_=missed_from),
            version=columns.version + 1,
        )
        .returning(columns.missed_from)
    )
    cancel_pending(connection, subscription_id, now=now)
    told = {"reason": reason, "missed_from": str(counts)}
    tell_owner(connection, subscription_id, ENDPOINT_DISABLED, told, now=now)


def first_missed(connection: sa.Connection, subscription_id: str) -> int:
    """The first position whose event a subscription does not get when it is disabled now.

    It is the first that waits for it, also for a job's sake, is parked or was not read yet.
    """
    columns, parked, cursors = DELIVERIES.c, FOLLOWING.parked_events.c, FOLLOWING.cursors.c
    waiting = (
        sa.select(sa.func.min(EVENTS.c.position))
        .join_from(DELIVERIES, EVENTS, EVENTS.c.event_id == columns.event_id)
        .where(columns.subscription_id == subscription_id, columns.state.in_(WAITING))
    )
    shelved = sa.select(sa.func.min(parked.position)).where(parked.upstream == JOURNAL)
    read = sa.select(cursors.position).where(cursors.upstream == JOURNAL)
    next_read = int(connection.scalar(read) or 0) + 1
    found = (connection.scalar(waiting), connection.scalar(shelved), next_read)
    return min(one for one in found if one is not None)


def end_long_pauses(database: Database, clock: Clock) -> int:
    """Disable what has been paused for as long as it may, each on its own; returns how many.

    One that cannot be disabled is logged, tried again the next time and keeps no other from it.
    """
    columns, now, ended = SUBSCRIPTIONS.c, microseconds(clock.now()), 0
    over = sa.and_(columns.state == "paused", columns.paused_until <= now)
    found = sa.select(columns.subscription_id).where(over).order_by(columns.subscription_id)
    with database.read() as connection:
        names = connection.execute(found).scalars().all()
    for name in names:
        held = found.where(columns.subscription_id == name).with_for_update(key_share=True)
        try:
            with database.write() as connection:
                if connection.scalar(held) is None:
                    continue  # resumed or deleted meanwhile
                disable(connection, name, "paused_too_long", first_missed(connection, name), now=now)
        except Exception:  # whatever it is, the pauses of others still end; the log has it whole
            logger.exception("pause not ended", extra={"subscription_id": name})
            continue
        ended += 1
    return ended
