"""The informatization authority's trusted software listings, as followed (law 418-V art. 7-6).

No facts of the register: a table of another authority's facts, kept for origin checks and always readable
again from its journal.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.rows import BulkUpsert
from services.kernel.names import normalised_name
from services.register.domain.origin import Listing
from services.register.projections.parts import in_parts
from services.register.schema import FOLLOWING, METADATA

TRUSTED_LISTINGS: Final = sa.Table(
    "trusted_listings",
    METADATA,
    sa.Column("listing_id", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False, index=True),
    sa.Column("holder", sa.Text, nullable=True, index=True),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("listed_on", sa.Text, nullable=False),
    sa.Column("valid_until", sa.Text, nullable=True),
    sa.Column("delisted_on", sa.Text, nullable=True),
    sa.Column("position", BigInt, nullable=False),
)
"""`holder` is a BIN or IIN, None once erased; days are ISO dates in Asia/Almaty; `position` is upstream's."""

_UPSERT: Final = BulkUpsert(TRUSTED_LISTINGS)


def keep_listing(connection: sa.Connection, listing: Listing, position: int) -> None:
    """Keep a listing as the upstream journal states it at `position`."""
    columns = ("listing_id", "reference", "holder", "listed_on", "valid_until", "delisted_on")
    row = {name: getattr(listing, name) for name in columns}
    row |= {"name_kk": normalised_name(listing.name_kk), "name_ru": normalised_name(listing.name_ru)}
    _UPSERT(connection, [{**row, "position": position}])


def keep_delisting(connection: sa.Connection, listing_id: str, delisted_on: str, position: int) -> bool:
    """Keep a delisting; False when the listing is not known here."""
    changed = connection.execute(
        sa.update(TRUSTED_LISTINGS)
        .where(TRUSTED_LISTINGS.c.listing_id == listing_id)
        .values(delisted_on=delisted_on, position=position)
    )
    return changed.rowcount == 1


def listings_of(
    connection: sa.Connection, *, holders: Collection[str], references: Collection[str]
) -> list[Listing]:
    """Every listing, past or present, of these holders or under these references."""
    columns = TRUSTED_LISTINGS.c
    found: dict[str, Listing] = {}
    for column, values in ((columns.holder, holders), (columns.reference, references)):
        for some in in_parts(set(values)):
            for row in connection.execute(sa.select(TRUSTED_LISTINGS).where(column.in_(some))):
                found[row.listing_id] = Listing(*row[:-1])
    return list(found.values())


def upstream_position(connection: sa.Connection, upstream: str) -> int:
    """How far the informatization authority's journal has been followed."""
    cursors = FOLLOWING.cursors.c
    query = sa.select(cursors.position).where(cursors.upstream == upstream)
    return connection.execute(query).scalar_one_or_none() or 0
