"""Carry a monitoring round on: open the cases that are still missing, and close it when all are done."""

from __future__ import annotations

from functools import partial
from typing import Final

from services.kernel.calendar import Quarter
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Work
from services.verification.contract.events import CaseOpened
from services.verification.domain.monitoring_round import MonitoringRound, round_id
from services.verification.projections.cases import tally_of
from services.verification.projections.included_entries import IncludedEntry, is_included, without_case
from services.verification.usecases.conclude_case import conclude_by_judgement
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.practice import Practice

BATCH: Final = 50


def carry_on(journal: Journal, practice: Practice, quarter: Quarter, *, settled: bool = True) -> bool:
    """Order 327 para. 29: one step of a round, in one unit of work; True while more cases are to be opened.

    A step opens at most fifty cases; whatever was killed before its commit is simply opened by the next one.
    The round is closed only when `settled`: the register's facts of the quarter are all known here.
    """
    opened = journal.transact(lambda work: _open_cases(work, practice, quarter)).result
    if not opened and settled:
        journal.transact(lambda work: _close_when_done(work, practice.own_act(), quarter))
    return bool(opened)


def _open_cases(work: Work, practice: Practice, quarter: Quarter) -> int:
    act = practice.own_act()
    with work.database.read() as connection:
        entries = without_case(connection, str(quarter), quarter.last_day.isoformat(), BATCH)
    for entry in entries:
        case = begin_case(practice, act, monitoring(entry, quarter=quarter))
        if not work.rely_on(partial(is_included, entry_id=entry.entry_id)):
            case.close(act, "excluded")
        elif practice.is_automatic("monitoring"):
            conclude_by_judgement(work, practice, act, case)
        work.save(case)
    return len(entries)


def _close_when_done(work: Work, act: Act, quarter: Quarter) -> None:
    monitored = work.load(MonitoringRound, round_id(quarter))
    tally = work.rely_on(lambda connection: tally_of(connection, str(quarter)))
    last_day = quarter.last_day.isoformat()
    missing = work.rely_on(lambda connection: without_case(connection, str(quarter), last_day, 1))
    if monitored.status == "open" and not tally.under_way and not missing:
        monitored.close(act, tally)
        work.save(monitored)


def monitoring(
    entry: IncludedEntry,
    *,
    quarter: Quarter | None = None,
    listing_id: str | None = None,
    legal_date: str | None = None,
) -> CaseOpened:
    """What a monitoring case opens with: the entry, and the documents its application was judged on.

    A round's case is judged as of the quarter's last day, whenever it is opened.
    """
    return CaseOpened(
        case_id="",
        kind="monitoring",
        producer=entry.producer,
        product_id=entry.entry_id,
        product_name=entry.product_name,
        legal_date=legal_date or (quarter.last_day.isoformat() if quarter else ""),
        language=entry.filing.language,
        application_id=entry.filing.application_id,
        entry_id=entry.entry_id,
        quarter=str(quarter) if quarter else None,
        listing_id=listing_id,
        reporting_year=entry.filing.reporting_year,
        filed_on=entry.filing.filed_on,
        documents=entry.filing.documents,
    )
