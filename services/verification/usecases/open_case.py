"""Open a case; where the step is automatic, judge it, conclude it and notify in the same unit of work."""

from __future__ import annotations

import msgspec

from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.contract.events import CaseOpened
from services.verification.domain.case import Case
from services.verification.projections.cases import find_origin, origin_of
from services.verification.usecases.assess_case import Foreknown
from services.verification.usecases.conclude_case import conclude_by_judgement
from services.verification.usecases.practice import Practice


def open_case(
    work: Work, practice: Practice, act: Act, opening: CaseOpened, foreknown: Foreknown | None = None
) -> Case | None:
    """Art. 51-2(2), (3): open a confirmation or monitoring case, or none when its origin has one already."""
    with work.database.read() as connection:
        if find_origin(connection, origin_of(opening)) is not None:
            return None
    case = begin_case(practice, act, opening)
    if practice.is_automatic(opening.kind):
        conclude_by_judgement(work, practice, act, case, foreknown)
    work.save(case)
    return case


def begin_case(practice: Practice, act: Act, opening: CaseOpened) -> Case:
    """A new case with its id and term put in; the caller saves it."""
    case = Case(new_stream_id())
    term = practice.term_of(opening.kind, act)
    case.open(act, msgspec.structs.replace(opening, case_id=str(case.id), term=term))
    return case
