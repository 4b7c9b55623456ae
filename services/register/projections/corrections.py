"""Corrections of entries as officers see them: what waits for a second officer, what came of others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.database import BigInt
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.register.contract.corrections import CorrectionApproved, CorrectionDeclined, CorrectionProposed
from services.register.domain.correction import CorrectionStatus, Proposed
from services.register.schema import METADATA, VAULT

CORRECTIONS: Final = sa.Table(
    "corrections",
    METADATA,
    sa.Column("correction_id", sa.Uuid, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("first_position", BigInt, nullable=False),
    sa.Column("proposal", sa.Text, nullable=False),
    sa.Index("corrections_status", "status", "first_position"),
    sa.Index("corrections_order", "first_position", unique=True),
)
"""`proposal` is the proposing event's id, under which the vault holds what is proposed."""

CONTENT: Final = "content"
REASONS: Final = "reasons"
_STATUS: Final[dict[type, CorrectionStatus]] = {
    CorrectionProposed: "proposed",
    CorrectionApproved: "approved",
    CorrectionDeclined: "declined",
}
_DECODER: Final = msgspec.json.Decoder(Proposed)


class Corrections(RowFold):
    """One row a correction."""

    def __init__(self) -> None:
        super().__init__(CORRECTIONS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The correction itself."""
        return (recorded.fact.originator_id,) if type(recorded.fact.data) in _STATUS else ()

    def begins(self, recorded: Recorded) -> bool:
        """A proposal begins a row."""
        return isinstance(recorded.fact.data, CorrectionProposed)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        begun = row or {
            "correction_id": key,
            "first_position": recorded.position,
            "proposal": recorded.fact.id,
        }
        return {**begun, "status": _STATUS[type(recorded.fact.data)]}


@dataclass(frozen=True, slots=True)
class FoundCorrection:
    """A correction and its place in the list."""

    correction_id: UUID
    first_position: int


def list_corrections(
    connection: sa.Connection, *, status: CorrectionStatus | None, after: int, limit: int
) -> list[FoundCorrection]:
    """At most `limit` corrections proposed behind position `after`, oldest first."""
    columns = CORRECTIONS.c
    query = (
        sa.select(columns.correction_id, columns.first_position)
        .where(columns.first_position > after)
        .order_by(columns.first_position)
        .limit(limit)
    )
    if status is not None:
        query = query.where(columns.status == status)
    return [FoundCorrection(row.correction_id, row.first_position) for row in connection.execute(query)]


def encoded(proposed: Proposed) -> dict[str, str]:
    """What is proposed, as the vault holds it."""
    return {CONTENT: msgspec.json.encode(proposed).decode()}


def encoded_reasons(reasons: OfficialText) -> dict[str, str]:
    """Why a correction was declined, as the vault holds it."""
    return {REASONS: msgspec.json.encode(reasons).decode()}


def proposed_in(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, Proposed]:
    """What is proposed, by the proposing event's id."""
    opened = VAULT.of_events(connection, event_ids)
    return {event_id: _DECODER.decode(fields[CONTENT].value) for event_id, fields in opened.items()}


def declined_for(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, OfficialText]:
    """Why corrections were declined, by the declining event's id."""
    opened = VAULT.of_events(connection, event_ids)
    return {
        event_id: msgspec.json.decode(fields[REASONS].value, type=OfficialText)
        for event_id, fields in opened.items()
        if REASONS in fields
    }
