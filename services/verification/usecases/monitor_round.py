"""Carry a monitoring round on: open the cases that are still missing, and close it when all are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa
from eventsourcing.persistence import PersistenceError

from services.kernel.calendar import Quarter
from services.kernel.errors import Conflict, Unavailable
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Work
from services.kernel.telemetry import logger
from services.verification.domain.case import Case
from services.verification.domain.monitoring_round import MonitoringRound, Tally, round_id
from services.verification.projections.cases import cases_of_round
from services.verification.projections.included_entries import (
    Passed,
    entries_noted,
    is_included,
    known_to,
    last_noted,
    passed,
)
from services.verification.projections.round_progress import Progress, advance, progress_of
from services.verification.projections.rounds import find_round
from services.verification.usecases.conclude_case import conclude_by_judgement
from services.verification.usecases.monitoring import monitoring
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.pace import Pace
from services.verification.usecases.practice import Practice

BATCH: Final = 500
_Unit = Callable[[Work, Practice, Quarter, int], int]


class Paces:
    """How much a unit takes on when it opens cases, and when it judges them; neither exceeds `most`."""

    def __init__(self, most: int = BATCH) -> None:
        self.opening = Pace(least=100, most=most)
        self.judging = Pace(least=10, most=most)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a round stands; it can be closed when nothing of this changes until then."""

    status: str
    progress: Progress
    noted: int
    tally: Tally

    @property
    def is_done(self) -> bool:
        return self.status == "open" and self.progress.opened >= self.noted and not self.tally.under_way


def carry_on(
    journal: Journal, practice: Practice, quarter: Quarter, paces: Paces, *, settled: bool = True
) -> float | None:
    """Order 327 para. 29: one step of a round, one unit of work; the seconds to rest, None when none is left.

    First every entry gets its case, then the cases are judged where that step is automatic; both walk the
    periods of inclusion in the order in which they became known, and keep their place in the same unit. So
    what was killed before its commit is simply done by the next step. The round is closed only when
    `settled`: the register's facts of the quarter are all known here.
    """
    with journal.database.read() as connection:
        standing = _standing(connection, quarter)
    if standing.status != "open":
        return None
    if standing.progress.opened < standing.noted:
        paces.opening.timed(lambda size: _run(journal, _open_cases, practice, quarter, size))
        return paces.opening.rest
    if practice.is_automatic("monitoring") and standing.progress.judged < standing.progress.opened:
        paces.judging.timed(lambda size: _run(journal, _judge_cases, practice, quarter, size))
        return paces.judging.rest
    if settled and standing.is_done:
        _run(journal, _close_when_done, practice, quarter, 0)
    return None


def _standing(connection: sa.Connection, quarter: Quarter) -> _Standing:
    found = find_round(connection, str(quarter))
    return _Standing(
        status=found.status if found else "unknown",
        progress=progress_of(connection, str(quarter)),
        noted=last_noted(connection),
        tally=found.tally if found else Tally(),
    )


def _run(journal: Journal, unit: _Unit, practice: Practice, quarter: Quarter, size: int) -> int:
    """One unit; when another process was faster, nothing: the next step reads where the round stands then."""
    try:
        return journal.transact(lambda work: unit(work, practice, quarter, size)).result or 0
    except Conflict as conflict:
        if conflict.code != "changed_meanwhile":
            raise
        return 0


def _open_cases(work: Work, practice: Practice, quarter: Quarter, size: int) -> int:
    """Open at most `size` cases; returns how many periods of inclusion the unit met."""
    act, day = practice.own_act(), quarter.last_day.isoformat()
    with work.database.read() as connection:
        progress = progress_of(connection, str(quarter))
        noted = last_noted(connection)
    found = work.rely_on(partial(passed, day=day, after=progress.opened, upto=noted, limit=size))
    with work.database.read() as connection:
        entries = entries_noted(connection, [period.noted for period in found])
        known = set(cases_of_round(connection, str(quarter), [period.entry_id for period in found]))
    for period in found:
        if period.entry_id in known:
            continue
        known.add(period.entry_id)
        case = begin_case(practice, act, monitoring(entries[period.noted], quarter=quarter))
        if not _is_still_included(work, period):
            case.close(act, "excluded")
        work.save(case)
    work.write(advance(str(quarter), "opened", progress.opened, _reached(found, size, noted)))
    return len(found)


def _is_still_included(work: Work, period: Passed) -> bool:
    return period.runs or work.rely_on(partial(is_included, entry_id=period.entry_id))


def _judge_cases(work: Work, practice: Practice, quarter: Quarter, size: int) -> int:
    """Conclude at most `size` cases as the judgement says; those it cannot end wait for an officer."""
    act, day = practice.own_act(), quarter.last_day.isoformat()
    with work.database.read() as connection:
        progress = progress_of(connection, str(quarter))
        found = passed(connection, day, after=progress.judged, upto=progress.opened, limit=size)
        cases = cases_of_round(connection, str(quarter), [period.entry_id for period in found])
    for case_id, status in cases.values():
        if status != "open":
            continue
        case = work.load(Case, case_id)
        if case.status == "open" and _is_concluded(work, practice, act, case):
            work.save(case)
    work.write(advance(str(quarter), "judged", progress.judged, _reached(found, size, progress.opened)))
    return len(found)


def _is_concluded(work: Work, practice: Practice, act: Act, case: Case) -> bool:
    """False where there is an obstacle, and where judging fails: one case must not stop a round of others.

    A store that cannot answer now is no matter of the case: the whole unit is tried again.
    """
    try:
        return conclude_by_judgement(work, practice, act, case)
    except (Unavailable, sa.exc.SQLAlchemyError, PersistenceError):
        raise
    except Exception as error:  # noqa: BLE001  # told, and left to an officer
        logger.error("a case could not be judged", exc_info=error, extra={"case_id": str(case.id)})
        return False


def _reached(found: list[Passed], size: int, end: int) -> int:
    """Up to where a walk is done: the last period met, or the end where fewer were left than asked for."""
    return found[-1].noted if len(found) == size else end


def _close_when_done(work: Work, practice: Practice, quarter: Quarter, _size: int) -> int:
    standing = work.rely_on(lambda connection: _standing(connection, quarter))
    if not standing.is_done:
        return 0
    with work.database.read() as connection:
        known = known_to(connection)
    monitored = work.load(MonitoringRound, round_id(quarter))
    monitored.close(practice.own_act(), standing.tally, known_to=known)
    work.save(monitored)
    return 1
