"""Who looked at which document, on which case and when: only ever added to, as the database enforces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import sqlalchemy as sa

from services.kernel.database import BigInt, Database
from services.kernel.journal.events import new_stream_id
from services.verification.schema import METADATA

LOOKS: Final = sa.Table(
    "document_looks",
    METADATA,
    sa.Column("look_id", sa.Uuid, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("seen_as", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("looked_at", BigInt, nullable=False),
    sa.Index("document_looks_document", "sha256", "look_id"),
)
"""`actor` is the opaque id that facts record; `looked_at` in microseconds since 1970 (UTC)."""

SeenAs = Literal["document", "localisation_report"]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a document, about to be answered."""

    sha256: str
    case_id: str
    seen_as: SeenAs
    actor: str
    request_id: str
    looked_at: int


@dataclass(frozen=True, slots=True)
class RecordedLook(Look):
    """A look with the id it was recorded under."""

    look_id: UUID


def record_look(database: Database, look: Look) -> None:
    """Record a look and commit it; only then may the document be shown (law 418-V art. 56)."""
    with database.write() as connection:
        connection.execute(
            sa.insert(LOOKS).values(
                look_id=new_stream_id(),
                sha256=look.sha256,
                case_id=look.case_id,
                seen_as=look.seen_as,
                actor=look.actor,
                request_id=look.request_id,
                looked_at=look.looked_at,
            )
        )


def list_looks(
    connection: sa.Connection, sha256: str, *, after: UUID | None, limit: int
) -> Sequence[RecordedLook]:
    """At most `limit` looks at one document, oldest first, behind the look `after`."""
    columns = LOOKS.c
    query = sa.select(LOOKS).where(columns.sha256 == sha256).order_by(columns.look_id).limit(limit)
    if after is not None:
        query = query.where(columns.look_id > after)
    return [RecordedLook(**row) for row in connection.execute(query).mappings()]
