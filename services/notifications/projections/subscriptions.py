"""Subscriptions of one owner, and what became of their deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from services.kernel.errors import NotFound
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS, SUBSCRIPTIONS


def subscription_of(
    connection: sa.Connection,
    owner: str,
    subscription_id: str,
    *,
    to_change: bool = False,
    or_deleted: bool = False,
) -> sa.RowMapping:
    """One subscription of its owner. Raises `NotFound` for another's, as for none.

    One that is read `to_change` stays as it is until the transaction ends. A deleted one is none, unless it
    is asked for.
    """
    columns = SUBSCRIPTIONS.c
    query = sa.select(SUBSCRIPTIONS).where(columns.subscription_id == subscription_id, columns.owner == owner)
    if not or_deleted:
        query = query.where(columns.state != "deleted")
    found = connection.execute(query.with_for_update() if to_change else query)
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound("subscription_unknown", id=subscription_id)
    return row


def subscriptions_of(
    connection: sa.Connection, owner: str, *, after: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """At most `limit` subscriptions of an owner after `after` (an id), oldest first."""
    columns = SUBSCRIPTIONS.c
    query = sa.select(SUBSCRIPTIONS).where(columns.owner == owner, columns.state != "deleted")
    if after is not None:
        query = query.where(columns.subscription_id > after)
    return connection.execute(query.order_by(columns.subscription_id).limit(limit)).mappings().all()


def deliveries_of(
    connection: sa.Connection, subscription_id: str, *, before: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """At most `limit` deliveries older than `before` (a delivery id), newest first."""
    columns = DELIVERIES.c
    query = (
        sa.select(DELIVERIES, EVENTS.c.type, EVENTS.c.position)
        .join_from(DELIVERIES, EVENTS, EVENTS.c.event_id == columns.event_id)
        .where(columns.subscription_id == subscription_id)
    )
    if before is not None:
        query = query.where(columns.delivery_id < before)
    return connection.execute(query.order_by(columns.delivery_id.desc()).limit(limit)).mappings().all()


def attempts_of(connection: sa.Connection, delivery_ids: Iterable[str]) -> dict[str, list[sa.RowMapping]]:
    """The attempts of deliveries, in order, by delivery id."""
    query = (
        sa.select(ATTEMPTS)
        .where(ATTEMPTS.c.delivery_id.in_(list(delivery_ids)))
        .order_by(ATTEMPTS.c.delivery_id, ATTEMPTS.c.number)
    )
    found: dict[str, list[sa.RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["delivery_id"], []).append(row)
    return found
