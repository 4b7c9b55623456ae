"""Whose evidence a document is: every upload of the same bytes is a filing of its own.

A document is known by its content, and its digest is public once an application names it. So whoever names a
digest shows nothing by that; what counts for a producer is what it uploaded itself, under any of its numbers,
or what an officer uploaded for it on a case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.database import BigInt
from services.kernel.personal_keys import pseudonym
from services.verification.schema import METADATA

FILINGS: Final = sa.Table(
    "document_filings",
    METADATA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("uploader", sa.Text, primary_key=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("recorded_at", BigInt, nullable=False),
    sa.Index("document_filings_uploader", "uploader"),
)
"""`uploader` is the BIN, or the IIN's pseudonym, that was acted for; the producer's id where an officer
uploaded for it, or where the IIN was erased; an officer's own `actor` where no case was named. `actor` is the
opaque id that facts record; `recorded_at` in microseconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True)
class Filing:
    """For whom a document is uploaded (BIN, IIN or producer's id) and by whom (the opaque id of facts)."""

    uploader: str
    actor: str


def record_filing(connection: sa.Connection, sha256: str, media_type: str, filing: Filing, *, at: int) -> str:
    """Record an upload; the same one again changes nothing. Returns the media type it was filed under.

    `at` in microseconds since 1970 (UTC).
    """
    columns = FILINGS.c
    uploader = pseudonym(connection, filing.uploader)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {
        "sha256": sha256,
        "uploader": uploader,
        "media_type": media_type,
        "actor": filing.actor,
        "recorded_at": at,
    }
    connection.execute(dialect.insert(FILINGS).values(row).on_conflict_do_nothing())
    kept: str = connection.execute(
        sa.select(columns.media_type).where(columns.sha256 == sha256, columns.uploader == uploader)
    ).scalar_one()
    return kept


def forget_uploader(connection: sa.Connection, number: str, producer_id: str) -> None:
    """Let the filings of an erased IIN (by its pseudonym) stand under the producer's id instead."""
    columns = FILINGS.c
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    names = [column.name for column in FILINGS.columns]
    under_id = [sa.literal(producer_id) if name == "uploader" else columns[name] for name in names]
    moved = sa.select(*under_id).where(columns.uploader == number)
    connection.execute(dialect.insert(FILINGS).from_select(names, moved).on_conflict_do_nothing())
    connection.execute(sa.delete(FILINGS).where(columns.uploader == number))
