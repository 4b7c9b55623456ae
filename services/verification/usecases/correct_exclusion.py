"""Correct a monitoring result that told the industry authority to exclude by mistake."""

from __future__ import annotations

from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.usecases.assess_case import assess_case
from services.verification.usecases.keep_rule_set import keep_rule_set
from services.verification.usecases.practice import Practice


def correct_exclusion(work: Work, practice: Practice, act: Act, case: Case, reasons: OfficialText) -> Case:
    """Conclude anew that the product conforms and notify so, naming the notification that this corrects.

    Where four eyes are set for monitoring, it is proposed instead. Raises `Conflict` (`case_not_correctable`,
    `proposal_pending`).
    """
    assessment = assess_case(work.database, practice, case.considered, checks=case.checks)
    keep_rule_set(work, assessment)
    found = case.correction_of(assessment.judgement, reasons)
    if practice.needs_four_eyes(case.kind):
        case.propose(act, found, assessment.hand_off)
    else:
        case.record(act, found)
        case.issue_notification(act, new_stream_id(), assessment.hand_off)
    work.save(case)
    work.answer_with(case)
    return case
