"""Conclude a case and notify the industry authority in one unit of work; or propose it (four eyes)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.contract.events import (
    AppealDecided,
    AppealDecision,
    CaseConcluded,
    NotificationResult,
)
from services.verification.domain.case import Case, expected_result
from services.verification.domain.hand_off import HandOff
from services.verification.projections.judged_cases import was_accepted
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

    Where four eyes are set for this kind of case, it is proposed instead. `case` is loaded by the caller,
    which has checked the version the officer saw. Raises what `Case.conclusion_of`, `Case.appeal_decision`
    and `Case.require_hands` raise, and `Conflict` (`case_not_open`) for one in rework, which is resubmitted.
    """
    if case.status == "rework":
        raise Conflict("case_not_open", state=case.status, allowed="resubmission")
    case.require_hands(act)
    found: CaseConcluded | AppealDecided
    if isinstance(outcome, OfficersDecision):
        appealed = appealed_case(work, case)
        found = case.appeal_decision(
            act, appealed, outcome.decision, outcome.reasons, outcome.annuls_from_start
        )
        hand_off = HandOff()
    else:
        assessment = assess_case(work.database, practice, case.considered, checks=case.checks)
        keep_rule_set(work, assessment)
        found = case.conclusion_of(outcome.result, assessment.judgement, outcome.reasons)
        hand_off = assessment.hand_off
    if practice.needs_four_eyes(case.kind):
        case.propose(act, found, hand_off)
    else:
        case.record(act, found)
        case.issue_notification(act, new_stream_id(), hand_off)
    work.save(case)
    work.answer_with(case)
    return case


def appealed_case(work: Work, case: Case) -> Case:
    """The case that an appeal is about; any other case itself."""
    appealed_id = case.opened.appealed_case_id
    return work.load(Case, UUID(appealed_id)) if appealed_id else case


def conclude_by_judgement(
    work: Work, practice: Practice, act: Act, case: Case, foreknown: Foreknown | None = None
) -> bool:
    """Conclude and notify as the judgement says; False when the case has to wait for an officer.

    It waits, too, where the rules would exclude what people kept in the register against them.
    """
    assessment = assess_case(work.database, practice, case.considered, foreknown)
    if assessment.obstacle is not None:
        return False
    result = expected_result(case.kind, assessment.judgement)
    if result is None or (result == "exclude" and _was_accepted(work, case)):
        return False
    keep_rule_set(work, assessment)
    case.conclude(act, result, assessment.judgement, None)
    case.issue_notification(act, new_stream_id(), assessment.hand_off)
    return True


def _was_accepted(work: Work, case: Case) -> bool:
    """What people accepted with reasons, no automatic step undoes (decision 16)."""
    opened = case.opened
    return work.rely_on(partial(was_accepted, entry_id=opened.entry_id, application_id=opened.application_id))
