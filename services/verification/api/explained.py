"""A case explained: from the journal's facts and the rule sets they name by digest, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import msgspec
from pydantic import Field

from services.kernel.http.responses import Representation
from services.kernel.journal.units import Recorded
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
    actor: str = Field(description="An opaque id of who decided; the same person has the same id.")
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
    documents: list[DocumentShown]
    decisions: list[DecisionExplained]


def explained(facts: Sequence[Recorded], content_of: ContentOf) -> ExplanationShown:
    """The explanation of a case from all of its facts, oldest first."""
    opened = facts[0].fact.data
    if not isinstance(opened, CaseOpened):
        raise TypeError(f"a case begins with its opening, not {type(opened).__name__}")
    decisions = [
        _decision(recorded, recorded.fact.data, content_of)
        for recorded in facts
        if isinstance(recorded.fact.data, CaseConcluded | AppealDecided)
    ]
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
        documents=[
            DocumentShown(kind=named.kind, media_type=named.media_type, size=named.size, sha256=named.sha256)
            for named in opened.documents
        ],
        decisions=decisions,
    )


def _decision(
    recorded: Recorded, data: CaseConcluded | AppealDecided, content_of: ContentOf
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
        criterion=outcome.criterion,
        passed=outcome.passed,
        inputs=outcome.inputs,
        reason=text(outcome.reason),
        citation=outcome.citation,
        thresholds=rule.thresholds if rule else {},
        documents=[list(group) for group in rule.documents] if rule else [],
    )
