"""Queue one delivery of an event for each subscription that asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.feed.following import Foreign
from services.kernel.journal.events import new_event_id
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.filters import Concerns, Filter
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS

OWN, NEW, AGAIN = 0, 1, 2
"""Priorities: what asks for consent, and tests; first tries of events; what is made again."""
OWN_KINDS: Final = frozenset({"challenge", "handshake", "test"})
_MANY: Final = sa.text(
    "INSERT INTO deliveries (delivery_id, subscription_id, event_id, kind, state, attempts, next_at, "
    "leased_until, priority, job_id) SELECT one.id, one.endpoint, :event_id, 'event', 'pending', 0, :now, 0, "
    ":priority, '' FROM unnest(CAST(:ids AS text[]), CAST(:endpoints AS text[])) AS one(id, endpoint)"
)


def queue_deliveries(connection: sa.Connection, foreign: Foreign, concerns: Concerns, *, now: int) -> int:
    """Write the deliveries of an event with its recorded bytes; returns how many.

    A subscription still waiting for its consent, and a paused one, collect deliveries, which leave once it is
    active.
    """
    columns = SUBSCRIPTIONS.c
    collecting = sa.select(columns.subscription_id, columns.ordering, *FILTER_COLUMNS).where(
        columns.state.in_(("pending", "active", "paused"))
    )
    wanted = [
        row
        for row in connection.execute(collecting)
        if filter_of(row).asks_for(foreign.upstream.header.type, concerns)
    ]
    if not wanted:
        return 0
    event_id, header = foreign.fact.id, foreign.upstream.header
    keep_event(connection, event_id, header.type, foreign.upstream.record, position=foreign.upstream.position)
    _queue(connection, [row.subscription_id for row in wanted if row.ordering != "fifo"], event_id, now)
    for row in wanted:
        if row.ordering == "fifo":
            line_up(connection, delivery_row(row.subscription_id, event_id, "event", now), header.subject)
    return len(wanted)


FILTER_COLUMNS: Final = (
    SUBSCRIPTIONS.c.event_types,
    SUBSCRIPTIONS.c.bin,
    SUBSCRIPTIONS.c.product_id,
    SUBSCRIPTIONS.c.status,
    SUBSCRIPTIONS.c.region,
    SUBSCRIPTIONS.c.track,
)


def filter_of(row: sa.Row[*tuple[Any, ...]]) -> Filter:
    """What a subscription asks for, from its `FILTER_COLUMNS`."""
    types = tuple(row.event_types.split())
    return Filter(types, row.bin, row.product_id, row.status, row.region, row.track)


def _queue(connection: sa.Connection, endpoints: Sequence[str], event_id: str, now: int) -> None:
    """One statement for however many endpoints."""
    if not endpoints:
        return
    if connection.dialect.name != "postgresql":
        rows = [delivery_row(endpoint, event_id, "event", now) for endpoint in endpoints]
        connection.execute(sa.insert(DELIVERIES), rows)
        return
    ids = [new_event_id() for _ in endpoints]
    values = {"ids": ids, "endpoints": list(endpoints), "event_id": event_id, "now": now, "priority": NEW}
    connection.execute(_MANY, values)


def line_up(connection: sa.Connection, row: dict[str, object], subject: str) -> None:
    """Write a delivery behind those of its subject that are not over yet (ordering `fifo`).

    The endpoint's row is held until the transaction ends, so that the one before it is not over meanwhile.
    """
    columns, endpoint = DELIVERIES.c, str(row["subscription_id"])
    hold_line(connection, endpoint)
    before = (
        sa.select(columns.delivery_id)
        .where(
            columns.subscription_id == endpoint,
            columns.subject == subject,
            columns.subject.is_not(None),
            columns.state.in_(("pending", "waiting")),
        )
        .limit(1)
    )
    behind = connection.execute(before).first() is not None
    lined = {**row, "subject": subject, "state": "waiting" if behind else "pending"}
    connection.execute(sa.insert(DELIVERIES).values(lined))


def hold_line(connection: sa.Connection, endpoint: str) -> None:
    """Nobody lines up or goes on in an endpoint's lines until the transaction ends."""
    row = sa.select(ENDPOINTS.c.subscription_id).where(ENDPOINTS.c.subscription_id == endpoint)
    connection.execute(row.with_for_update())


def next_in_line(connection: sa.Connection, endpoint: str, subject: str, now: int) -> None:
    """The next delivery of a subject may leave when the one before it is over."""
    columns = DELIVERIES.c
    first = (
        sa.select(columns.delivery_id)
        .where(
            columns.subscription_id == endpoint,
            columns.subject == subject,
            columns.subject.is_not(None),
            columns.state.in_(("pending", "waiting")),
        )
        .order_by(columns.delivery_id)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(DELIVERIES)
        .where(columns.delivery_id == first, columns.state == "waiting")
        .values(state="pending", next_at=now)
    )


def keep_event(
    connection: sa.Connection, event_id: str, type_name: str, body: bytes, *, position: int | None = None
) -> None:
    """Keep what is posted, once."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"event_id": event_id, "type": type_name, "position": position, "body": body}
    connection.execute(insert(EVENTS).values(row).on_conflict_do_nothing())


def delivery_row(
    subscription_id: str, event_id: str, kind: str, now: int, *, job_id: str = ""
) -> dict[str, object]:
    """A delivery due at once; what a job makes comes after new events."""
    priority = OWN if kind in OWN_KINDS else NEW
    return {
        "delivery_id": new_event_id(),
        "subscription_id": subscription_id,
        "event_id": event_id,
        "kind": kind,
        "state": "pending",
        "attempts": 0,
        "next_at": now,
        "lease": None,
        "leased_until": 0,
        "lease_owner": None,
        "priority": AGAIN if job_id else priority,
        "job_id": job_id,
    }
