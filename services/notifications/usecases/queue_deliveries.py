"""Queue one delivery of an event for each subscription that asked for it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.feed.following import Foreign
from services.kernel.journal.events import new_event_id
from services.notifications.domain.filters import Concerns, Filter
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS


def queue_deliveries(connection: sa.Connection, foreign: Foreign, concerns: Concerns, *, now: int) -> int:
    """Write the deliveries of an event with its recorded bytes; returns how many.

    A subscription still waiting for its consent, and a paused one, collect deliveries, which leave once it is
    active.
    """
    columns = SUBSCRIPTIONS.c
    collecting = sa.select(
        columns.subscription_id,
        columns.event_types,
        columns.bin,
        columns.product_id,
        columns.status,
        columns.region,
        columns.track,
    ).where(columns.state.in_(("pending", "active", "paused")))
    wanted = [
        subscription_id
        for subscription_id, event_types, *bounds in connection.execute(collecting)
        if Filter(tuple(event_types.split()), *bounds).asks_for(foreign.upstream.header.type, concerns)
    ]
    if not wanted:
        return 0
    keep_event(
        connection,
        foreign.fact.id,
        foreign.upstream.header.type,
        foreign.upstream.record,
        position=foreign.upstream.position,
    )
    connection.execute(
        sa.insert(DELIVERIES),
        [delivery_row(subscription, foreign.fact.id, "event", now) for subscription in wanted],
    )
    return len(wanted)


def keep_event(
    connection: sa.Connection, event_id: str, type_name: str, body: bytes, *, position: int | None = None
) -> None:
    """Keep what is posted, once."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"event_id": event_id, "type": type_name, "position": position, "body": body}
    connection.execute(insert(EVENTS).values(row).on_conflict_do_nothing())


def delivery_row(subscription_id: str, event_id: str, kind: str, now: int) -> dict[str, object]:
    """A delivery due at once."""
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
    }
