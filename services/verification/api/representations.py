"""What the authority's API shows of cases, rounds, listings and rule sets."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from services.kernel.contract import FixedTerm, OfficialText
from services.kernel.http.responses import Page, Representation
from services.verification.contract.events import (
    CaseKind,
    CriterionOutcome,
    NotificationResult,
    RecordedJudgement,
)
from services.verification.domain.case import Case
from services.verification.domain.keepers import keeper_on
from services.verification.domain.listing import Listing
from services.verification.domain.rule_sets import DatedRuleSet


class TextShown(Representation):
    """A text in Kazakh and Russian, in English where there is one."""

    kk: str
    ru: str
    en: str | None = None


class TermShown(Representation):
    """A term: its last day, the paragraph it rests on, and whether a statute or a setting fixes it."""

    name: str
    due_on: date
    calendar: str
    basis: str
    statutory: bool


class DocumentShown(Representation):
    """A document named in the case, by digest."""

    kind: str
    media_type: str
    size: int
    sha256: str


class CriterionShown(Representation):
    """One criterion as judged."""

    criterion: str
    passed: bool
    inputs: dict[str, str]
    reason: TextShown
    citation: str


class JudgementShown(Representation):
    """A judgement under one rule set: version, digest, and every criterion with its inputs."""

    rule_set: str
    version: str
    digest: str
    legal_date: date
    conforms: bool
    criteria: list[CriterionShown]
    reason: TextShown


class CaseShown(Representation):
    """The authority's file on one product."""

    case_id: str
    kind: CaseKind
    status: Literal["open", "concluded", "rework", "closed"]
    producer_id: str
    bin: str | None = None
    product_id: str
    product_name: TextShown
    legal_date: date
    application_id: str | None = None
    entry_id: str | None = None
    appeal_id: str | None = None
    quarter: str | None = None
    documents: list[DocumentShown]
    result: NotificationResult | None = None
    reasons: TextShown | None = None
    judgement: JudgementShown | None = None
    departs_from_judgement: bool | None = None
    annuls_from_start: bool | None = None
    notification_id: str | None = None
    remarks: TextShown | None = None
    term: TermShown | None = None
    closing_ground: str | None = None
    version: int = Field(description="As in `ETag`; a decision names it in `If-Match`.")


class CaseLine(Representation):
    """A case in a list."""

    case_id: str
    kind: CaseKind
    status: Literal["open", "concluded", "rework", "closed"]
    producer_id: str
    bin: str | None = None
    product_id: str
    product_name: TextShown
    legal_date: date
    quarter: str | None = None
    result: NotificationResult | None = None
    notification_id: str | None = None
    due_on: date | None = None
    version: int


class CasePage(Page[CaseLine]):
    """One page of cases, in the order of their opening."""


class RoundShown(Representation):
    """The monitoring of one quarter and how far it has come."""

    quarter: str
    status: Literal["open", "closed"]
    entries: int = Field(description="Included at the quarter's end, as known when the round opened.")
    conforming: int
    excluded: int
    closed: int
    under_way: int


class ListingShown(Representation):
    """A product in the register of trusted software."""

    listing_id: str
    reference: str
    product_name: TextShown
    bin: str | None = Field(
        default=None, description="The holder's BIN; an individual's number is not shown."
    )
    listed_on: date
    valid_until: date | None = None
    delisted_on: date | None = None
    ground: TextShown | None = Field(default=None, description="Why it was delisted.")
    keeper: TextShown | None = Field(
        default=None, description="Who kept the register on the day of listing, or of `on` where it is given."
    )
    version: int


class ListingPage(Page[ListingShown]):
    """One page of listings."""


class RuleShown(Representation):
    """One criterion of a rule set."""

    name: str
    citation: str
    thresholds: dict[str, str]
    documents: list[list[str]]


