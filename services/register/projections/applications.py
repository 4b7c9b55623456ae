"""Applications by product: keeps at most one pending for each (DOMAIN: a reapplication while pending is a 409)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.events import Event
from services.kernel.journal.projection import Row, RowFold
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
    sa.Column("product_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Index("applications_producer", "producer_id", "status"),
)
PENDING: Final = sa.Index(
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
            }
        if row is None:
            raise ValueError(f"{key} has no filing")
        return {**row, "status": _ENDS[type(data)]}


def pending_of_product(connection: sa.Connection, product_id: UUID) -> UUID | None:
    """The pending application for a product, if any."""
    return connection.execute(
        sa.select(APPLICATIONS.c.application_id).where(
            APPLICATIONS.c.product_id == product_id, APPLICATIONS.c.status == "filed"
        )
    ).scalar_one_or_none()


def pending_of_producer(connection: sa.Connection, producer_id: UUID) -> list[UUID]:
    """Every pending application of a producer."""
    found = connection.execute(
        sa.select(APPLICATIONS.c.application_id)
        .where(APPLICATIONS.c.producer_id == producer_id, APPLICATIONS.c.status == "filed")
        .order_by(APPLICATIONS.c.number)
    )
    return list(found.scalars())
