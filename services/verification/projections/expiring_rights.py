"""Rights with a known last day behind the entries of the register, so that none ends unnoticed.

One row a document of exclusive rights that states until when it holds. Kept by the inbox like the periods of
inclusion; `signalled` is set by the unit that records the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from eventsourcing import persistence
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.journal.units import Recorded, Write
from services.verification.projections.included_entries import INCLUDED_ENTRIES, IncludedEntry
from services.verification.schema import METADATA

KINDS: Final = frozenset({"copyright_certificate", "employment_agreement", "rights_alienation_agreement"})
"""The documents that show exclusive rights (order of 28.11.2025)."""

EXPIRING_RIGHTS: Final = sa.Table(
    "expiring_rights",
    METADATA,
    sa.Column("entry_id", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("valid_until", sa.Text, nullable=False),
    sa.Column("signalled", sa.Boolean, nullable=False),
    sa.Index("expiring_rights_due", "signalled", "valid_until"),
)
"""`valid_until` is the last day on which the right holds (ISO date, Asia/Almaty)."""


@dataclass(frozen=True, slots=True)
class ExpiringRight:
    """A document of an entry's application, and the last day of the right it shows (ISO date)."""

    entry_id: str
    sha256: str
    kind: str
    valid_until: str


def keep_rights(entry: IncludedEntry) -> Write:
    """A unit's write that watches the rights an entry is included on, and no longer those of a former filing.

    What was signalled once stays so when the entry comes back on the same documents.
    """
    rights = {
        document.sha256: {
            "entry_id": entry.entry_id,
            "sha256": document.sha256,
            "kind": document.kind,
            "valid_until": document.valid_until,
            "signalled": False,
        }
        for document in entry.filing.documents
        if document.kind in KINDS and document.valid_until is not None
    }

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns = EXPIRING_RIGHTS.c
        connection.execute(
            sa.delete(EXPIRING_RIGHTS).where(
                columns.entry_id == entry.entry_id, columns.sha256.not_in(list(rights))
            )
        )
        if rights:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(EXPIRING_RIGHTS).on_conflict_do_nothing()
            connection.execute(insert, list(rights.values()))

    return write


def mark_signalled(right: ExpiringRight) -> Write:
    """A unit's write that says a right's end was signalled.

    Raises the library's `IntegrityError` when another process did so meanwhile.
    """

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns = EXPIRING_RIGHTS.c
        marked = connection.execute(
            sa.update(EXPIRING_RIGHTS)
            .where(
                columns.entry_id == right.entry_id,
                columns.sha256 == right.sha256,
                columns.signalled.is_(False),
            )
            .values(signalled=True)
        )
        if marked.rowcount != 1:
            raise persistence.IntegrityError(f"the right of {right.entry_id} was signalled meanwhile")

    return write


def ended_before(connection: sa.Connection, today: str, limit: int) -> list[ExpiringRight]:
    """Rights of included entries that ended before `today` (ISO date) and were not signalled."""
    columns = EXPIRING_RIGHTS.c
    periods = INCLUDED_ENTRIES.c
    included = (
        sa.select(periods.begun_by)
        .where(periods.entry_id == columns.entry_id, periods.until_on.is_(None))
        .exists()
    )
    rows = connection.execute(
        sa.select(columns.entry_id, columns.sha256, columns.kind, columns.valid_until)
        .where(columns.signalled.is_(False), columns.valid_until < today, included)
        .order_by(columns.valid_until, columns.entry_id)
        .limit(limit)
    )
    return [ExpiringRight(*row) for row in rows]