class RuleSetShown(Representation):
    """A rule set with its dates of effect and digest."""

    id: str
    version: str
    kind: Literal["trusted_software", "own_production", "confirmation"]
    title: TextShown
    legal_basis: str
    in_force_from: date
    in_force_to: date | None = None
    any_of: bool
    note: str | None = None
    digest: str
    criteria: list[RuleShown]


class RuleSetsShown(Representation):
    """Rule sets; with `on`, those in force that day."""

    items: list[RuleSetShown]


def text(given: OfficialText) -> TextShown:
    """As the API shows an official text."""
    return TextShown(kk=given.kk, ru=given.ru, en=given.en)


def _term(given: FixedTerm) -> TermShown:
    return TermShown(
        name=given.name,
        due_on=date.fromisoformat(given.due_on),
        calendar=given.calendar,
        basis=given.basis,
        statutory=given.statutory,
    )


def _criterion(given: CriterionOutcome) -> CriterionShown:
    return CriterionShown(
        criterion=given.criterion,
        passed=given.passed,
        inputs=given.inputs,
        reason=text(given.reason),
        citation=given.citation,
    )


def judgement(given: RecordedJudgement) -> JudgementShown:
    """As the API shows a judgement."""
    return JudgementShown(
        rule_set=given.rule_set,
        version=given.version,
        digest=given.digest,
        legal_date=date.fromisoformat(given.legal_date),
        conforms=given.conforms,
        criteria=[_criterion(outcome) for outcome in given.criteria],
        reason=text(given.reason),
    )


def case(found: Case) -> CaseShown:
    """As the API shows a case."""
    opened, conclusion, decision = found.opened, found.conclusion, found.decision
    told = conclusion or decision
    judged = conclusion.judgement if conclusion else None
    return CaseShown(
        case_id=str(found.id),
        kind=opened.kind,
        status=found.status,
        producer_id=opened.producer.producer_id,
        bin=opened.producer.bin,
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
        result=found.result,
        reasons=text(told.reasons) if told else None,
        judgement=judgement(judged) if judged else None,
        departs_from_judgement=conclusion.departs_from_judgement if conclusion else None,
        annuls_from_start=decision.annuls_from_start if decision else None,
        notification_id=found.notification.notification_id if found.notification else None,
        remarks=text(found.rework.remarks) if found.rework else None,
        term=_term(found.running_term) if found.running_term else None,
        closing_ground=found.closing_ground,
        version=found.version,
    )


def listing(found: Listing) -> ListingShown:
    """As the API shows a listing."""
    listed, delisted = found.listed, found.delisted
    return ListingShown(
        listing_id=str(found.id),
        reference=listed.reference,
        product_name=text(listed.product_name),
        bin=listed.holder_bin,
        listed_on=date.fromisoformat(listed.listed_on),
        valid_until=date.fromisoformat(listed.valid_until) if listed.valid_until else None,
        delisted_on=date.fromisoformat(delisted.delisted_on) if delisted else None,
        ground=text(delisted.ground) if delisted else None,
        keeper=keeper(date.fromisoformat(listed.listed_on)),
        version=found.version,
    )


def keeper(on: date) -> TextShown | None:
    """Who kept the register of trusted software on a legal day."""
    name = keeper_on(on)
    return text(name) if name is not None else None


def rule_set(dated: DatedRuleSet) -> RuleSetShown:
    """As the API shows a rule set."""
    rules = dated.rules
    return RuleSetShown(
        id=rules.id,
        version=rules.version,
        kind=rules.kind,
        title=text(rules.title),
        legal_basis=rules.legal_basis,
        in_force_from=rules.in_force_from,
        in_force_to=rules.in_force_to,
        any_of=rules.any_of,
        note=rules.note,
        digest=dated.digest,
        criteria=[
            RuleShown(
                name=rule.name,
                citation=rule.citation,
                thresholds=rule.thresholds,
                documents=[list(group) for group in rule.documents],
            )
            for rule in rules.criteria
        ],
    )
