"""Ask the producer of a case for documents."""

from __future__ import annotations

from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_event_id
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.usecases.practice import Practice


def request_documents(
    work: Work, practice: Practice, act: Act, case: Case, *, asked: OfficialText, kinds: tuple[str, ...]
) -> Case:
    """Art. 51-2(2), (3), (5): the term is a setting and labelled as not statutory.

    `case` is loaded by the caller, which has checked the version the officer saw. Raises what
    `Case.request_documents` raises.
    """
    case.request_documents(act, new_event_id(), asked=asked, kinds=kinds, term=practice.documents_term(act))
    work.save(case)
    work.answer_with(case)
    return case
