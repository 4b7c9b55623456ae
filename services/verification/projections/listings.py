"""The register of trusted software as it was on any day (law 418-V art. 7-6)."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from typing import ClassVar, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.journal.events import Event
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.verification.contract.events import TrustedSoftwareDelisted, TrustedSoftwareListed
from services.verification.domain.criteria import Listing
from services.verification.schema import METADATA, VAULT

HOLDER_IIN: Final = "holder_iin"
"""The vault's field for an individual holder's number."""

LISTINGS: Final = sa.Table(
    "listings",
    METADATA,
    sa.Column("listing_id", sa.Uuid, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("holder_bin", sa.Text, nullable=True, index=True),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("matched_kk", sa.Text, nullable=False, index=True),
    sa.Column("matched_ru", sa.Text, nullable=False, index=True),
    sa.Column("listed_on", sa.Text, nullable=False),
    sa.Column("valid_until", sa.Text, nullable=True),
    sa.Column("delisted_on", sa.Text, nullable=True),
    sa.Column("version", sa.Integer, nullable=False),
)
"""`matched_*` are the normalised names by which a product is found."""

ONE_LISTED: Final = sa.Index(
    "listings_one_reference",
    LISTINGS.c.reference,
    unique=True,
    postgresql_where=LISTINGS.c.delisted_on.is_(None),
    sqlite_where=LISTINGS.c.delisted_on.is_(None),
)


class Listings(RowFold):
    """One row a listing."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset({TrustedSoftwareListed, TrustedSoftwareDelisted})

    def __init__(self) -> None:
        super().__init__(LISTINGS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The listing itself."""
        return (recorded.fact.originator_id,) if type(recorded.fact.data) in self.kinds else ()

    def begins(self, recorded: Recorded) -> bool:
        """Listing begins a row."""
        return isinstance(recorded.fact.data, TrustedSoftwareListed)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        version = recorded.fact.originator_version
        if isinstance(data, TrustedSoftwareListed):
            return {"listing_id": key, **_listed(data), "version": version}
        if row is None or not isinstance(data, TrustedSoftwareDelisted):
            raise ValueError(f"{key} was never listed")
        return {**row, "delisted_on": data.delisted_on, "version": version}


def _listed(data: TrustedSoftwareListed) -> Row:
    return {
        "reference": data.reference,
        "holder_bin": data.holder_bin,
        "name_kk": data.product_name.kk,
        "name_ru": data.product_name.ru,
        "matched_kk": normalised_name(data.product_name.kk),
        "matched_ru": normalised_name(data.product_name.ru),
        "listed_on": data.listed_on,
        "valid_until": data.valid_until,
        "delisted_on": None,
    }


# --- queries -----------------------------------------------------------------------------------------


def in_force(on: str) -> sa.ColumnElement[bool]:
    """A listing counts from its day to the day before its delisting, and to the last day of its validity."""
    columns = LISTINGS.c
    return sa.and_(
        columns.listed_on <= on,
        sa.or_(columns.delisted_on.is_(None), columns.delisted_on > on),
        sa.or_(columns.valid_until.is_(None), columns.valid_until >= on),
    )


def listing_in_force(
    connection: sa.Connection,
    holders: Container[str],
    name: OfficialText,
    on: str,
    *,
    leaving_out: UUID | None = None,
) -> Listing | None:
    """The listing of a product of one of `holders` (BIN or pseudonym) on a day (ISO date).

    Names are compared normalised; the Kazakh or the Russian one suffices, as where the register tells
    products apart. `leaving_out` is a listing about to be taken out.
    """
    for row in _of_product(connection, holders, name, in_force(on)):
        if row["listing_id"] != leaving_out:
            return Listing(str(row["reference"]), str(row["listed_on"]))
    return None


def delisted_by(
    connection: sa.Connection, holders: Container[str], name: OfficialText, on: str
) -> UUID | None:
    """The latest listing of a product that was taken out on or before a day (ISO date)."""
    found = _of_product(connection, holders, name, LISTINGS.c.delisted_on <= on)
    latest = max(found, key=lambda row: str(row["delisted_on"]), default=None)
    return None if latest is None else UUID(str(latest["listing_id"]))


def _of_product(
    connection: sa.Connection,
    holders: Container[str],
    name: OfficialText,
    condition: sa.ColumnElement[bool],
) -> list[Mapping[str, object]]:
    columns = LISTINGS.c
    rows = connection.execute(
        sa.select(LISTINGS)
        .where(
            sa.or_(
                columns.matched_kk == normalised_name(name.kk),
                columns.matched_ru == normalised_name(name.ru),
            ),
            condition,
        )
        .order_by(columns.listed_on, columns.listing_id)
    ).mappings()
    found = [dict(row) for row in rows]
    individuals = individual_holders(
        connection, [row["listing_id"] for row in found if not row["holder_bin"]]
    )
    return [row for row in found if (row["holder_bin"] or individuals.get(str(row["listing_id"]))) in holders]


def individual_holders(connection: sa.Connection, listing_ids: Sequence[object]) -> dict[str, str]:
    """The pseudonym of each listing's individual holder, by listing id; erased ones are absent."""
    if not listing_ids:
        return {}
    return VAULT.numbers_of(connection, [str(listing_id) for listing_id in listing_ids])


def is_known_reference(connection: sa.Connection, reference: str) -> bool:
    """True once a listing stood under this reference, delisted since or not: it names one product."""
    query = sa.select(LISTINGS.c.listing_id).where(LISTINGS.c.reference == reference)
    return connection.execute(query).first() is not None


def listed_references(connection: sa.Connection, references: Sequence[str]) -> frozenset[str]:
    """Which of the references a listing stood under, delisted since or not."""
    found: set[str] = set()
    for start in range(0, len(references), 500):
        query = sa.select(LISTINGS.c.reference).where(
            LISTINGS.c.reference.in_(references[start : start + 500])
        )
        found.update(connection.execute(query).scalars())
    return frozenset(found)


def list_listings(
    connection: sa.Connection,
    *,
    holder_bin: str | None,
    product: str | None,
    on: str | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Mapping[str, object]]:
    """At most `limit` listings in the order of their entry, behind the listing `after`."""
    columns = LISTINGS.c
    query = sa.select(LISTINGS).order_by(columns.listing_id).limit(limit)
    if holder_bin is not None:
        query = query.where(columns.holder_bin == holder_bin)
    if product is not None:
        wanted = normalised_name(product)
        query = query.where(sa.or_(columns.matched_kk == wanted, columns.matched_ru == wanted))
    if on is not None:
        query = query.where(in_force(on))
    if after is not None:
        query = query.where(columns.listing_id > after)
    return [dict(row) for row in connection.execute(query).mappings()]
