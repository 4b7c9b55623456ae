"""Send a reworked notification for repeated review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case, expected_result
from services.verification.domain.checking import departs_from_rules
from services.verification.domain.wording import EXAMINED_AGAIN
from services.verification.usecases.assess_case import assess_case
from services.verification.usecases.keep_rule_set import keep_rule_set
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class Resubmission:
    """How an officer answers the remarks; without a result, as the judgement says now."""

    answer_to_remarks: OfficialText
    result: Literal["confirmed", "refused"] | None = None
    reasons: OfficialText | None = None


def resubmit_notification(
    work: Work, practice: Practice, act: Act, case: Case, resubmission: Resubmission
) -> Case:
    """Order 327 para. 9: judge anew, conclude, and send the notification again with the next revision.

    Where four eyes are set for confirmation, it is proposed instead. `case` is loaded by the caller, which
    has checked the version the officer saw. Raises `Conflict` (`notification_not_returned`) and what
    `Case.conclusion_of` and `Case.require_hands` raise.
    """
    case.require_rework()
    case.require_hands(act)
    assessment = assess_case(work.database, practice, case.considered, checks=case.checks)
    keep_rule_set(work, assessment)
    result = resubmission.result or expected_result(case.kind, assessment.judgement) or _as_before(case)
    found = case.conclusion_of(result, assessment.judgement, resubmission.reasons)
    if practice.needs_four_eyes(case.kind):
        case.propose(act, found, assessment.hand_off, resubmission.answer_to_remarks)
    else:
        case.record(act, found)
        case.resubmit(act, resubmission.answer_to_remarks, assessment.hand_off)
    work.save(case)
    work.answer_with(case)
    return case


def _as_before(case: Case) -> Literal["confirmed", "refused"]:
    return "confirmed" if case.result == "confirmed" else "refused"


def resubmit_by_judgement(work: Work, practice: Practice, act: Act, case: Case) -> bool:
    """Resubmit as the judgement says now; False when the case has to wait for an officer.

    It waits, too, where an officer had departed from the rules, as a whole or in one criterion: the remarks
    are about that, and it is not for the rules to undo (decision 16).
    """
    if case.conclusion is not None and departs_from_rules(case.conclusion):
        return False
    assessment = assess_case(work.database, practice, case.considered, checks=case.checks)
    result = expected_result(case.kind, assessment.judgement)
    if assessment.obstacle is not None or result is None:
        return False
    keep_rule_set(work, assessment)
    case.conclude(act, result, assessment.judgement, None)
    case.resubmit(act, EXAMINED_AGAIN, assessment.hand_off)
    return True
