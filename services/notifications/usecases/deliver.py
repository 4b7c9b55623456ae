"""Deliveries as durable, leased rows: claim some that are due, then record what came of each try.

A claim sets a lease that ends by itself, so a worker that dies loses nothing; a result is written only under
the lease it was claimed with, so a worker that was too slow cannot overwrite another's.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.adapters.webhook_http import Attempt
from services.notifications.domain.retry import Disabled, Exhausted, Verdict, classify, next_attempt
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases.own_events import challenge_in
from services.notifications.usecases.subscribe import cancel_pending

LEASE: Final = timedelta(seconds=60)
GIVE_UP_AFTER: Final = timedelta(days=5)
ANSWER_HEAD_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery under our lease, with all that its POST needs."""

    delivery_id: str
    subscription_id: str
    lease: str
    kind: str
    number: int
    url: str
    sealed_secret: bytes
    event_id: str
    position: int | None
    body: bytes


def claim(database: Database, *, now: int, limit: int, busy: Collection[str] = ()) -> list[Claimed]:
    """Lease up to `limit` due deliveries of endpoints that are not `busy`. `now` in microseconds.

    Events go only to active subscriptions; a challenge goes to pending ones, and a test to either.
    """
    lease = uuid4().hex
    with database.write() as connection:
        query = (
            sa.select(DELIVERIES.c.delivery_id)
            .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.subscription_id == DELIVERIES.c.subscription_id)
            .where(
                DELIVERIES.c.state == "pending",
                DELIVERIES.c.next_at <= now,
                DELIVERIES.c.leased_until <= now,
                _may_leave(),
                DELIVERIES.c.subscription_id.not_in(list(busy)),
            )
            .order_by(DELIVERIES.c.next_at, DELIVERIES.c.delivery_id)
            .limit(limit)
        )
        if database.is_postgresql:
            query = query.with_for_update(of=DELIVERIES, skip_locked=True)
        ids = list(connection.execute(query).scalars())
        if not ids:
            return []
        connection.execute(
            sa.update(DELIVERIES)
            .where(DELIVERIES.c.delivery_id.in_(ids))
            .values(lease=lease, leased_until=now + _span(LEASE))
        )
        rows = connection.execute(
            sa.select(
                DELIVERIES.c.delivery_id,
                DELIVERIES.c.subscription_id,
                DELIVERIES.c.lease,
                DELIVERIES.c.kind,
                (DELIVERIES.c.attempts + 1).label("number"),
                SUBSCRIPTIONS.c.url,
                SUBSCRIPTIONS.c.secret,
                EVENTS.c.event_id,
                EVENTS.c.position,
                EVENTS.c.body,
            )
            .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.subscription_id == DELIVERIES.c.subscription_id)
            .join(EVENTS, EVENTS.c.event_id == DELIVERIES.c.event_id)
            .where(DELIVERIES.c.delivery_id.in_(ids))
            .order_by(DELIVERIES.c.next_at, DELIVERIES.c.delivery_id)
        ).all()
    return [Claimed(*row[:6], bytes(row[6]), *row[7:9], bytes(row[9])) for row in rows]


def free_leases(database: Database) -> int:
    """Let go of every lease, where no other process can hold one; returns how many there were.

    On SQLite a starting process is the only one: what is leased was under way when the last one was killed.
    """
    if database.is_postgresql:
        return 0
    with database.write() as connection:
        held = sa.update(DELIVERIES).where(DELIVERIES.c.lease.is_not(None))
        return connection.execute(held.values(lease=None, leased_until=0)).rowcount


