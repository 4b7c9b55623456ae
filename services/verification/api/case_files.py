"""A case with the officers' work on it: who holds it, what was asked, checked, proposed and ruled."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from services.kernel.http.responses import Page, Representation
from services.verification.api import representations
from services.verification.api.representations import (
    CaseShown,
    DocumentShown,
    JudgementShown,
    TermShown,
    TextShown,
    judgement,
    text,
)
from services.verification.contract.events import AppealDecision, CheckVerdict, NotificationResult
from services.verification.contract.officers_work import (
    CourtRulingRecorded,
    DocumentsRequested,
    DocumentsSupplied,
    RulingOutcome,
)
from services.verification.domain.case import Case, expected_result
from services.verification.domain.case_facts import Proposal
from services.verification.domain.checking import Check
from services.verification.domain.terms import TermOwner, TermRun, TermState
from services.verification.usecases.assess_case import Assessment


class TermRunShown(TermShown):
    """A term of the case: who was under it and what became of it."""

    owed_by: TermOwner
    state: TermState = Field(description="`missed` is for good; `done` says whether it was done late.")
    done: bool


class DocumentAnswerShown(Representation):
    """A producer's answer to a request."""

    documents: list[DocumentShown]
    replaced: list[str] = Field(description="Digests of documents in whose place these stand.")
    late: bool


class DocumentRequestShown(Representation):
    """What the producer was asked for, and its answer."""

    request_id: str
    asked: TextShown
    kinds: list[str]
    term: TermShown
    answer: DocumentAnswerShown | None = None


class CriterionCheckShown(Representation):
    """An officer's check of one criterion, and what the rule had said."""

    criterion: str
    verdict: CheckVerdict
    officer: str
    rule_passed: bool
    rule_reason: TextShown
    inputs: dict[str, str]
    reasons: TextShown | None = None


class ProposalShown(Representation):
    """A proposed end of the case that waits for a second officer."""

    proposed_by: str
    result: NotificationResult | None = None
    decision: AppealDecision | None = None
    reasons: TextShown
    annuls_from_start: bool | None = None
    judgement: JudgementShown | None = None
    answer_to_remarks: TextShown | None = None


class CourtRulingShown(Representation):
    """A court's ruling on what was decided in the case."""

    court: TextShown
    number: str
    ruled_on: date
    outcome: RulingOutcome
    annuls_from_start: bool
    reasons: TextShown
    notification_id: str = Field(description="The notification that the court ruled on.")


class CaseFileShown(CaseShown):
    """The authority's file on one product, with all that officers did on it."""

    assigned_to: str | None = Field(default=None, description="The officer's id; absent in nobody's hands.")
    terms: list[TermRunShown]
    document_requests: list[DocumentRequestShown]
    checks: list[CriterionCheckShown]
    proposal: ProposalShown | None = None
    returned_with: TextShown | None = Field(
        default=None, description="The second officer's remarks on the proposal returned last."
    )
    proposed_by: str | None = Field(default=None, description="Whose proposal was approved.")
    decision: AppealDecision | None = None
    corrects: str | None = None
    court_rulings: list[CourtRulingShown]


class DocumentRequestsShown(Representation):
    """The document requests of a case, oldest first."""

    case_id: str
    items: list[DocumentRequestShown]
    version: int


class AssessmentShown(Representation):
    """The case as it would be judged now; nothing of it is recorded."""

    judgement: JudgementShown | None = Field(default=None, description="With the checks that stand.")
    result: NotificationResult | None = Field(default=None, description="What the judgement leads to.")
    obstacle: Literal["no_rule_set_in_force", "producer_unidentified"] | None = None


class OfficerShown(Representation):
    """An officer who acted here."""

    officer_id: str
    subject: str = Field(description="The sign-in name of the officer's token.")
    is_me: bool
    cases: int = Field(description="Cases under way in this officer's hands.")


class OfficerPage(Page[OfficerShown]):
    """One page of officers, in the order of their ids."""


