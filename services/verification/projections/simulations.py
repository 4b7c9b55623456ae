"""Simulations under way and done, and the decisions that would differ: primary rows beside the journal.

A simulation is a question, not a legal fact: it stands in no event and touches no case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.rows import BulkUpsert
from services.verification.domain.simulation import Change, Looser, SimulationTally
from services.verification.projections.judged_cases import DecidedCase, Mark, Period
from services.verification.schema import METADATA

SimulationStatus = Literal["queued", "running", "done", "cancelled"]
UNDER_WAY: Final = ("queued", "running")

SIMULATIONS: Final = sa.Table(
    "simulations",
    METADATA,
    sa.Column("simulation_id", sa.Uuid, primary_key=True),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("draft", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("first_day", sa.Text, nullable=False),
    sa.Column("last_day", sa.Text, nullable=False),
    sa.Column("looser", sa.LargeBinary, nullable=False),
    sa.Column("compared_with", sa.Text, nullable=True),
    sa.Column("requested_at", BigInt, nullable=False),
    sa.Column("finished_at", BigInt, nullable=True),
    sa.Column("cases_found", sa.Integer, nullable=False),
    sa.Column("differences", sa.Integer, nullable=False),
    sa.Column("mark_date", sa.Text, nullable=True),
    sa.Column("mark_case", sa.Uuid, nullable=True),
    sa.Column("tally", sa.LargeBinary, nullable=False),
)
"""`requested_at` and `finished_at` in microseconds since 1970 (UTC); `mark_*` is how far it has come."""

SIMULATION_DIFFERENCES: Final = sa.Table(
    "simulation_differences",
    METADATA,
    sa.Column("simulation_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False),
    sa.Column("legal_date", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("producer_id", sa.Text, nullable=False),
    sa.Column("bin", sa.Text, nullable=True),
    sa.Column("product_name_kk", sa.Text, nullable=False),
    sa.Column("product_name_ru", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("departs", sa.Boolean, nullable=False),
    sa.Column("conforms", sa.Boolean, nullable=False),
    sa.Column("changes", sa.LargeBinary, nullable=False),
    sa.Column("overridden", sa.LargeBinary, nullable=True),
)
"""One row a decision that would differ; `conforms` is the draft's answer, `overridden` the criteria that an
officer answered otherwise than the rules, none where there were none."""

_INSERT: Final = BulkUpsert(SIMULATION_DIFFERENCES)
_ENCODER: Final = msgspec.json.Encoder()
_CHANGES: Final = msgspec.json.Decoder(list[Change])
_NAMES: Final = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulation as it stands. `compared_with` is the rule set (id@version) the draft was held against."""

    simulation_id: UUID
    status: SimulationStatus
    draft: bytes
    digest: str
    period: Period
    looser: tuple[Looser, ...]
    compared_with: str | None
    requested_at: int
    finished_at: int | None
    cases_found: int
    differences: int
    mark: Mark | None
    tally: SimulationTally


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that would differ."""

    case: DecidedCase
    conforms: bool
    changes: tuple[Change, ...]


def add_simulation(connection: sa.Connection, simulation: Simulation) -> None:
    """Queue a simulation."""
    names = [column.name for column in SIMULATIONS.columns]
    row = {name: getattr(simulation, name) for name in names if hasattr(simulation, name)}
    row |= {"first_day": simulation.period.first_day, "last_day": simulation.period.last_day}
    row |= {"looser": _ENCODER.encode(simulation.looser), "tally": _ENCODER.encode(simulation.tally)}
    connection.execute(sa.insert(SIMULATIONS).values(row))


def find_simulation(connection: sa.Connection, simulation_id: UUID) -> Simulation | None:
    """A simulation by its id."""
    query = sa.select(SIMULATIONS).where(SIMULATIONS.c.simulation_id == simulation_id)
    return _simulation(connection.execute(query).mappings().one_or_none())


def next_simulation(connection: sa.Connection) -> Simulation | None:
    """The oldest simulation that is not finished; one that a killed process left running comes first."""
    columns = SIMULATIONS.c
    query = (
        sa.select(SIMULATIONS)
        .where(columns.status.in_(UNDER_WAY))
        .order_by(columns.status.desc(), columns.simulation_id)
        .limit(1)
    )
    return _simulation(connection.execute(query).mappings().one_or_none())


def same_under_way(connection: sa.Connection, digest: str, period: Period) -> Simulation | None:
    """A simulation of the same draft and period that is not finished."""
    columns = SIMULATIONS.c
    query = (
        sa.select(SIMULATIONS)
        .where(
            columns.status.in_(UNDER_WAY),
            columns.digest == digest,
            columns.first_day == period.first_day,
            columns.last_day == period.last_day,
        )
        .limit(1)
    )
    return _simulation(connection.execute(query).mappings().one_or_none())


def count_under_way(connection: sa.Connection) -> int:
    """How many simulations are not finished."""
    query = sa.select(sa.func.count()).where(SIMULATIONS.c.status.in_(UNDER_WAY))
    return int(connection.execute(query).scalar_one())


def cancel_simulation(connection: sa.Connection, simulation_id: UUID, at: int) -> bool:
    """Cancel a simulation; False when it was finished already."""
    columns = SIMULATIONS.c
    changed = connection.execute(
        sa.update(SIMULATIONS)
        .where(columns.simulation_id == simulation_id, columns.status.in_(UNDER_WAY))
        .values(status="cancelled", finished_at=at)
    )
    return changed.rowcount == 1


def advance(
    connection: sa.Connection, was: Simulation, became: Simulation, found: Sequence[Difference]
) -> bool:
    """Store a step, from exactly the mark it began at; False when it was cancelled or done by another."""
    columns = SIMULATIONS.c
    at_case = columns.mark_case == was.mark[1] if was.mark else columns.mark_case.is_(None)
    mark_date, mark_case = became.mark or (None, None)
    changed = connection.execute(
        sa.update(SIMULATIONS)
        .where(columns.simulation_id == was.simulation_id, columns.status.in_(UNDER_WAY), at_case)
        .values(
            status=became.status,
            finished_at=became.finished_at,
            cases_found=became.cases_found,
            differences=became.differences,
            mark_date=mark_date,
            mark_case=mark_case,
            tally=_ENCODER.encode(became.tally),
        )
    )
    if changed.rowcount != 1:
        return False
    _INSERT(connection, [_row(was, number, one) for number, one in enumerate(found, was.differences + 1)])
    return True


def differences_of(
    connection: sa.Connection, simulation_id: UUID, *, after: int, limit: int
) -> Sequence[Mapping[str, Any]]:
    """At most `limit` differences behind a number, in the order in which they were found."""
    columns = SIMULATION_DIFFERENCES.c
    query = (
        sa.select(SIMULATION_DIFFERENCES)
        .where(columns.simulation_id == simulation_id, columns.number > after)
        .order_by(columns.number)
        .limit(limit)
    )
    rows = connection.execute(query).mappings()
    return [
        {
            **row,
            "changes": _CHANGES.decode(row["changes"]),
            "overridden": _NAMES.decode(row["overridden"]) if row["overridden"] is not None else [],
        }
        for row in rows
    ]


def _row(simulation: Simulation, number: int, found: Difference) -> dict[str, Any]:
    case = found.case
    overridden = case.judged.overridden if case.judged is not None else ()
    return {
        "simulation_id": simulation.simulation_id,
        "number": number,
        "case_id": case.case_id,
        "legal_date": case.legal_date,
        "kind": case.kind,
        "producer_id": case.producer_id,
        "bin": case.bin,
        "product_name_kk": case.product_name_kk,
        "product_name_ru": case.product_name_ru,
        "result": case.result,
        "departs": case.departs,
        "conforms": found.conforms,
        "changes": _ENCODER.encode(found.changes),
        "overridden": _ENCODER.encode(overridden) if overridden else None,
    }


def _simulation(row: sa.RowMapping | None) -> Simulation | None:
    if row is None:
        return None
    mark = (row["mark_date"], row["mark_case"]) if row["mark_case"] is not None else None
    return Simulation(
        simulation_id=row["simulation_id"],
        status=row["status"],
        draft=bytes(row["draft"]),
        digest=row["digest"],
        period=Period(row["first_day"], row["last_day"]),
        looser=msgspec.json.decode(row["looser"], type=tuple[Looser, ...]),
        compared_with=row["compared_with"],
        requested_at=row["requested_at"],
        finished_at=row["finished_at"],
        cases_found=row["cases_found"],
        differences=row["differences"],
        mark=mark,
        tally=msgspec.json.decode(row["tally"], type=SimulationTally),
    )


def purge(connection: sa.Connection, *, finished_before: int, limit: int) -> int:
    """Delete at most `limit` rows of simulations that ended before an instant (microseconds).

    A simulation goes once all its differences are gone, so that no difference is ever left without its own.
    Returns how many rows it deleted.
    """
    differences, columns = SIMULATION_DIFFERENCES.c, SIMULATIONS.c
    old = sa.select(columns.simulation_id).where(
        columns.status.not_in(UNDER_WAY), columns.finished_at < finished_before
    )
    identity = sa.tuple_(differences.simulation_id, differences.number)
    some = (
        sa.select(differences.simulation_id, differences.number)
        .where(differences.simulation_id.in_(old))
        .limit(limit)
    )
    deleted = connection.execute(sa.delete(SIMULATION_DIFFERENCES).where(identity.in_(some))).rowcount
    if deleted < limit:
        gone = sa.delete(SIMULATIONS).where(columns.simulation_id.in_(old.limit(limit - deleted)))
        deleted += connection.execute(gone).rowcount
    return deleted
