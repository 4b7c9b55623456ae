"""Operational webhooks: what happens to an owner's endpoints, told to its endpoints that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from services.notifications.domain.filters import Reach, names
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.own_events import own_event
from services.notifications.usecases.queue_deliveries import delivery_row, event_row, keep_events

ENDPOINT_DISABLED: Final = "kz.notifications.endpoint.disabled.v1"
ENDPOINT_FAILING: Final = "kz.notifications.endpoint.failing.v1"
DELIVERY_EXHAUSTED: Final = "kz.notifications.delivery.exhausted.v1"
DELIVERY_RECOVERED: Final = "kz.notifications.delivery.recovered.v1"
_NOTHING: Final = Reach(producer=False, product=False, statuses=frozenset())
_TYPES: Final = (ENDPOINT_DISABLED, ENDPOINT_FAILING, DELIVERY_EXHAUSTED, DELIVERY_RECOVERED)
OPERATIONAL_TYPES: Final[Mapping[str, Reach]] = dict.fromkeys(_TYPES, _NOTHING)
"""They are asked for by name or prefix only: a subscription without types means the register's events."""


def tell_owner(
    connection: sa.Connection, subscription_id: str, type_name: str, data: Mapping[str, str], *, now: int
) -> int:
    """Queue an operational event about a subscription for its owner's others that ask; returns how many."""
    columns = SUBSCRIPTIONS.c
    owner = sa.select(columns.owner).where(columns.subscription_id == subscription_id).scalar_subquery()
    others = connection.execute(
        sa.select(columns.subscription_id, columns.event_types).where(
            columns.owner == owner,
            columns.subscription_id != subscription_id,
            columns.state.in_(("active", "paused")),
        )
    )
    wanted = [other for other, types in others if any(names(one, type_name) for one in types.split())]
    if not wanted:
        return 0
    event_id, body = own_event(type_name, subscription_id, {"subscription_id": subscription_id, **data}, now)
    keep_events(connection, [event_row(event_id, type_name, body)])
    rows = [delivery_row(other, event_id, "operational", now) for other in wanted]
    connection.execute(sa.insert(DELIVERIES), rows)
    return len(wanted)
