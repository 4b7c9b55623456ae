"""Dispatches as durable, leased rows: claim one that is due on a channel, then record what came of the try.

The rules are those of webhooks (`deliver`): a lease ends by itself, and at once where its worker is seen to
be gone, so a worker that dies loses nothing; a result is written only under the lease it was claimed with;
a channel that fails is left alone by its breaker, and what waits meanwhile uses up none of its tries.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import uuid4

import msgspec
import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.channel_tables import DISPATCH_ATTEMPTS, DISPATCHES
from services.notifications.domain.channels import ChannelName, Ending, Parcel, Result, health_after
from services.notifications.domain.messages import Text
from services.notifications.domain.retry import Exhausted, Outcome, Verdict, next_attempt
from services.notifications.projections.contacts import Contact, contact_of
from services.notifications.schema import MESSAGES, PRODUCERS
from services.notifications.usecases.channel_health import held_health, keep_health, may_send
from services.notifications.usecases.free_leases import UNLEASED, free_leases_of_the_gone

LEASE: Final = timedelta(seconds=120)
"""Longer than any channel's deadline."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A dispatch under our lease, with all that sending it needs."""

    parcel: Parcel
    channel: ChannelName
    lease: str
    number: int


def queue_dispatches(connection: sa.Connection, wanted: Sequence[tuple[str, ChannelName]]) -> None:
    """Let messages (by id) go out over channels, in the transaction that puts them into the account."""
    rows = [
        {
            "message_id": message_id,
            "channel": channel,
            "state": "pending",
            "attempts": 0,
            "next_at": 0,
            "leased_until": 0,
        }
        for message_id, channel in wanted
    ]
    if rows:
        connection.execute(sa.insert(DISPATCHES), rows)


def claim(database: Database, channel: ChannelName, *, owner: str, now: int) -> Claimed | None:
    """Lease the dispatch of a channel that has been due for longest for the worker `owner`.

    None when nothing is due, and while the channel is left alone. `now` in microseconds.
    """
    columns, lease = DISPATCHES.c, uuid4().hex
    due = (
        sa.select(columns.message_id)
        .where(
            columns.channel == channel,
            columns.state == "pending",
            columns.next_at <= now,
            columns.leased_until <= now,
        )
        .order_by(columns.next_at, columns.message_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    with database.write() as connection:
        health = held_health(connection, channel)
        message_id = connection.scalar(due) if may_send(connection, channel, health, now) else None
        if message_id is None:
            return None
        if health.breaker == "open":
            keep_health(connection, channel, replace(health, breaker="half_open"))
        leased = {"lease": lease, "leased_until": now + _span(LEASE), "lease_owner": owner}
        connection.execute(_row(message_id, channel).values(leased))
        row = connection.execute(_PARCEL, {"message_id": message_id, "channel": channel}).one()
        contact = contact_of(connection, row.producer_id)
    return Claimed(_parcel(row, contact), channel, lease, row.attempts + 1)


_PARCEL: Final = (
    sa.select(
        MESSAGES,
        DISPATCHES.c.attempts,
        PRODUCERS.c.producer_id,
        sa.func.coalesce(PRODUCERS.c.language, "kk").label("language"),
    )
    .join_from(MESSAGES, DISPATCHES, DISPATCHES.c.message_id == MESSAGES.c.message_id)
    .join(PRODUCERS, PRODUCERS.c.identifier == MESSAGES.c.recipient, isouter=True)
    .where(
        MESSAGES.c.message_id == sa.bindparam("message_id"),
        DISPATCHES.c.channel == sa.bindparam("channel"),
    )
    .limit(1)
)


def _parcel(row: sa.Row[tuple[object, ...]], contact: Contact) -> Parcel:
    return Parcel(
        message_id=row.message_id,
        recipient=contact.iin or row.recipient,
        email=contact.email,
        language=row.language,
        texts=msgspec.json.decode(bytes(row.texts), type=dict[str, Text]),
        template=row.template_id,
        template_version=row.template_version,
        event_type=row.event_type,
        due_on=row.due_on,
        put_at=from_microseconds(row.put_at),
    )


def record_result(
    database: Database, claimed: Claimed, result: Result, *, now: int, rng: random.Random
) -> str | None:
    """Write one try and what follows from it; returns the dispatch's state, None when the lease was lost."""
    changes: dict[str, object] = {
        "attempts": claimed.number,
        "trouble": result.trouble,
        **UNLEASED,
    }
    if result.ending is not Ending.FAILED:
        changes |= {"state": result.ending.value, "ended_at": now}
    else:
        failed = Outcome(Verdict.FAILED, result.retry_after)
        following = next_attempt(claimed.number, failed, from_microseconds(now), rng)
        if isinstance(following, Exhausted):
            changes |= {"state": "exhausted", "ended_at": now}
        else:
            changes["next_at"] = microseconds(following)  # type: ignore[arg-type]  # no 410 among the outcomes
    recorded = _row(claimed.parcel.message_id, claimed.channel).where(DISPATCHES.c.lease == claimed.lease)
    with database.write() as connection:
        health = held_health(connection, claimed.channel)
        state: str | None = connection.scalar(recorded.values(changes).returning(DISPATCHES.c.state))
        if state is not None:
            connection.execute(sa.insert(DISPATCH_ATTEMPTS).values(_attempt(claimed, result, now)))
            keep_health(connection, claimed.channel, health_after(health, result, now, rng))
    return state


def _attempt(claimed: Claimed, result: Result, now: int) -> dict[str, object]:
    return {
        "message_id": claimed.parcel.message_id,
        "channel": claimed.channel,
        "number": claimed.number,
        "at": now,
        "milliseconds": int(result.elapsed.total_seconds() * 1_000),
        "status": result.status,
        "trouble": result.trouble,
    }


def presence_name(owner: str) -> str:
    """The election that a channel's worker wins, alone, for as long as it lives."""
    return f"dispatch-{owner}"


def free_dispatches(database: Database, channel: ChannelName, owner: str) -> int:
    """Let go of what workers that are gone were sending, for the living worker `owner`; returns how many."""
    of_channel = DISPATCHES.c.channel == channel
    return free_leases_of_the_gone(database, DISPATCHES, presence_name, owner, of_channel)


def _row(message_id: str, channel: str) -> sa.Update:
    return sa.update(DISPATCHES).where(DISPATCHES.c.message_id == message_id, DISPATCHES.c.channel == channel)


def _span(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1_000_000)
