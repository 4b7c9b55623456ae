"""Deliveries as durable, leased rows: a worker claims some that are due.

A lease ends by itself unless its worker extends it, and at once where its worker is seen to be gone, so a
worker that dies loses nothing; outcomes are written only under the lease they were claimed with
(`record_attempts`). Each endpoint has its own share, rate, breaker and order of deliveries: how much waits
for one is nothing to the others (`docs/decisions/0014-how-webhooks-are-claimed.md`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.database import Database
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.pacing import BACKLOG_AFTER, MINUTE, allowance, may_leave_at, shared
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases.due import PENDING, candidates, earliest, first_due
from services.notifications.usecases.free_leases import free_leases_of_the_gone

ASKING: Final = frozenset({"challenge", "handshake"})
"""The kinds of delivery that ask an endpoint for its consent."""
LEASE: Final = timedelta(seconds=30)
ENDPOINTS_AT_ONCE: Final = 64


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


def claim(database: Database, *, owner: str, now: int, limit: int, per_endpoint: int) -> list[Claimed]:
    """Lease up to `limit` due deliveries for the worker `owner`. `now` in microseconds.

    No endpoint has more than `per_endpoint` under way, whoever claimed them, and none more than its breaker,
    its recovery and its rate allow. Endpoints take turns, the one served longest ago first. Events go only to
    active subscriptions; a challenge goes to pending ones, and a test to either.
    """
    with database.write() as connection:
        serving = connection.execute(_SERVING, {"now": now, "per_endpoint": per_endpoint})
        endpoints = {row.subscription_id: row for row in serving}
        if not endpoints:
            return []
        busy = _under_way(connection, endpoints, now)
        wanted = {name: _wanted(row, busy.get(name, 0), now, per_endpoint) for name, row in endpoints.items()}
        ids = candidates(
            connection, shared(wanted, limit), now, now - BACKLOG_AFTER, _only_pending(endpoints)
        )
        claimed = _leased(connection, ids, owner, now)
        _served(connection, endpoints, claimed, now)
    return claimed


_NOW: Final = sa.bindparam("now", type_=sa.BigInteger)
_PER_ENDPOINT: Final = sa.bindparam("per_endpoint", type_=sa.BigInteger)


def per_minute() -> sa.ColumnElement[int | None]:
    """The rate of a subscription: its owner's wish or what the endpoint allows, whichever is less."""
    wish, allowed = SUBSCRIPTIONS.c.deliveries_per_minute, SUBSCRIPTIONS.c.allowed_per_minute
    return sa.case((wish < allowed, wish), else_=sa.func.coalesce(allowed, wish))


