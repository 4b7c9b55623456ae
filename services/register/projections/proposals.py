"""What waits for a second officer, and what came of others: one row a proposal, oldest first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.database import BigInt
from services.kernel.journal.events import Event
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.register.domain.proposal import ProposalStatus
from services.register.schema import METADATA, VAULT

CONTENT: Final = "content"
REASONS: Final = "reasons"


def proposal_table(name: str, key: str) -> sa.Table:
    """A table of proposals by their id `key`.

    `proposal` is the proposing event's id, under which the vault holds what is proposed.
    """
    return sa.Table(
        name,
        METADATA,
        sa.Column(key, sa.Uuid, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("first_position", BigInt, nullable=False),
        sa.Column("proposal", sa.Text, nullable=False),
        sa.Index(f"{name}_status", "status", "first_position"),
        sa.Index(f"{name}_order", "first_position", unique=True),
    )


class Proposals(RowFold):
    """One row a proposal."""

    def __init__(
        self, table: sa.Table, *, proposed: type[Event], approved: type[Event], declined: type[Event]
    ) -> None:
        super().__init__(table)
        self._statuses: Mapping[type[Event], ProposalStatus] = {
            proposed: "proposed",
            approved: "approved",
            declined: "declined",
        }

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The proposal itself."""
        return (recorded.fact.originator_id,) if type(recorded.fact.data) in self._statuses else ()

    def begins(self, recorded: Recorded) -> bool:
        """A proposal begins a row."""
        return self._statuses.get(type(recorded.fact.data)) == "proposed"

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        begun = row or {
            self._key.name: key,
            "first_position": recorded.position,
            "proposal": recorded.fact.id,
        }
        return {**begun, "status": self._statuses[type(recorded.fact.data)]}


@dataclass(frozen=True, slots=True)
class FoundProposal:
    """A proposal and its place in the list."""

    id: UUID
    first_position: int


def list_proposals(
    connection: sa.Connection, table: sa.Table, *, status: ProposalStatus | None, after: int, limit: int
) -> list[FoundProposal]:
    """At most `limit` proposals made behind position `after`, oldest first."""
    (key,) = table.primary_key.columns
    columns = table.c
    query = (
        sa.select(key, columns.first_position)
        .where(columns.first_position > after)
        .order_by(columns.first_position)
        .limit(limit)
    )
    if status is not None:
        query = query.where(columns.status == status)
    return [FoundProposal(*row) for row in connection.execute(query)]


def encoded(proposed: msgspec.Struct) -> dict[str, str]:
    """What is proposed, as the vault holds it."""
    return {CONTENT: msgspec.json.encode(proposed).decode()}


def encoded_reasons(reasons: OfficialText) -> dict[str, str]:
    """Why a proposal was declined, as the vault holds it."""
    return {REASONS: msgspec.json.encode(reasons).decode()}


def contents_in(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, str]:
    """What is proposed, encoded, by the proposing event's id; erased ones are absent."""
    opened = VAULT.of_events(connection, event_ids)
    return {event_id: fields[CONTENT].value for event_id, fields in opened.items() if CONTENT in fields}


def declined_for(connection: sa.Connection, event_ids: Sequence[str]) -> dict[str, OfficialText]:
    """Why proposals were declined, by the declining event's id; erased ones are absent."""
    opened = VAULT.of_events(connection, event_ids)
    return {
        event_id: msgspec.json.decode(fields[REASONS].value, type=OfficialText)
        for event_id, fields in opened.items()
        if REASONS in fields
    }
