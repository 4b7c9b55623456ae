"""Products by producer and name: the same normalised name, in Kazakh or in Russian, is the same product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.rows import BulkUpsert, Row
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.register.contract.events import ApplicationFiled, ApplicationSatisfied, InclusionRefused
from services.register.schema import METADATA

PRODUCTS: Final = sa.Table(
    "products",
    METADATA,
    sa.Column("product_id", sa.Uuid, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("decided", sa.Uuid, nullable=True),
    sa.Column("decided_as", sa.Text, nullable=True),
    sa.UniqueConstraint("producer_id", "name_kk", name="products_name_kk"),
    sa.UniqueConstraint("producer_id", "name_ru", name="products_name_ru"),
)
"""`decided` is the latest application that ended in inclusion or refusal: what a reapplication follows."""

_DECIDE: Final = (
    sa.update(PRODUCTS)
    .where(PRODUCTS.c.product_id == sa.bindparam("product"))
    .values(decided=sa.bindparam("application"), decided_as=sa.bindparam("outcome"))
)


class Products:
    """One row a product, under the names of its first filing."""

    tables: Sequence[sa.Table] = (PRODUCTS,)

    def __init__(self) -> None:
        self._insert = BulkUpsert(PRODUCTS, replace=False)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the products that filings name for the first time; note what was decided."""
        rows: dict[str, Row] = {}
        decided: dict[str, Row] = {}
        for recorded in facts:
            data = recorded.fact.data
            if isinstance(data, ApplicationFiled):
                rows.setdefault(data.product_id, _row(data))
            elif isinstance(data, ApplicationSatisfied):
                decided[data.entry_id] = _decision(data.entry_id, data.application_id, "included")
            elif isinstance(data, InclusionRefused):
                decided[data.product_id] = _decision(data.product_id, data.application_id, "refused")
        self._insert(connection, list(rows.values()))
        if decided:
            connection.execute(_DECIDE, list(decided.values()))


def _row(filed: ApplicationFiled) -> Row:
    return {
        "product_id": UUID(filed.product_id),
        "producer_id": UUID(filed.producer.producer_id),
        "name_kk": normalised_name(filed.product.name.kk),
        "name_ru": normalised_name(filed.product.name.ru),
        "decided": None,
        "decided_as": None,
    }


def _decision(product_id: str, application_id: str, outcome: str) -> Row:
    return {"product": UUID(product_id), "application": UUID(application_id), "outcome": outcome}