def record_attempt(
    database: Database, claimed: Claimed, attempt: Attempt, *, now: int, rng: random.Random
) -> str | None:
    """Write one try and what follows from it; returns the delivery's state, None when the lease was lost."""
    with database.write() as connection:
        held = connection.execute(
            sa.update(DELIVERIES)
            .where(DELIVERIES.c.delivery_id == claimed.delivery_id, DELIVERIES.c.lease == claimed.lease)
            .values(attempts=claimed.number, lease=None, leased_until=0)
        )
        if held.rowcount != 1:
            return None
        connection.execute(sa.insert(ATTEMPTS).values(_attempt_row(claimed, attempt, now)))
        instant = from_microseconds(now)
        outcome = classify(attempt.status, attempt.retry_after, instant)
        delivered = outcome.verdict is Verdict.DELIVERED
        if delivered and claimed.kind == "challenge":
            delivered = _echoed(claimed, attempt)
            outcome = outcome if delivered else classify(None, None, instant)
        if delivered:
            _succeeded(connection, claimed)
            return "delivered"
        following = next_attempt(claimed.number, outcome, instant, rng)
        if isinstance(following, Disabled):
            _disable(connection, claimed.subscription_id, "endpoint_gone")
            return "cancelled"
        if isinstance(following, Exhausted):
            _set(connection, claimed, state="exhausted")
        else:
            _set(connection, claimed, next_at=microseconds(following))
        _failed(connection, claimed.subscription_id, now)
        return "exhausted" if isinstance(following, Exhausted) else "pending"


def _attempt_row(claimed: Claimed, attempt: Attempt, now: int) -> dict[str, object]:
    head = attempt.answer.body[:ANSWER_HEAD_CHARACTERS].decode("utf-8", "replace") if attempt.answer else None
    return {
        "delivery_id": claimed.delivery_id,
        "number": claimed.number,
        "at": now,
        "status": attempt.status,
        "trouble": attempt.trouble.value if attempt.trouble else None,
        "milliseconds": int(attempt.elapsed.total_seconds() * 1_000),
        "answer_head": head.replace("\x00", "\ufffd") if head is not None else None,
    }


def _echoed(claimed: Claimed, attempt: Attempt) -> bool:
    """Whether the endpoint sent the challenge back: consent to be called (API conventions, "Webhooks")."""
    return attempt.answer is not None and challenge_in(claimed.body).encode() in attempt.answer.body


def _succeeded(connection: sa.Connection, claimed: Claimed) -> None:
    _set(connection, claimed, state="delivered")
    changes: dict[str, object] = {"failing_since": None}
    if claimed.kind == "challenge":
        changes["state"] = "active"
    connection.execute(
        sa.update(SUBSCRIPTIONS)
        .where(
            SUBSCRIPTIONS.c.subscription_id == claimed.subscription_id,
            SUBSCRIPTIONS.c.state.in_(("pending", "active")),
        )
        .values(changes)
    )


def _failed(connection: sa.Connection, subscription_id: str, now: int) -> None:
    """An endpoint that has failed for five days without one success is disabled."""
    columns = SUBSCRIPTIONS.c
    since = connection.execute(
        sa.select(columns.failing_since).where(columns.subscription_id == subscription_id)
    ).scalar_one_or_none()
    if since is None:
        connection.execute(
            sa.update(SUBSCRIPTIONS)
            .where(columns.subscription_id == subscription_id)
            .values(failing_since=now)
        )
    elif now - since > _span(GIVE_UP_AFTER):
        _disable(connection, subscription_id, "failing_too_long")


def _disable(connection: sa.Connection, subscription_id: str, reason: str) -> None:
    connection.execute(
        sa.update(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.subscription_id == subscription_id, SUBSCRIPTIONS.c.state != "deleted")
        .values(state="disabled", state_reason=reason)
    )
    cancel_pending(connection, subscription_id)


def _set(connection: sa.Connection, claimed: Claimed, **values: object) -> None:
    connection.execute(
        sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == claimed.delivery_id).values(values)
    )


def _span(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1_000_000)


def next_due(database: Database) -> int | None:
    """When the next delivery can be claimed (microseconds), None when nothing waits that may leave."""
    columns = DELIVERIES.c
    free_at = sa.case((columns.leased_until > columns.next_at, columns.leased_until), else_=columns.next_at)
    query = (
        sa.select(sa.func.min(free_at))
        .join_from(DELIVERIES, SUBSCRIPTIONS, SUBSCRIPTIONS.c.subscription_id == columns.subscription_id)
        .where(columns.state == "pending", _may_leave())
    )
    with database.read() as connection:
        found = connection.scalar(query)
    return None if found is None else int(found)


def _may_leave() -> sa.ColumnElement[bool]:
    """Events leave for active subscriptions, challenges and tests for pending ones too."""
    return sa.or_(
        SUBSCRIPTIONS.c.state == "active",
        sa.and_(SUBSCRIPTIONS.c.state == "pending", DELIVERIES.c.kind != "event"),
    )
