"""What an owner asks to be delivered again: one delivery, what was given up, or a piece of the journal.

Each is a durable job. Its deliveries are new rows with the event's own id, so two redeliveries of one event
are two deliveries with attempts of their own, and the endpoint sees the same `webhook-id`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.events import new_event_id
from services.notifications.delivery_tables import JOBS
from services.notifications.domain.lines import never_behind
from services.notifications.schema import DELIVERIES
from services.notifications.usecases.queue_deliveries import (
    WAITING,
    delivery_row,
    hold_events,
    hold_lines,
    last_ids,
    line_up,
    next_in_line,
)

HOUR: Final = timedelta(hours=1)
MOST_PER_HOUR: Final = 600
"""So many jobs one subscription may begin in an hour."""
_GOES_ON: Final = ("active", "paused")


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job was asked for. `since` and `from_time` are microseconds since 1970 (UTC).

    A replay begins at `from_position`, or at the first event recorded at `from_time` or later; it ends with
    `until_position`, or where the journal ended when it began. `filter` narrows what is replayed; None means
    what the subscription asks for.
    """

    delivery_id: str | None = None
    since: int | None = None
    from_position: int | None = None
    from_time: int | None = None
    until_position: int | None = None
    filter: dict[str, Any] | None = None


def resend(connection: sa.Connection, subscription: sa.RowMapping, delivery_id: str, *, now: int) -> str:
    """Deliver one event once more; returns the job's id. Raises `NotFound` and `Conflict`."""
    columns, name = DELIVERIES.c, subscription["subscription_id"]
    found = connection.execute(
        sa.select(columns.event_id, columns.subject).where(
            columns.delivery_id == delivery_id,
            columns.subscription_id == name,
            columns.kind.in_(("event", "operational")),
        )
    ).one_or_none()
    if found is None or not hold_events(connection, [found.event_id]):
        raise NotFound("delivery_unknown", id=delivery_id)
    job_id = _begin(connection, subscription, "resend", Asked(delivery_id=delivery_id), now, state="done")
    row = delivery_row(name, found.event_id, "event", now, job_id=job_id, subject=found.subject)
    line_up(connection, [row])
    connection.execute(sa.insert(DELIVERIES).values(row))
    return job_id


def recover(connection: sa.Connection, subscription: sa.RowMapping, since: int | None, *, now: int) -> str:
    """Begin to deliver again what was given up until now; returns the job's id. Raises `Conflict`."""
    asked, name = Asked(since=since), subscription["subscription_id"]
    until = never_behind(new_event_id(), last_ids(connection, [name])[name])
    return _begin(connection, subscription, "recover", asked, now, reached="", until=until)


def replay(connection: sa.Connection, subscription: sa.RowMapping, asked: Asked, *, now: int) -> str:
    """Begin to deliver a piece of the journal again; returns the job's id. Raises `Conflict`."""
    reached = None if asked.from_position is None else str(asked.from_position - 1)
    return _begin(connection, subscription, "replay", asked, now, reached=reached)


def cancel_job(connection: sa.Connection, subscription_id: str, job_id: str, *, now: int) -> None:
    """End a job that runs or whose deliveries wait, and cancel those of them that have not left.

    Raises `NotFound`, and `Conflict` for a job of which nothing is to come.
    """
    row = job_of(connection, subscription_id, job_id, to_change=True)
    columns = DELIVERIES.c
    hold_lines(connection, [subscription_id])
    cancelled = connection.execute(
        sa.update(DELIVERIES)
        .where(columns.job_id == job_id, columns.job_id != "", columns.state.in_(WAITING))
        .values(state="cancelled")
        .returning(columns.subject, columns.attempts, columns.next_at, columns.leased_until)
    ).all()
    if row["state"] != "running" and not cancelled:
        raise Conflict("job_over", state=row["state"])
    counted = JOBS.c.cancelled + len(cancelled)
    ended = {"state": "cancelled", "ended_at": now, "trouble": None, "cancelled": counted}
    connection.execute(sa.update(JOBS).where(JOBS.c.job_id == job_id).values(ended))
    free_at: dict[str, int] = {}
    for one in cancelled:
        if one.subject is not None:
            free_at[one.subject] = max(free_at.get(one.subject, now), _surely_over(one))
    for subject, instant in free_at.items():
        next_in_line(connection, subscription_id, subject, instant)


def _surely_over(cancelled: sa.Row[*tuple[Any, ...]]) -> int:
    """From when on nothing of a cancelled delivery is under way, nor of one that it was itself waiting for.

    A POST lasts no longer than its lease; before a delivery's first try its time to leave may be such an end.
    """
    leaves_at: int = cancelled.next_at if cancelled.attempts == 0 else 0
    return max(int(cancelled.leased_until), leaves_at)


def job_of(
    connection: sa.Connection, subscription_id: str, job_id: str, *, to_change: bool = False
) -> sa.RowMapping:
    """One job of a subscription. Raises `NotFound`."""
    query = sa.select(JOBS).where(JOBS.c.job_id == job_id, JOBS.c.subscription_id == subscription_id)
    row = connection.execute(query.with_for_update() if to_change else query).mappings().one_or_none()
    if row is None:
        raise NotFound("job_unknown", id=job_id)
    return row


def asked_of(job: sa.RowMapping) -> Asked:
    """What a job was asked for."""
    return msgspec.json.decode(bytes(job["asked"]), type=Asked)


def _begin(
    connection: sa.Connection,
    subscription: sa.RowMapping,
    kind: str,
    asked: Asked,
    now: int,
    *,
    state: str = "running",
    **progress: str | None,
) -> str:
    """Write a job, one at a time for each subscription; the caller holds the subscription's row."""
    if subscription["state"] not in _GOES_ON:
        allowed = ", ".join(_GOES_ON)
        raise Conflict("subscription_state_forbids", state=subscription["state"], allowed=allowed)
    held = _held(connection, subscription["subscription_id"], now)
    if state == "running" and held["running"]:
        raise Conflict("job_running", id=str(held["running"]))
    if held["begun"] >= MOST_PER_HOUR:
        raise Conflict("jobs_exhausted", limit=str(MOST_PER_HOUR))
    job_id, over = new_event_id(), state == "done"
    connection.execute(
        sa.insert(JOBS).values(
            job_id=job_id,
            subscription_id=subscription["subscription_id"],
            kind=kind,
            state=state,
            asked=msgspec.json.encode(asked),
            queued=1 if over else 0,
            created_at=now,
            ended_at=now if over else None,
            **progress,
        )
    )
    return job_id


def _held(connection: sa.Connection, subscription_id: str, now: int) -> sa.RowMapping:
    columns = JOBS.c
    running = sa.func.max(sa.case((columns.state == "running", columns.job_id))).label("running")
    since = now - int(HOUR.total_seconds() * 1_000_000)
    begun = sa.func.count(sa.case((columns.created_at > since, 1))).label("begun")
    found = connection.execute(
        sa.select(running, begun).where(
            columns.subscription_id == subscription_id,
            sa.or_(columns.state == "running", columns.created_at > since),
        )
    )
    return found.mappings().one()