def _rate_allows() -> sa.ColumnElement[bool]:
    """False where the rate lets nothing leave now, so that such an endpoint takes no other's turn.

    The same as `pacing.allowance`: as much as a second's worth may leave before `free_at`.
    """
    rate = per_minute()
    burst = sa.case((rate < 120, 1), else_=rate // 60)
    interval = (MINUTE + rate - burst) // (rate - burst + 1)
    return sa.or_(rate.is_(None), ENDPOINTS.c.free_at - (burst - 1) * interval <= _NOW)


def _something_due(priority: int) -> sa.ColumnElement[bool]:
    """Asked of the index for the first one: an EXISTS beside others would be answered from a whole scan."""
    first = (
        sa.select(DELIVERIES.c.next_at)
        .where(
            DELIVERIES.c.subscription_id == ENDPOINTS.c.subscription_id,
            DELIVERIES.c.state == PENDING,
            DELIVERIES.c.priority == priority,
            DELIVERIES.c.leased_until <= _NOW,
        )
        .order_by(DELIVERIES.c.next_at)
        .limit(1)
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )
    return first <= _NOW


def _serving() -> sa.Select[Any]:
    """The endpoints that something may leave to now; what another is claiming for is passed over."""
    endpoint, subscription = ENDPOINTS.c, SUBSCRIPTIONS.c
    under_way = (
        sa.select(sa.func.count())
        .select_from(DELIVERIES)
        .where(
            DELIVERIES.c.subscription_id == endpoint.subscription_id,
            DELIVERIES.c.lease_owner.is_not(None),
            DELIVERIES.c.leased_until > _NOW,
        )
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )
    return (
        sa.select(
            endpoint.subscription_id,
            endpoint.breaker,
            endpoint.at_once,
            endpoint.free_at,
            subscription.state,
            per_minute().label("per_minute"),
        )
        .join_from(ENDPOINTS, SUBSCRIPTIONS, subscription.subscription_id == endpoint.subscription_id)
        .where(
            sa.or_(endpoint.not_before <= _NOW, subscription.state == "pending"),
            _rate_allows(),
            subscription.state.in_(("active", "pending")),
            under_way < sa.func.coalesce(endpoint.at_once, _PER_ENDPOINT),
            under_way < _PER_ENDPOINT,
            sa.or_(
                _something_due(0),
                sa.and_(subscription.state == "active", sa.or_(_something_due(1), _something_due(2))),
            ),
        )
        .order_by(endpoint.served_at, endpoint.subscription_id)
        .limit(ENDPOINTS_AT_ONCE)
        .with_for_update(of=ENDPOINTS, skip_locked=True)
    )


_SERVING: Final = _serving()
"""Built once: to build it takes longer than to ask it."""


_UNDER_WAY: Final = (
    sa.select(DELIVERIES.c.subscription_id, sa.func.count())
    .where(
        DELIVERIES.c.subscription_id.in_(sa.bindparam("names", expanding=True)),
        DELIVERIES.c.lease_owner.is_not(None),
        DELIVERIES.c.leased_until > _NOW,
    )
    .group_by(DELIVERIES.c.subscription_id)
)


def _under_way(connection: sa.Connection, names: Iterable[str], now: int) -> dict[str, int]:
    """How many of each endpoint are leased, seen after its row was taken: nobody leases more meanwhile."""
    counted = connection.execute(_UNDER_WAY, {"names": list(names), "now": now})
    return {str(row[0]): int(row[1]) for row in counted}


def _wanted(row: sa.Row[*tuple[Any, ...]], busy: int, now: int, per_endpoint: int) -> int:
    """How many may leave now by the endpoint's share, recovery and rate."""
    widest = per_endpoint if row.at_once is None else min(row.at_once, per_endpoint)
    free = max(0, widest - busy)
    return allowance(row.free_at, row.per_minute, now, free)[0]


def _only_pending(endpoints: Mapping[str, sa.Row[*tuple[Any, ...]]]) -> frozenset[str]:
    return frozenset(name for name, row in endpoints.items() if row.state != "active")


def _leased(connection: sa.Connection, ids: Sequence[str], owner: str, now: int) -> list[Claimed]:
    if not ids:
        return []
    lease = uuid4().hex
    until = now + _span(LEASE)
    connection.execute(_LEASE_THEM, {"ids": ids, "now": now, "fresh": lease, "until": until, "by": owner})
    rows = connection.execute(_CLAIMED, {"ids": ids, "fresh": lease}).all()
    by_id = {row.delivery_id: row for row in rows}
    return [_claimed(by_id[one]) for one in ids if one in by_id]


_IDS: Final = sa.bindparam("ids", type_=sa.Text, expanding=True)
_LEASE_THEM: Final = (
    sa.update(DELIVERIES)
    .where(
        DELIVERIES.c.delivery_id.in_(
            sa.select(DELIVERIES.c.delivery_id)
            .where(
                DELIVERIES.c.delivery_id.in_(_IDS),
                DELIVERIES.c.state == "pending",
                DELIVERIES.c.leased_until <= _NOW,
            )
            .with_for_update(skip_locked=True)
        )
    )
    .values(lease=sa.bindparam("fresh"), leased_until=sa.bindparam("until"), lease_owner=sa.bindparam("by"))
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
    .where(DELIVERIES.c.delivery_id.in_(_IDS), DELIVERIES.c.lease == sa.bindparam("fresh"))
)


def _claimed(row: sa.Row[*tuple[Any, ...]]) -> Claimed:
    return Claimed(
        delivery_id=row.delivery_id,
        subscription_id=row.subscription_id,
        lease=row.lease,
        kind=row.kind,
        number=row.number,
        url=row.url,
        sealed_secret=bytes(row.secret),
        sealed_former_secrets=None if row.former_secrets is None else bytes(row.former_secrets),
        consent=row.consent,
        deliveries_per_minute=row.deliveries_per_minute,
        event_id=row.event_id,
        position=row.position,
        body=bytes(row.body),
    )


def _served(
    connection: sa.Connection,
    endpoints: Mapping[str, sa.Row[*tuple[Any, ...]]],
    claimed: Sequence[Claimed],
    now: int,
) -> None:
    """Note what left: the rate it used up, and that an open breaker is being probed.

    Asking for consent uses up no rate, which the endpoint may only then make known.
    """
    taken = Counter(one.subscription_id for one in claimed)
    counted = Counter(one.subscription_id for one in claimed if one.kind not in ASKING)
    served = [
        {
            "endpoint": name,
            "free": allowance(endpoints[name].free_at, endpoints[name].per_minute, now, counted[name])[1],
            "shown": "half_open" if endpoints[name].breaker == "open" else endpoints[name].breaker,
        }
        for name in taken
    ]
    if served:
        connection.execute(
            sa.update(ENDPOINTS)
            .where(ENDPOINTS.c.subscription_id == sa.bindparam("endpoint"))
            .values(free_at=sa.bindparam("free"), breaker=sa.bindparam("shown"), served_at=now),
            served,
        )


def extend_leases(database: Database, owner: str, delivery_ids: Sequence[str], *, now: int) -> int:
    """Keep what the worker `owner` has under way for another lease; returns how many.

    What was let go meanwhile, or is another's already, is not touched: its outcome cannot be recorded. What
    somebody is just writing to is passed over, so that none of them waits for the other in a circle.
    """
    columns = DELIVERIES.c
    held = (
        sa.select(columns.delivery_id)
        .where(columns.delivery_id.in_(delivery_ids), columns.lease_owner == owner)
        .with_for_update(skip_locked=True)
    )
    with database.write() as connection:
        extended = sa.update(DELIVERIES).where(columns.delivery_id.in_(held))
        return connection.execute(extended.values(leased_until=now + _span(LEASE))).rowcount


def presence_name(owner: str) -> str:
    """The election that a delivery worker wins, alone, for as long as it lives."""
    return f"deliver-{owner}"


def free_leases(database: Database, owner: str) -> int:
    """Let go of the leases of workers that are gone, for the living worker `owner`; returns how many."""
    return free_leases_of_the_gone(database, DELIVERIES, presence_name, owner)


_FIRST_DUE: Final = first_due(per_minute().label("per_minute"))


def next_due(database: Database) -> int | None:
    """When the next delivery can be claimed (microseconds), None when nothing waits that may leave."""
    with database.read() as connection:
        rows = connection.execute(_FIRST_DUE).all()
    found = [
        max(first, row.not_before if row.state == "active" else 0, may_leave_at(row.free_at, row.per_minute))
        for row, first in ((row, earliest(row)) for row in rows)
        if first is not None
    ]
    return min(found, default=None)


def _span(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1_000_000)
