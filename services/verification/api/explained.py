"""A case explained: from the journal's facts and the rule sets they name by digest, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import msgspec
from pydantic import Field

from services.kernel.contract import DocumentRef
from services.kernel.http.responses import Representation
from services.kernel.journal.units import Recorded
from services.verification.api import representations
from services.verification.api.case_files import CourtRulingShown, court_ruling
from services.verification.api.representations import CriterionShown, DocumentShown, TextShown, text
from services.verification.contract.events import (
    AppealDecided,
    CaseConcluded,
    CaseKind,
    CaseOpened,
    CriterionOutcome,
    NotificationResult,
    RecordedJudgement,
)
from services.verification.contract.officers_work import (
    ConclusionProposed,
    CourtRulingRecorded,
    DocumentsSupplied,
)
from services.verification.domain.rule_sets import CriterionRule, RuleSet

ContentOf = Callable[[str], bytes | None]
"""The kept content of a rule set by its digest."""


class ExplainedCriterion(CriterionShown):
    """One criterion: what was found, and what the rule asks."""

    thresholds: dict[str, str]
    documents: list[list[str]]


class ExplainedRuleSet(Representation):
    """The rules of a judgement, as they were kept when it was made; the digest proves them."""

    id: str
    version: str
    digest: str
    title: TextShown | None = None
    legal_basis: str | None = None
    any_of: bool | None = None
    formula: str | None = None
    note: str | None = None


class ExplainedJudgement(Representation):
    """What the rules gave, criterion by criterion."""

    rule_set: ExplainedRuleSet
    legal_date: date
    conforms: bool
    criteria: list[ExplainedCriterion]


class DecisionExplained(Representation):
    """One decision of the authority on the case; a later one corrects or replaces the earlier."""

    result: NotificationResult
    reasons: TextShown
    decided_at: datetime
    decided_by: str = Field(description="`automatic`, or who: `officer`, `producer`, `state_system`.")
    actor: str = Field(
        description="An opaque id of who decided, or approved; the same person has the same id."
    )
    proposed_by: str | None = Field(
        default=None, description="Whose proposal `actor` approved, where four eyes were set."
    )
    proposed_at: datetime | None = None
    authority: TextShown | None = Field(
        default=None, description="What the authority was called when it judged."
    )
    legal_basis: str
    departs_from_judgement: bool
    partly: bool | None = None
    late: bool | None = None
    annuls_from_start: bool | None = None
    corrects: str | None = None
    judgement: ExplainedJudgement | None = None
    event_id: str
    position: int = Field(description="Where the fact stands in the journal.")


class ExplainedDocument(DocumentShown):
    """A document the case rests on: named at its opening, or supplied later at the authority's request."""

    supplied_at: datetime | None = Field(default=None, description="When the producer supplied it later.")
    late: bool | None = Field(default=None, description="Whether the term of the request had ended by then.")
    replaced: bool = Field(description="A document supplied later stands in its place.")


class RulingExplained(CourtRulingShown):
    """A court's ruling, and who recorded it and when."""

    recorded_at: datetime
    recorded_by: str
    legal_basis: str
    event_id: str
    position: int


class ExplanationShown(Representation):
    """Why a case was decided as it was."""

    case_id: str
    kind: CaseKind
    producer_id: str
    bin: str | None = None
    producer_name: TextShown | None = None
    product_id: str
    product_name: TextShown
    legal_date: date
    application_id: str | None = None
    entry_id: str | None = None
    appeal_id: str | None = None
    quarter: str | None = None
    documents: list[ExplainedDocument]
    decisions: list[DecisionExplained]
    court_rulings: list[RulingExplained]


def explained(facts: Sequence[Recorded], content_of: ContentOf) -> ExplanationShown:
    """The explanation of a case from all of its facts, oldest first."""
    opened = facts[0].fact.data
    if not isinstance(opened, CaseOpened):
        raise TypeError(f"a case begins with its opening, not {type(opened).__name__}")
    name = opened.producer.name
    return ExplanationShown(
        case_id=opened.case_id,
        kind=opened.kind,
        producer_id=opened.producer.producer_id,
        bin=opened.producer.bin,
        producer_name=text(name) if name and opened.producer.bin else None,
        product_id=opened.product_id,
        product_name=text(opened.product_name),
        legal_date=date.fromisoformat(opened.legal_date),
        application_id=opened.application_id,
        entry_id=opened.entry_id,
        appeal_id=opened.appeal_id,
        quarter=opened.quarter,
        documents=_documents(opened, facts),
        decisions=_decisions(facts, content_of),
        court_rulings=[
            _ruling(recorded, recorded.fact.data)
            for recorded in facts
            if isinstance(recorded.fact.data, CourtRulingRecorded)
        ],
    )


