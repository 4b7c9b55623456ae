"""Monitoring rounds by quarter."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.verification.contract.events import MonitoringRoundClosed, MonitoringRoundOpened
from services.verification.schema import METADATA

ROUNDS: Final = sa.Table(
    "rounds",
    METADATA,
    sa.Column("round_id", sa.Uuid, primary_key=True),
    sa.Column("quarter", sa.Text, nullable=False, unique=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A round as opened: `entries` were included at the quarter's end as far as was known then."""

    round_id: UUID
    quarter: str
    status: str
    entries: int
    version: int


class Rounds(RowFold):
    """One row a round."""

    def __init__(self) -> None:
        super().__init__(ROUNDS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The round itself."""
        kinds = (MonitoringRoundOpened, MonitoringRoundClosed)
        return (recorded.fact.originator_id,) if isinstance(recorded.fact.data, kinds) else ()

    def begins(self, recorded: Recorded) -> bool:
        """Opening begins a row."""
        return isinstance(recorded.fact.data, MonitoringRoundOpened)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        version = recorded.fact.originator_version
        if isinstance(data, MonitoringRoundOpened):
            opened = {"round_id": key, "quarter": data.quarter, "entries": data.entries}
            return {**opened, "status": "open", "version": version}
        if row is None:
            raise ValueError(f"{key} was never opened")
        return {**row, "status": "closed", "version": version}


def find_round(connection: sa.Connection, quarter: str) -> RoundRow | None:
    """The round of a quarter, if it was opened."""
    row = connection.execute(
        sa.select(
            ROUNDS.c.round_id, ROUNDS.c.quarter, ROUNDS.c.status, ROUNDS.c.entries, ROUNDS.c.version
        ).where(ROUNDS.c.quarter == quarter)
    ).one_or_none()
    return None if row is None else RoundRow(*row)


def open_rounds(connection: sa.Connection) -> list[str]:
    """The quarters whose rounds are not closed yet, oldest first."""
    found = connection.execute(
        sa.select(ROUNDS.c.quarter).where(ROUNDS.c.status == "open").order_by(ROUNDS.c.quarter)
    )
    return list(found.scalars())