def case(found: Case) -> CaseFileShown:
    """As the API shows a case."""
    told = found.conclusion or found.decision
    plain = representations.case(found)
    return CaseFileShown(
        **{name: getattr(plain, name) for name in CaseShown.model_fields},
        assigned_to=found.assigned_to,
        terms=[_term(run) for run in found.terms],
        document_requests=document_requests(found).items,
        checks=[_check(check) for check in found.checks.values()],
        proposal=_proposal(found.proposal) if found.proposal else None,
        returned_with=text(found.returned_proposal.remarks) if found.returned_proposal else None,
        proposed_by=told.proposed_by if told else None,
        decision=found.decision.decision if found.decision else None,
        corrects=found.corrects,
        court_rulings=[court_ruling(ruling) for ruling in found.rulings],
    )


def document_requests(found: Case) -> DocumentRequestsShown:
    """As the API shows what the producer was asked for."""
    answers = {answer.request_id: answer for answer in found.supplied}
    items = [_request(asked, answers.get(asked.request_id)) for asked in found.requests]
    return DocumentRequestsShown(case_id=str(found.id), items=items, version=found.version)


def assessment(found: Case, assessed: Assessment) -> AssessmentShown:
    """As the API shows what a case would come to now."""
    judged = assessed.judgement
    return AssessmentShown(
        judgement=judgement(judged) if judged else None,
        result=expected_result(found.kind, judged),
        obstacle=assessed.obstacle,
    )


def _term(run: TermRun) -> TermRunShown:
    term = run.term
    return TermRunShown(
        name=term.name,
        due_on=date.fromisoformat(term.due_on),
        calendar=term.calendar,
        basis=term.basis,
        statutory=term.statutory,
        owed_by=run.owed_by,
        state=run.state,
        done=run.done,
    )


def _request(asked: DocumentsRequested, answer: DocumentsSupplied | None) -> DocumentRequestShown:
    return DocumentRequestShown(
        request_id=asked.request_id,
        asked=text(asked.asked),
        kinds=list(asked.kinds),
        term=representations.term(asked.term),
        answer=_answer(answer) if answer else None,
    )


def _answer(answer: DocumentsSupplied) -> DocumentAnswerShown:
    return DocumentAnswerShown(
        documents=[representations.document(named) for named in answer.documents],
        replaced=list(answer.replaced),
        late=answer.late,
    )


def _check(check: Check) -> CriterionCheckShown:
    content = check.content
    return CriterionCheckShown(
        criterion=content.criterion,
        verdict=content.verdict,
        officer=check.by,
        rule_passed=content.rule_said.passed,
        rule_reason=text(content.rule_said.reason),
        inputs=content.rule_said.inputs,
        reasons=text(content.reasons) if content.reasons else None,
    )


def _proposal(proposal: Proposal) -> ProposalShown:
    content = proposal.content
    conclusion, decision = content.conclusion, content.decision
    found = conclusion or decision
    if found is None:
        raise ValueError("a proposal of nothing")
    judged = conclusion.judgement if conclusion else None
    return ProposalShown(
        proposed_by=proposal.by,
        result=conclusion.result if conclusion else None,
        decision=decision.decision if decision else None,
        reasons=text(found.reasons),
        annuls_from_start=decision.annuls_from_start if decision else None,
        judgement=judgement(judged) if judged else None,
        answer_to_remarks=text(content.answer_to_remarks) if content.answer_to_remarks else None,
    )


def court_ruling(recorded: CourtRulingRecorded) -> CourtRulingShown:
    """As the API shows a court's ruling."""
    ruling = recorded.ruling
    return CourtRulingShown(
        court=text(ruling.court),
        number=ruling.number,
        ruled_on=date.fromisoformat(ruling.ruled_on),
        outcome=recorded.outcome,
        annuls_from_start=recorded.annuls_from_start,
        reasons=text(recorded.reasons),
        notification_id=recorded.notification_id,
    )
