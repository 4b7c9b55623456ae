"""Which files were imported into the register of trusted software; the same content is imported once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from eventsourcing.persistence import IntegrityError

from services.kernel.database import BigInt
from services.kernel.journal.units import Recorded, Write
from services.verification.schema import METADATA

LISTING_IMPORTS: Final = sa.Table(
    "listing_imports",
    METADATA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("imported_at", BigInt, nullable=False),
)
"""`imported_at` in microseconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True)
class ListingImport:
    """A file that was imported: its digest, how many listings it made, who imported it and when."""

    sha256: str
    rows: int
    actor: str
    imported_at: int


def find_import(connection: sa.Connection, sha256: str) -> ListingImport | None:
    """The import of a file, by its digest."""
    query = sa.select(LISTING_IMPORTS).where(LISTING_IMPORTS.c.sha256 == sha256)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ListingImport(**row)


def keeping_import(new: ListingImport) -> Write:
    """A unit's write: the import stands or falls with its listings.

    Another import of the same file meanwhile makes the unit conflict.
    """

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        if find_import(connection, new.sha256) is not None:
            raise IntegrityError("the same file was imported meanwhile")
        connection.execute(
            sa.insert(LISTING_IMPORTS).values(
                sha256=new.sha256, rows=new.rows, actor=new.actor, imported_at=new.imported_at
            )
        )

    return write
