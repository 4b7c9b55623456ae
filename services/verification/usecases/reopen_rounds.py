"""Go on with rounds and their cases when an entry turns out to have been included after all."""

from __future__ import annotations

from functools import partial

from services.kernel.calendar import Quarter
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.domain.monitoring_round import MonitoringRound, round_id
from services.verification.projections.cases import closed_of_rounds
from services.verification.projections.included_entries import Ended
from services.verification.projections.rounds import closed_without
from services.verification.usecases.practice import Practice


def reopen_rounds(work: Work, act: Act, *, entry_id: str, since: str, known_by: str) -> None:
    """Order 327 para. 29: every entry included at a quarter's end is monitored, however late that is known.

    The entry counts as included from the day `since` (ISO date) on, by the register's event `known_by`.
    Rounds still open meet it by themselves.
    """
    for quarter in work.rely_on(partial(closed_without, entry_id=entry_id, since=since)):
        monitored = work.load(MonitoringRound, round_id(Quarter.parse(quarter)))
        if monitored.reopen(act, entry_id=entry_id, known_by=known_by):
            work.save(monitored)


def reopen_cases(
    work: Work, practice: Practice, act: Act, *, entry_id: str, ended: Ended, known_by: str
) -> None:
    """Order 327 para. 29: go on with what an exclusion closed that counts as never made.

    It closed the cases of the quarters at whose end the entry was included by the period that it `ended`;
    their rounds, where closed, go on too.
    """
    closed = work.rely_on(partial(closed_of_rounds, entry_id=entry_id))
    for quarter, case_id in closed.items():
        if not ended.from_on <= Quarter.parse(quarter).last_day.isoformat() < ended.until_on:
            continue
        case = work.load(Case, case_id)
        if not case.reopen(act, known_by=known_by, term=practice.term_of("monitoring", act)):
            continue
        work.save(case)
        monitored = work.load(MonitoringRound, round_id(Quarter.parse(quarter)))
        if monitored.reopen(act, entry_id=entry_id, known_by=known_by):
            work.save(monitored)
