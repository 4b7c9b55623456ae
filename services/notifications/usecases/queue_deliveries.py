"""Queue one delivery of an event for each subscription that asked for it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.feed.following import Foreign
from services.kernel.journal.events import new_event_id
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS


def queue_deliveries(connection: sa.Connection, foreign: Foreign, *, bin_: str | None, now: int) -> int:
    """Write the deliveries of an event with its recorded bytes; returns how many.

    `bin_` is the BIN the event concerns; a subscription for one BIN gets only events that concern it. A
    subscription still waiting for its challenge collects deliveries, which leave once it is confirmed.
    """
    wanted = [
        row.subscription_id
        for row in connection.execute(
            sa.select(
                SUBSCRIPTIONS.c.subscription_id, SUBSCRIPTIONS.c.event_types, SUBSCRIPTIONS.c.bin
            ).where(SUBSCRIPTIONS.c.state.in_(("pending", "active")))
        )
        if _asks_for(row.event_types, foreign.upstream.header.type) and row.bin in {None, bin_}
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


def _asks_for(event_types: str, type_name: str) -> bool:
    return not event_types or type_name in event_types.split(" ")
