"""Products by producer and name: the same normalised name, in Kazakh or in Russian, is the same product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.journal.rows import BulkUpdate, BulkUpsert, Row
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import ApplicationFiled, ApplicationSatisfied, InclusionRefused
from services.register.schema import METADATA

PRODUCTS: Final = sa.Table(
    "products",
    METADATA,
    sa.Column("product_id", sa.Uuid, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
    sa.Column("decided", sa.Uuid, nullable=True),
    sa.Column("decided_as", sa.Text, nullable=True),
)
"""`decided` is the latest application that ended in inclusion or refusal: what a reapplication follows."""

PRODUCT_NAMES: Final = sa.Table(
    "product_names",
    METADATA,
    sa.Column("product_id", sa.Uuid, primary_key=True),
    sa.Column("language", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False),
    sa.UniqueConstraint("producer_id", "language", "name", name="product_names_one_product"),
    sa.Index("product_names_name", "name"),
)
"""Every normalised name, Kazakh (`kk`) or Russian (`ru`), ever filed for a product or corrected to."""


class Products:
    """One row a product, and one for each name it was given; no two products of a producer share one."""

    tables: Sequence[sa.Table] = (PRODUCTS, PRODUCT_NAMES)

    def __init__(self) -> None:
        self._insert = BulkUpsert(PRODUCTS, replace=False)
        self._name = BulkUpsert(PRODUCT_NAMES, replace=False)
        self._decide = BulkUpdate(PRODUCTS, "decided", "decided_as")

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the products and names that filings bring, the names of corrections; note what was decided."""
        rows: dict[str, Row] = {}
        names: dict[tuple[str, str, str], Row] = {}
        decided: dict[str, Row] = {}
        for recorded in facts:
            data = recorded.fact.data
            if isinstance(data, ApplicationFiled):
                rows.setdefault(data.product_id, _row(data))
                added = _names(data.product_id, data.producer.producer_id, data.product.name)
                names |= {(data.product_id, row["language"], row["name"]): row for row in added}
            elif isinstance(data, EntryCorrected) and data.product is not None:
                added = _names(data.entry_id, data.producer.producer_id, data.product.name)
                names |= {(data.entry_id, row["language"], row["name"]): row for row in added}
            elif isinstance(data, ApplicationSatisfied):
                decided[data.entry_id] = _decision(data.entry_id, data.application_id, "included")
            elif isinstance(data, InclusionRefused):
                decided[data.product_id] = _decision(data.product_id, data.application_id, "refused")
        self._insert(connection, list(rows.values()))
        self._name(connection, list(names.values()))
        self._decide(connection, list(decided.values()))


def _row(filed: ApplicationFiled) -> Row:
    return {
        "product_id": UUID(filed.product_id),
        "producer_id": UUID(filed.producer.producer_id),
        "decided": None,
        "decided_as": None,
    }


def _names(product_id: str, producer_id: str, name: OfficialText) -> list[Row]:
    return [
        {
            "product_id": UUID(product_id),
            "language": language,
            "name": normalised_name(text),
            "producer_id": UUID(producer_id),
        }
        for language, text in (("kk", name.kk), ("ru", name.ru))
    ]


def _decision(product_id: str, application_id: str, outcome: str) -> Row:
    return {"product_id": UUID(product_id), "decided": UUID(application_id), "decided_as": outcome}


def product_named(
    connection: sa.Connection, producer_id: UUID, name: OfficialText, *, but: UUID
) -> UUID | None:
    """Another product of a producer than `but` that bears one of these names, Kazakh or Russian."""
    columns = PRODUCT_NAMES.c
    query = sa.select(columns.product_id).where(
        columns.producer_id == producer_id,
        columns.product_id != but,
        sa.or_(
            sa.and_(columns.language == "kk", columns.name == normalised_name(name.kk)),
            sa.and_(columns.language == "ru", columns.name == normalised_name(name.ru)),
        ),
    )
    return connection.execute(query.limit(1)).scalar_one_or_none()
