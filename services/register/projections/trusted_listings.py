"""The informatization authority's trusted software listings, as followed (law 418-V art. 7-6).

No facts of the register: a table of another authority's facts, kept for origin checks. They are known here
only once followed, so each row also says since when this register knows of the listing and of its end: an
answer "as known then" must not know earlier than the register did. What is listed can be read again from the
other journal; since when it was known here stands in this table alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.events import microseconds
from services.kernel.journal.rows import BulkUpsert
from services.kernel.names import normalised_name
from services.kernel.personal_keys import pseudonym
from services.register.domain.origin import Listing
from services.register.projections.parts import in_parts
from services.register.schema import FOLLOWING, JOURNAL, METADATA

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
    sa.Column("known_from", BigInt, nullable=False),
    sa.Column("delisting_position", BigInt, nullable=True),
    sa.Column("delisting_known_from", BigInt, nullable=True),
)
"""`holder` is a BIN or an IIN's pseudonym, None once erased; days are ISO dates in Asia/Almaty; positions are
upstream's; `known_from` instants are this register's, in microseconds since 1970 (UTC)."""

_UPSERT: Final = BulkUpsert(TRUSTED_LISTINGS)
_LAST: Final = sa.select(JOURNAL.events.c.recorded_at).order_by(JOURNAL.events.c.position.desc()).limit(1)


def keep_listing(connection: sa.Connection, listing: Listing, position: int, now: datetime) -> None:
    """Keep a listing as the upstream journal states it at `position`, known from `now` on.

    `connection` holds the journal's ordering lock, so that what was recorded before was known before.
    """
    columns = ("listing_id", "reference", "holder", "listed_on", "valid_until", "delisted_on")
    known_from = _known_from(connection, now)
    row = {name: getattr(listing, name) for name in columns}
    row |= {"name_kk": normalised_name(listing.name_kk), "name_ru": normalised_name(listing.name_ru)}
    row |= {"holder": listing.holder and pseudonym(connection, listing.holder)}
    row |= {"position": position, "known_from": known_from}
    ended = listing.delisted_on is not None
    row |= {
        "delisting_position": position if ended else None,
        "delisting_known_from": known_from if ended else None,
    }
    _UPSERT(connection, [row])


def keep_delisting(
    connection: sa.Connection, listing_id: str, delisted_on: str, position: int, now: datetime
) -> bool:
    """Keep a delisting, known from `now` on; False when the listing is not known here."""
    changed = connection.execute(
        sa.update(TRUSTED_LISTINGS)
        .where(TRUSTED_LISTINGS.c.listing_id == listing_id)
        .values(
            delisted_on=delisted_on,
            delisting_position=position,
            delisting_known_from=_known_from(connection, now),
        )
    )
    return changed.rowcount == 1


def forget_holder(
    connection: sa.Connection, numbers: Collection[str] = (), listing_ids: Collection[str] = ()
) -> None:
    """Erase an individual holder: by pseudonym, or of the listings where the other authority erased it."""
    columns = TRUSTED_LISTINGS.c
    concerned = sa.or_(columns.holder.in_(numbers), columns.listing_id.in_(listing_ids))
    connection.execute(sa.update(TRUSTED_LISTINGS).where(concerned).values(holder=None))


def _known_from(connection: sa.Connection, now: datetime) -> int:
    """Now, but later than all that is recorded: recorded instants may run ahead of a clock that stands."""
    recorded = connection.execute(_LAST).scalar_one_or_none() or 0
    return max(microseconds(now), recorded + 1)


def listings_of(
    connection: sa.Connection,
    *,
    holders: Collection[str],
    references: Collection[str],
    known_at: int | None = None,
) -> list[Listing]:
    """Every listing, past or present, of these holders (by pseudonym) or under these references.

    With `known_at` (microseconds since 1970, UTC) only what the register knew by that instant.
    """
    columns = TRUSTED_LISTINGS.c
    known = sa.true() if known_at is None else columns.known_from <= known_at
    found: dict[str, Listing] = {}
    for column, values in ((columns.holder, holders), (columns.reference, references)):
        for some in in_parts(set(values)):
            for row in connection.execute(sa.select(TRUSTED_LISTINGS).where(column.in_(some), known)):
                found[row.listing_id] = _listing(row, known_at)
    return list(found.values())


def _listing(row: sa.Row[tuple[object, ...]], known_at: int | None) -> Listing:
    ended = row.delisted_on is not None and (known_at is None or row.delisting_known_from <= known_at)
    return Listing(
        listing_id=row.listing_id,
        reference=row.reference,
        holder=row.holder,
        name_kk=row.name_kk,
        name_ru=row.name_ru,
        listed_on=row.listed_on,
        valid_until=row.valid_until,
        delisted_on=row.delisted_on if ended else None,
    )


def upstream_position(connection: sa.Connection, upstream: str) -> int:
    """How far the informatization authority's journal has been followed."""
    cursors = FOLLOWING.cursors.c
    query = sa.select(cursors.position).where(cursors.upstream == upstream)
    return connection.execute(query).scalar_one_or_none() or 0


def position_known_at(connection: sa.Connection, known_at: int) -> int:
    """The upstream position of the last listing or delisting known by an instant (microseconds)."""
    columns = TRUSTED_LISTINGS.c
    last = [
        connection.execute(sa.select(sa.func.max(position)).where(known_from <= known_at)).scalar_one()
        for position, known_from in (
            (columns.position, columns.known_from),
            (columns.delisting_position, columns.delisting_known_from),
        )
    ]
    return max((position for position in last if position is not None), default=0)
