"""Deliveries as durable, leased rows: claim some that are due, then record what came of each try.

A claim sets a lease that ends by itself, and at once where its worker is seen to be gone, so a worker that
dies loses nothing; a result is written only under the lease it was claimed with, so a worker that was too
slow, or was taken for gone while it lived, cannot overwrite another's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.kernel.runtime import nobody_holds
from services.notifications.adapters.webhook_http import Attempt
from services.notifications.domain.consent import ALLOWED_ORIGIN, ALLOWED_RATE, Permission, permission
from services.notifications.domain.retry import (
    Disabled,
    Exhausted,
    Outcome,
    Verdict,
    classify,
    next_attempt,
)
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases.own_events import challenge_in
from services.notifications.usecases.subscribe import cancel_pending

LEASE: Final = timedelta(seconds=60)
_UNLEASED: Final[dict[str, object]] = {"lease": None, "leased_until": 0, "lease_owner": None}
GIVE_UP_AFTER: Final = timedelta(days=5)
ANSWER_HEAD_CHARACTERS: Final = 500
ASKING: Final = frozenset({"challenge", "handshake"})
"""The kinds of delivery that ask an endpoint for its consent."""


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
    sealed_former_secrets: bytes | None
    consent: str
    deliveries_per_minute: int | None
    event_id: str
    position: int | None
    body: bytes


def claim(
    database: Database,
    *,
    owner: str,
    now: int,
    limit: int,
    per_endpoint: int,
    under_way: Mapping[str, int] | None = None,
) -> list[Claimed]:
    """Lease up to `limit` due deliveries for the worker `owner`. `now` in microseconds.

    With those `under_way` (by subscription) no endpoint gets more than `per_endpoint` at once. Events go only
    to active subscriptions; a challenge goes to pending ones, and a test to either.
    """
    counts = Counter(under_way or {})
    busy = [subscription for subscription, count in counts.items() if count >= per_endpoint]
    with database.write() as connection:
        ids = []
        for row in connection.execute(_due(now, busy).limit(limit)):
            counts[row.subscription_id] += 1
            if counts[row.subscription_id] <= per_endpoint:
                ids.append(row.delivery_id)
        if not ids:
            return []
        connection.execute(
            sa.update(DELIVERIES)
            .where(DELIVERIES.c.delivery_id.in_(ids))
            .values(lease=uuid4().hex, leased_until=now + _span(LEASE), lease_owner=owner)
        )
        rows = connection.execute(_CLAIMED.where(DELIVERIES.c.delivery_id.in_(ids))).mappings().all()
    return [_claimed(row) for row in rows]


def _claimed(row: sa.RowMapping) -> Claimed:
    values = dict(row)
    former = values.pop("former_secrets")
    return Claimed(
        sealed_secret=bytes(values.pop("secret")),
        sealed_former_secrets=None if former is None else bytes(former),
        body=bytes(values.pop("body")),
        **values,
    )


def _due(now: int, busy: Collection[str]) -> sa.Select[tuple[str, str]]:
    """Due deliveries that nobody has leased; what another worker is just claiming is passed over."""
    columns = DELIVERIES.c
    return (
        sa.select(columns.delivery_id, columns.subscription_id)
        .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.subscription_id == columns.subscription_id)
        .where(
            columns.state == "pending",
            columns.next_at <= now,
            columns.leased_until <= now,
            _may_leave(),
            columns.subscription_id.not_in(list(busy)),
        )
        .order_by(columns.next_at, columns.delivery_id)
        .with_for_update(of=DELIVERIES, skip_locked=True)
    )


_CLAIMED: Final = (
    sa.select(
        DELIVERIES.c.delivery_id,
        DELIVERIES.c.subscription_id,
        DELIVERIES.c.lease,
        DELIVERIES.c.kind,
        (DELIVERIES.c.attempts + 1).label("number"),
        SUBSCRIPTIONS.c.url,
        SUBSCRIPTIONS.c.secret,
        SUBSCRIPTIONS.c.former_secrets,
        SUBSCRIPTIONS.c.consent,
        SUBSCRIPTIONS.c.deliveries_per_minute,
        EVENTS.c.event_id,
        EVENTS.c.position,
        EVENTS.c.body,
    )
    .join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.subscription_id == DELIVERIES.c.subscription_id)
    .join(EVENTS, EVENTS.c.event_id == DELIVERIES.c.event_id)
    .order_by(DELIVERIES.c.next_at, DELIVERIES.c.delivery_id)
)


def presence_name(owner: str) -> str:
    """The election that a delivery worker wins, alone, for as long as it lives."""
    return f"deliver-{owner}"


def free_leases(database: Database, owner: str) -> int:
    """Let go of the leases of workers that are gone, for the living worker `owner`; returns how many.

    Owners are read first and looked for afterwards: a worker shows its presence before its first claim, so
    one that begins meanwhile is not taken for gone.
    """
    columns = DELIVERIES.c
    others = sa.select(columns.lease_owner).where(columns.lease_owner != owner).distinct()
    with database.read() as connection:
        seen = list(connection.execute(others).scalars())
    if not seen:
        return 0
    with database.write() as connection:
        gone = [other for other in seen if nobody_holds(connection, database, presence_name(other))]
        held = (
            sa.select(columns.delivery_id)
            .where(columns.lease_owner.in_(gone))
            .with_for_update(skip_locked=True)
        )
        freed = sa.update(DELIVERIES).where(columns.delivery_id.in_(held)).values(_UNLEASED)
        return connection.execute(freed).rowcount


def record_attempt(
    database: Database, claimed: Claimed, attempt: Attempt, *, now: int, rng: random.Random, origin: str = ""
) -> str | None:
    """Write one try and what follows from it; returns the delivery's state, None when the lease was lost.

    `origin` is who a handshake's answer has to allow.
    What was cancelled while the POST was under way stays so, unless it arrived.
    """
    with database.write() as connection:
        _lock_subscription(connection, claimed.subscription_id)
        state = connection.execute(
            sa.update(DELIVERIES)
            .where(DELIVERIES.c.delivery_id == claimed.delivery_id, DELIVERIES.c.lease == claimed.lease)
            .values(attempts=claimed.number, **_UNLEASED)
            .returning(DELIVERIES.c.state)
        ).scalar_one_or_none()
        if state is None:
            return None
        connection.execute(sa.insert(ATTEMPTS).values(_attempt_row(claimed, attempt, now)))
        given = _permission(claimed, attempt, origin)
        outcome = _judged(claimed, attempt, given, now)
        if outcome.verdict is Verdict.DELIVERED:
            return _succeeded(connection, claimed, given, now)
        if state != "pending":
            return str(state)
        return _failed(connection, claimed, outcome, now, rng)


def _lock_subscription(connection: sa.Connection, subscription_id: str) -> None:
    """Whoever changes a subscription and its deliveries takes the subscription's row first: no deadlock."""
    columns = SUBSCRIPTIONS.c
    connection.execute(
        sa.select(columns.subscription_id).where(columns.subscription_id == subscription_id).with_for_update()
    )


