"""Products by producer and name: the same normalised name, in Kazakh or in Russian, is the same product."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.projection import Row, RowFold
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.register.contract.events import ApplicationFiled
from services.register.schema import METADATA

PRODUCTS: Final = sa.Table(
    "products",
    METADATA,
    sa.Column("product_id", sa.Uuid, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.UniqueConstraint("producer_id", "name_kk", name="products_name_kk"),
    sa.UniqueConstraint("producer_id", "name_ru", name="products_name_ru"),
)


class Products(RowFold):
    """One row a product, under the names of its first filing."""

    def __init__(self) -> None:
        super().__init__(PRODUCTS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The product of a filing."""
        data = recorded.fact.data
        return (UUID(data.product_id),) if isinstance(data, ApplicationFiled) else ()

    def begins(self, recorded: Recorded) -> bool:
        """A first filing follows nothing; a reapplication's product has its row."""
        data = recorded.fact.data
        return isinstance(data, ApplicationFiled) and data.follows is None

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact: that of the first filing stays."""
        data = recorded.fact.data
        if row is not None or not isinstance(data, ApplicationFiled):
            return row or {}
        return {
            "product_id": key,
            "producer_id": UUID(data.producer.producer_id),
            "name_kk": normalised_name(data.product.name.kk),
            "name_ru": normalised_name(data.product.name.ru),
        }
