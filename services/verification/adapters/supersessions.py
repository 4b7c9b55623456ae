"""Which document of an application was replaced by a later one: only ever added to, as the database enforces.

A document is known by its content, which two applications may share: so a replacement holds for one
application alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.database import BigInt, Database
from services.kernel.errors import Conflict
from services.verification.schema import METADATA

SUPERSESSIONS: Final = sa.Table(
    "document_supersessions",
    METADATA,
    sa.Column("application_id", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("superseded_by", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("marked_at", BigInt, nullable=False),
)
"""`actor` is the opaque id that facts record; `marked_at` in microseconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True)
class Supersession:
    """A later document takes the place of one that an application names."""

    application_id: str
    sha256: str
    superseded_by: str
    actor: str
    request_id: str
    marked_at: int


def record_supersession(database: Database, new: Supersession) -> Supersession:
    """Record a replacement once; the same one again answers as it did the first time.

    Raises `Conflict` (`document_superseded_already`, `replacement_superseded`).
    """
    columns = SUPERSESSIONS.c
    dialect = postgresql if database.is_postgresql else sqlite
    row = {column.name: getattr(new, column.name) for column in SUPERSESSIONS.columns}
    with database.write() as connection:
        if database.is_postgresql:  # two at once must not replace each other; SQLite has one writer
            key = f"supersession.{new.application_id}"
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
        if new.superseded_by in superseded_in(connection, new.application_id):
            raise Conflict("replacement_superseded", sha256=new.superseded_by)
        connection.execute(dialect.insert(SUPERSESSIONS).values(row).on_conflict_do_nothing())
        found = connection.execute(
            sa.select(SUPERSESSIONS).where(
                columns.application_id == new.application_id, columns.sha256 == new.sha256
            )
        )
        kept = Supersession(**found.mappings().one())
    if kept.superseded_by != new.superseded_by:
        raise Conflict("document_superseded_already", superseded_by=kept.superseded_by)
    return kept


def superseded_in(connection: sa.Connection, application_id: str) -> dict[str, str]:
    """The documents of an application that were replaced, each with the one in its place."""
    columns = SUPERSESSIONS.c
    rows = connection.execute(
        sa.select(columns.sha256, columns.superseded_by).where(columns.application_id == application_id)
    )
    return {row.sha256: row.superseded_by for row in rows}
