"""Whether subscriptions can be expected to hear anything: filters that seem to match nothing are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.notifications.schema import DELIVERIES, FORMER_BINS, PRODUCERS, PRODUCTS, SUBSCRIPTIONS

QUIET: Final = timedelta(days=30) // timedelta(microseconds=1)
_HEARD: Final = ("event", "operational")


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
        theirs = known.get(row["bin"], set())
        if product_id in owners and row["bin"] is not None and owners[product_id] not in theirs:
            codes.append("product_of_another_producer")
        if now - max(row["created_at"], heard.get(row["subscription_id"], 0)) > QUIET:
            codes.append("nothing_for_30_days")
        found[row["subscription_id"]] = codes
    return found


def _producers_of_products(connection: sa.Connection, product_ids: set[str]) -> dict[str, str]:
    """The producer of each known product."""
    columns = PRODUCTS.c
    query = sa.select(columns.product_id, columns.producer_id).where(columns.product_id.in_(product_ids))
    return {row.product_id: row.producer_id for row in connection.execute(query)} if product_ids else {}


def _known_bins(connection: sa.Connection, bins: set[str]) -> dict[str, set[str]]:
    """The producers that have or had each of these BINs; those that nobody did are absent."""
    present = sa.select(PRODUCERS.c.identifier.label("bin"), PRODUCERS.c.producer_id)
    former = sa.select(FORMER_BINS.c.bin, FORMER_BINS.c.producer_id)
    query = sa.union_all(
        present.where(PRODUCERS.c.identifier.in_(bins)), former.where(FORMER_BINS.c.bin.in_(bins))
    )
    found: dict[str, set[str]] = {}
    for row in connection.execute(query) if bins else ():
        found.setdefault(row.bin, set()).add(row.producer_id)
    return found


def _last_heard(connection: sa.Connection, subscription_ids: Sequence[str]) -> dict[str, int]:
    """When the last event was queued for each (microseconds): ids of deliveries are UUIDv7.

    Of each the index is asked for the last one.
    """
    columns = DELIVERIES.c
    last = (
        sa.select(columns.delivery_id)
        .where(columns.subscription_id == SUBSCRIPTIONS.c.subscription_id, columns.kind.in_(_HEARD))
        .order_by(columns.delivery_id.desc())
        .limit(1)
        .correlate(SUBSCRIPTIONS)
        .scalar_subquery()
    )
    query = sa.select(SUBSCRIPTIONS.c.subscription_id, last).where(
        SUBSCRIPTIONS.c.subscription_id.in_(subscription_ids)
    )
    return {
        subscription_id: (UUID(delivery_id).int >> 80) * 1_000
        for subscription_id, delivery_id in connection.execute(query)
        if delivery_id is not None
    }
