"""Applications by product: at most one pending for each (DOMAIN: a reapplication while pending is a 409)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import ClassVar, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.events import Event
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Prepared, Row
from services.kernel.journal.units import Recorded
from services.register.contract.events import (
    ApplicationClosed,
    ApplicationFiled,
    ApplicationSatisfied,
    ApplicationWithdrawn,
    InclusionRefused,
)
from services.register.schema import METADATA

APPLICATIONS: Final = sa.Table(
    "applications",
    METADATA,
    sa.Column("application_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("producer_id", sa.Uuid, nullable=False),
    sa.Column("product_id", sa.Uuid, nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("filed_by", sa.Text, nullable=False),
    sa.Index("applications_producer", "producer_id", "status"),
)
"""`filed_by` is the id of the filing's event, under which the vault holds the contacts given with it."""

ONE_PENDING: Final = sa.Index(
    "applications_one_pending",
    APPLICATIONS.c.product_id,
    unique=True,
    postgresql_where=APPLICATIONS.c.status == "filed",
    sqlite_where=APPLICATIONS.c.status == "filed",
)

_ENDS: Final[dict[type[Event], str]] = {
    ApplicationWithdrawn: "withdrawn",
    ApplicationClosed: "closed",
    ApplicationSatisfied: "included",
    InclusionRefused: "refused",
}


class Applications(RowFold):
    """One row an application."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset({ApplicationFiled, *_ENDS})

    def __init__(self) -> None:
        super().__init__(APPLICATIONS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The application itself."""
        kind = type(recorded.fact.data)
        return (recorded.fact.originator_id,) if kind is ApplicationFiled or kind in _ENDS else ()

    def begins(self, recorded: Recorded) -> bool:
        """Filing begins a row."""
        return isinstance(recorded.fact.data, ApplicationFiled)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, ApplicationFiled):
            return {
                "application_id": key,
                "number": data.number,
                "producer_id": UUID(data.producer.producer_id),
                "product_id": UUID(data.product_id),
                "status": "filed",
                "filed_by": recorded.fact.id,
            }
        if row is None:
            raise ValueError(f"{key} has no filing")
        return {**row, "status": _ENDS[type(data)]}


_OF_PRODUCT: Final = Prepared(
    sa.select(APPLICATIONS.c.application_id)
    .where(
        APPLICATIONS.c.product_id == sa.bindparam("product_id"),
        APPLICATIONS.c.status == sa.bindparam("status"),
    )
    .order_by(APPLICATIONS.c.number)
)


def of_product(connection: sa.Connection, product_id: UUID, status: str) -> list[UUID]:
    """The applications for a product with this status, oldest first."""
    return _OF_PRODUCT.first_column(connection, product_id=product_id, status=status)


def products_pending(connection: sa.Connection, producer_id: UUID) -> set[UUID]:
    """The products for which a producer has a pending application."""
    columns = APPLICATIONS.c
    found = connection.execute(
        sa.select(columns.product_id).where(columns.producer_id == producer_id, columns.status == "filed")
    )
    return set(found.scalars())
