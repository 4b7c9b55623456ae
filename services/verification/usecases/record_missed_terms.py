"""Watch the authority's own terms: each that ended unmet is recorded once."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Work
from services.verification.domain.case import Case
from services.verification.projections.cases import overdue
from services.verification.usecases.practice import Practice

BATCH: Final = 200


def record_missed_terms(journal: Journal, practice: Practice) -> int:
    """Order 327 para. 9: record the missed terms; returns how many. What is done late is still done."""
    with journal.database.read() as connection:
        found = overdue(connection, legal_date(practice.clock.now()).isoformat(), BATCH)
    for case_id in found:
        journal.transact(partial(_record, act=practice.own_act(), case_id=case_id))
    return len(found)


def _record(work: Work, act: Act, case_id: UUID) -> None:
    case = work.load(Case, case_id)
    if case.miss_term(act):
        work.save(case)