def _documents(opened: CaseOpened, facts: Sequence[Recorded]) -> list[ExplainedDocument]:
    """Every document the case ever rested on, in the order in which it came to it."""
    answers = [
        (recorded.fact.data, recorded.fact.effective_at.astimezone(UTC))
        for recorded in facts
        if isinstance(recorded.fact.data, DocumentsSupplied)
    ]
    replaced = {digest for answer, _at in answers for digest in answer.replaced}
    later = [_document(one, replaced, at, answer.late) for answer, at in answers for one in answer.documents]
    return [_document(named, replaced) for named in opened.documents] + later


def _document(
    named: DocumentRef, replaced: set[str], supplied_at: datetime | None = None, late: bool | None = None
) -> ExplainedDocument:
    return ExplainedDocument(
        **dict(representations.document(named)),
        supplied_at=supplied_at,
        late=late,
        replaced=named.sha256 in replaced,
    )


def _decisions(facts: Sequence[Recorded], content_of: ContentOf) -> list[DecisionExplained]:
    found = []
    proposed_at: datetime | None = None
    for recorded in facts:
        data = recorded.fact.data
        if isinstance(data, ConclusionProposed):
            proposed_at = recorded.fact.effective_at.astimezone(UTC)
        elif isinstance(data, CaseConcluded | AppealDecided):
            at = proposed_at if data.proposed_by is not None else None
            found.append(_decision(recorded, data, content_of, at))
    return found


def _ruling(recorded: Recorded, data: CourtRulingRecorded) -> RulingExplained:
    fact = recorded.fact
    return RulingExplained(
        **dict(court_ruling(data)),
        recorded_at=fact.effective_at.astimezone(UTC),
        recorded_by=fact.provenance.actor,
        legal_basis=fact.legal_basis,
        event_id=fact.id,
        position=recorded.position,
    )


def _decision(
    recorded: Recorded,
    data: CaseConcluded | AppealDecided,
    content_of: ContentOf,
    proposed_at: datetime | None,
) -> DecisionExplained:
    fact = recorded.fact
    judgement = data.judgement if isinstance(data, CaseConcluded) else None
    appeal = data if isinstance(data, AppealDecided) else None
    result: NotificationResult = "dismissed"
    if isinstance(data, CaseConcluded):
        result = data.result
    elif data.decision != "dismissed":
        result = "upheld"
    return DecisionExplained(
        result=result,
        reasons=text(data.reasons),
        decided_at=fact.effective_at.astimezone(UTC),
        decided_by=fact.provenance.decided_by,
        actor=fact.provenance.actor,
        proposed_by=data.proposed_by,
        proposed_at=proposed_at,
        authority=text(judgement.authority) if judgement and judgement.authority else None,
        legal_basis=fact.legal_basis,
        departs_from_judgement=data.departs_from_judgement if isinstance(data, CaseConcluded) else False,
        partly=appeal.decision == "partly_upheld" if appeal else None,
        late=appeal.late if appeal else None,
        annuls_from_start=appeal.annuls_from_start if appeal else None,
        corrects=data.corrects if isinstance(data, CaseConcluded) else None,
        judgement=_judgement(judgement, content_of) if judgement else None,
        event_id=fact.id,
        position=recorded.position,
    )


def _judgement(judgement: RecordedJudgement, content_of: ContentOf) -> ExplainedJudgement:
    content = content_of(judgement.digest)
    rules = msgspec.json.decode(content, type=RuleSet) if content is not None else None
    by_name = {rule.name: rule for rule in rules.criteria} if rules is not None else {}
    return ExplainedJudgement(
        rule_set=ExplainedRuleSet(
            id=judgement.rule_set,
            version=judgement.version,
            digest=judgement.digest,
            title=text(rules.title.official()) if rules else None,
            legal_basis=rules.legal_basis if rules else None,
            any_of=rules.any_of if rules else None,
            formula=rules.formula if rules else None,
            note=rules.note if rules else None,
        ),
        legal_date=date.fromisoformat(judgement.legal_date),
        conforms=judgement.conforms,
        criteria=[_criterion(outcome, by_name.get(outcome.criterion)) for outcome in judgement.criteria],
    )


def _criterion(outcome: CriterionOutcome, rule: CriterionRule | None) -> ExplainedCriterion:
    return ExplainedCriterion(
        **dict(representations.criterion(outcome)),
        thresholds=rule.thresholds if rule else {},
        documents=[list(group) for group in rule.documents] if rule else [],
    )
