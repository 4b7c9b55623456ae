"""Conclude a case and notify the industry authority, in one unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.contract.events import AppealDecision, NotificationResult
from services.verification.domain.case import Case, HandOff, expected_result
from services.verification.usecases.assess_case import Foreknown, assess_case
from services.verification.usecases.keep_rule_set import keep_rule_set
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class OfficersConclusion:
    """What an officer found on a confirmation or monitoring case; reasons where it departs."""

    result: NotificationResult
    reasons: OfficialText | None = None


@dataclass(frozen=True, slots=True)
class OfficersDecision:
    """What an officer decided on an appeal."""

    decision: AppealDecision
    reasons: OfficialText | None = None
    annuls_from_start: bool | None = None


def conclude_case(
    work: Work, practice: Practice, act: Act, case: Case, outcome: OfficersConclusion | OfficersDecision
) -> Case:
    """Art. 51-2(2), (3), (5): an officer concludes the case, by the computed judgement or departing from it.

    `case` is loaded by the caller, which has checked the version the officer saw. Raises what `Case.conclude`
    and `Case.decide_appeal` raise.
    """
    if isinstance(outcome, OfficersDecision):
        appealed_id = case.opened.appealed_case_id
        appealed = work.load(Case, UUID(appealed_id)) if appealed_id else case
        case.decide_appeal(act, appealed, outcome.decision, outcome.reasons, outcome.annuls_from_start)
        hand_off = HandOff()
    else:
        assessment = assess_case(work.database, practice, case.opened)
        keep_rule_set(work, assessment)
        case.conclude(act, outcome.result, assessment.judgement, outcome.reasons)
        hand_off = assessment.hand_off
    case.issue_notification(act, new_stream_id(), hand_off)
    work.save(case)
    work.answer_with(case)
    return case


def conclude_by_judgement(
    work: Work, practice: Practice, act: Act, case: Case, foreknown: Foreknown | None = None
) -> bool:
    """Conclude and notify as the judgement says; False when the case has to wait for an officer."""
    assessment = assess_case(work.database, practice, case.opened, foreknown)
    if assessment.obstacle is not None:
        return False
    result = expected_result(case.kind, assessment.judgement)
    if result is None:
        return False
    keep_rule_set(work, assessment)
    case.conclude(act, result, assessment.judgement, None)
    case.issue_notification(act, new_stream_id(), assessment.hand_off)
    return True