def _judged(claimed: Claimed, attempt: Attempt, given: Permission | None, now: int) -> Outcome:
    """What a try came to; a challenge is delivered only when it was sent back, a handshake when allowed."""
    instant = from_microseconds(now)
    outcome = classify(attempt.status, attempt.retry_after, instant)
    if outcome.verdict is Verdict.DELIVERED and claimed.kind in ASKING and given is None:
        return classify(None, None, instant)
    return outcome


def _permission(claimed: Claimed, attempt: Attempt, origin: str) -> Permission | None:
    """The endpoint's consent to be called, where the try asked for it and the answer gives it."""
    answer = attempt.answer
    if answer is None:
        return None
    if claimed.kind == "handshake":
        return permission(origin, answer.status, answer.header(ALLOWED_ORIGIN), answer.header(ALLOWED_RATE))
    echoed = claimed.kind == "challenge" and challenge_in(claimed.body).encode() in answer.body
    return Permission(None) if echoed else None


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


def _succeeded(connection: sa.Connection, claimed: Claimed, given: Permission | None, now: int) -> str:
    _set(connection, claimed, state="delivered")
    changes: dict[str, object] = {"failing_since": None}
    if given is not None:
        changes |= {"state": "active", "consented_at": now, "allowed_per_minute": given.per_minute}
        changes |= {"version": SUBSCRIPTIONS.c.version + 1}
    connection.execute(
        sa.update(SUBSCRIPTIONS)
        .where(
            SUBSCRIPTIONS.c.subscription_id == claimed.subscription_id,
            SUBSCRIPTIONS.c.state.in_(("pending", "active")),
        )
        .values(changes)
    )
    return "delivered"


def _failed(
    connection: sa.Connection, claimed: Claimed, outcome: Outcome, now: int, rng: random.Random
) -> str:
    """Schedule the next try, or end: without consent and without an endpoint nothing more is sent."""
    following = next_attempt(claimed.number, outcome, from_microseconds(now), rng)
    if isinstance(following, Disabled):
        _disable(connection, claimed.subscription_id, "endpoint_gone")
        return "cancelled"
    given_up = _gives_up(connection, claimed.subscription_id, now)
    if isinstance(following, Exhausted):
        _set(connection, claimed, state="exhausted")
        if claimed.kind in ASKING:
            _disable(connection, claimed.subscription_id, "challenge_failed")
        return "exhausted"
    _set(connection, claimed, next_at=microseconds(following))
    return "cancelled" if given_up else "pending"


def _gives_up(connection: sa.Connection, subscription_id: str, now: int) -> bool:
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
        return False
    if now - since <= _span(GIVE_UP_AFTER):
        return False
    _disable(connection, subscription_id, "failing_too_long")
    return True


def _disable(connection: sa.Connection, subscription_id: str, reason: str) -> None:
    connection.execute(
        sa.update(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.subscription_id == subscription_id, SUBSCRIPTIONS.c.state != "deleted")
        .values(state="disabled", state_reason=reason, version=SUBSCRIPTIONS.c.version + 1)
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
