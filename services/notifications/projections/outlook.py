"""Whether subscriptions can be expected to hear anything: filters that seem to match nothing are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.notifications.schema import DELIVERIES, PRODUCERS, PRODUCTS

QUIET: Final = timedelta(days=30) // timedelta(microseconds=1)


def warnings_of(
    connection: sa.Connection, rows: Sequence[sa.RowMapping], *, now: int
) -> dict[str, list[str]]:
    """Codes of warnings by subscription id. `now` in microseconds."""
    owners = _producers_of_products(connection, {row["product_id"] for row in rows} - {None})
    known = _known_bins(connection, {row["bin"] for row in rows} - {None})
    heard = _last_heard(connection, [row["subscription_id"] for row in rows])
    found: dict[str, list[str]] = {}
    for row in rows:
        codes, product_id = [], row["product_id"]
        if product_id is not None and product_id not in owners:
            codes.append("product_not_seen")
        if row["bin"] is not None and row["bin"] not in known:
            codes.append("producer_not_seen")
        if None not in (product_id, row["bin"]) and owners.get(product_id, row["bin"]) != row["bin"]:
            codes.append("product_of_another_producer")
        if now - max(row["created_at"], heard.get(row["subscription_id"], 0)) > QUIET:
            codes.append("nothing_for_30_days")
        found[row["subscription_id"]] = codes
    return found


def _producers_of_products(connection: sa.Connection, product_ids: set[str]) -> dict[str, str]:
    """The BIN or IIN behind each known product."""
    query = (
        sa.select(PRODUCTS.c.product_id, PRODUCERS.c.identifier)
        .join(PRODUCERS, PRODUCERS.c.producer_id == PRODUCTS.c.producer_id)
        .where(PRODUCTS.c.product_id.in_(product_ids))
    )
    return {row.product_id: row.identifier for row in connection.execute(query)} if product_ids else {}


def _known_bins(connection: sa.Connection, bins: set[str]) -> set[str]:
    query = sa.select(PRODUCERS.c.identifier).where(PRODUCERS.c.identifier.in_(bins))
    return set(connection.execute(query).scalars()) if bins else set()


def _last_heard(connection: sa.Connection, subscription_ids: Sequence[str]) -> dict[str, int]:
    """When the last event was queued for each (microseconds): ids of deliveries are UUIDv7."""
    columns = DELIVERIES.c
    query = (
        sa.select(columns.subscription_id, sa.func.max(columns.delivery_id))
        .where(columns.subscription_id.in_(subscription_ids), columns.kind == "event")
        .group_by(columns.subscription_id)
    )
    return {
        subscription_id: (UUID(delivery_id).int >> 80) * 1_000
        for subscription_id, delivery_id in connection.execute(query)
    }
