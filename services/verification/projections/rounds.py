"""Monitoring rounds by quarter, and how far each has come."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal
from uuid import UUID

import sqlalchemy as sa

from services.kernel.calendar import Quarter
from services.kernel.database import BigInt
from services.kernel.journal.events import Event, microseconds
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.verification.contract.events import (
    CaseClosed,
    CaseOpened,
    CaseReopened,
    MonitoringRoundClosed,
    MonitoringRoundOpened,
    MonitoringRoundReopened,
    NotificationIssued,
)
from services.verification.domain.monitoring_round import Tally, round_id
from services.verification.projections.cases import CASES
from services.verification.schema import METADATA

ROUNDS: Final = sa.Table(
    "rounds",
    METADATA,
    sa.Column("round_id", sa.Uuid, primary_key=True),
    sa.Column("quarter", sa.Text, nullable=False, unique=True),
    sa.Column("last_day", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("known_to", BigInt, nullable=True),
    sa.Column("opened", sa.Integer, nullable=False),
    sa.Column("conforming", sa.Integer, nullable=False),
    sa.Column("excluded", sa.Integer, nullable=False),
    sa.Column("closed", sa.Integer, nullable=False),
    sa.Column("started_at", BigInt, nullable=False),
    sa.Column("finished_at", BigInt, nullable=True),
    sa.Column("version", sa.Integer, nullable=False),
)
"""The counts are folded from the cases' own facts, so that nobody ever counts a hundred thousand of them.
`started_at` and `finished_at` are legal instants in microseconds since 1970 (UTC)."""

_OF_THE_ROUND: Final = (MonitoringRoundOpened, MonitoringRoundClosed, MonitoringRoundReopened)
_OF_ITS_CASES: Final = (CaseOpened, NotificationIssued, CaseClosed, CaseReopened)


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A round: `entries` were included at the quarter's end as far as was known when it opened.

    `known_to` is the position of the industry authority's journal that this refers to.
    """

    round_id: UUID
    quarter: str
    last_day: str
    status: Literal["open", "closed"]
    entries: int
    known_to: int | None
    opened: int
    conforming: int
    excluded: int
    closed: int
    started_at: int
    finished_at: int | None
    version: int

    @property
    def tally(self) -> Tally:
        """What its cases have come to so far."""
        done = self.conforming + self.excluded + self.closed
        return Tally(self.conforming, self.excluded, self.closed, self.opened - done)


class Rounds(RowFold):
    """One row a round."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset({*_OF_THE_ROUND, *_OF_ITS_CASES})

    def __init__(self) -> None:
        super().__init__(ROUNDS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The round itself, or the one that a case belongs to."""
        data = recorded.fact.data
        if isinstance(data, _OF_THE_ROUND):
            return (recorded.fact.originator_id,)
        if isinstance(data, _OF_ITS_CASES) and data.quarter is not None:
            return (round_id(Quarter.parse(data.quarter)),)
        return ()

    def begins(self, recorded: Recorded) -> bool:
        """Opening begins a row."""
        return isinstance(recorded.fact.data, MonitoringRoundOpened)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, MonitoringRoundOpened):
            return {"round_id": key, **_begun(data, recorded), "version": recorded.fact.originator_version}
        if row is None:
            raise ValueError(f"{key} was never opened")
        if not isinstance(data, _OF_THE_ROUND):
            return {**row, **_counted(row, data)}
        finished = isinstance(data, MonitoringRoundClosed)
        return {
            **row,
            "status": "closed" if finished else "open",
            "finished_at": microseconds(recorded.fact.effective_at) if finished else None,
            "version": recorded.fact.originator_version,
        }


def _begun(data: MonitoringRoundOpened, recorded: Recorded) -> Row:
    return {
        "quarter": data.quarter,
        "last_day": data.last_day or Quarter.parse(data.quarter).last_day.isoformat(),
        "status": "open",
        "entries": data.entries,
        "known_to": data.known_to,
        "opened": 0,
        "conforming": 0,
        "excluded": 0,
        "closed": 0,
        "started_at": microseconds(recorded.fact.effective_at),
        "finished_at": None,
    }


def _counted(row: Row, data: object) -> Row:
    """A case opened, was notified on, fell away or goes on; a correction moves one to conforming."""
    if isinstance(data, CaseOpened):
        return {"opened": row["opened"] + 1}
    if isinstance(data, CaseClosed):
        return {"closed": row["closed"] + 1}
    if isinstance(data, CaseReopened):
        return {"closed": row["closed"] - 1}
    if isinstance(data, NotificationIssued):
        conforming = data.result == "conforms"
        excluded = row["excluded"] + (not conforming) - (data.corrects is not None)
        return {"conforming": row["conforming"] + conforming, "excluded": excluded}
    return {}


# --- queries -----------------------------------------------------------------------------------------


def find_round(connection: sa.Connection, quarter: str) -> RoundRow | None:
    """The round of a quarter, if it was opened."""
    wanted = [ROUNDS.c[name] for name in RoundRow.__dataclass_fields__]
    row = connection.execute(sa.select(*wanted).where(ROUNDS.c.quarter == quarter)).one_or_none()
    return None if row is None else RoundRow(*row)


def known_quarters(connection: sa.Connection) -> frozenset[str]:
    """Every quarter whose round was opened."""
    return frozenset(connection.execute(sa.select(ROUNDS.c.quarter)).scalars())


def open_rounds(connection: sa.Connection) -> list[str]:
    """The quarters whose rounds are not closed yet, oldest first."""
    found = connection.execute(
        sa.select(ROUNDS.c.quarter).where(ROUNDS.c.status == "open").order_by(ROUNDS.c.quarter)
    )
    return list(found.scalars())


def closed_without(connection: sa.Connection, entry_id: str, since: str) -> list[str]:
    """Quarters that ended on or after a day (ISO date) and were closed without a case on this entry."""
    has_case = (
        sa.select(CASES.c.case_id).where(CASES.c.origin == _origin(ROUNDS.c.quarter, entry_id)).exists()
    )
    found = connection.execute(
        sa.select(ROUNDS.c.quarter)
        .where(ROUNDS.c.status == "closed", ROUNDS.c.last_day >= since, ~has_case)
        .order_by(ROUNDS.c.quarter)
    )
    return list(found.scalars())


def _origin(quarter: sa.ColumnElement[str], entry_id: str) -> sa.ColumnElement[str]:
    return sa.literal("round:") + quarter + sa.literal(f":{entry_id}")
