"""What the authority's API shows of cases, rounds, listings and rule sets."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import msgspec
from pydantic import Field

from services.kernel.contract import DocumentRef, FixedTerm, OfficialText
from services.kernel.http.responses import Page, Representation
from services.kernel.journal.events import from_microseconds
from services.verification.contract.events import (
    CaseKind,
    CheckVerdict,
    CriterionCheck,
    CriterionOutcome,
    MonitoringSignalReceived,
    NotificationResult,
    RecordedJudgement,
    SignalKind,
)
from services.verification.domain.authority_names import authority_names
from services.verification.domain.case import Case
from services.verification.domain.listing import Listing
from services.verification.domain.rule_sets import DatedRuleSet
from services.verification.projections.rounds import RoundRow


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
    valid_until: date | None = Field(default=None, description="The last day of the right it shows.")


class SignalShown(Representation):
    """What called for monitoring between quarters, and the case it is decided in."""

    signal_id: str
    case_id: str
    entry_id: str
    kind: SignalKind
    day: date
    source: str
    reasons: TextShown
    document_sha256: str | None = None


class CriterionCheckedShown(Representation):
    """What an officer made of a criterion, and what the rule had said of it."""

    verdict: CheckVerdict
    officer: str
    rule_passed: bool
    rule_reason: TextShown
    reasons: TextShown | None = None


class CriterionShown(Representation):
    """One criterion as judged; overridden by an officer, `passed` and `reason` are the officer's."""

    criterion: str
    passed: bool
    inputs: dict[str, str]
    reason: TextShown
    citation: str
    checked: CriterionCheckedShown | None = None


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
    signals: list[SignalShown] = Field(
        default_factory=list, description="What called for monitoring between quarters."
    )
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
    assigned_to: str | None = None
    proposed_by: str | None = Field(default=None, description="While a proposal waits for a second officer.")
    documents_due_on: date | None = Field(
        default=None, description="Until when the producer has to supply requested documents."
    )
    version: int


class CasePage(Page[CaseLine]):
    """One page of cases, in the order asked for."""


class RoundShown(Representation):
    """The monitoring of one quarter and how far it has come."""

    quarter: str
    status: Literal["open", "closed"]
    last_day: date = Field(description="The day at whose end an entry had to be included.")
    entries: int = Field(description="Included at the quarter's end, as known when the round opened.")
    known_to: int | None = Field(
        default=None, description="The position of the register's journal that `entries` was known by."
    )
    opened: int = Field(description="Cases, those of entries that became known later too.")
    concluded: int = Field(description="Conforming and excluded together.")
    conforming: int
    excluded: int
    closed: int = Field(description="Cases whose entry was excluded otherwise.")
    under_way: int
    percent: int = Field(ge=0, le=100, description="Concluded or closed, of all entries and cases known.")
    started_at: datetime
    finished_at: datetime | None = None


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


class RuleSetShown(Representation):
    """One version of a rule set: when it is in force, what it says, and the digest that decisions name."""

    id: str
    version: str
    kind: Literal["trusted_software", "own_production", "confirmation"]
    title: TextShown
    legal_basis: str
    in_force_from: date
    in_force_to: date | None = Field(
        default=None, description="The last day in force; the day before that of a version that follows."
    )
    digest: str = Field(description="SHA-256 of the canonical JSON (RFC 8785) of `content`.")
    content: dict[str, Any] = Field(description="The rule file as published (/openapi/rule-set.json).")


class RuleSetsShown(Representation):
    """Rule sets; with `on`, those in force that day."""

    items: list[RuleSetShown]


def text(given: OfficialText) -> TextShown:
    """As the API shows an official text."""
    return TextShown(kk=given.kk, ru=given.ru, en=given.en)


def term(given: FixedTerm) -> TermShown:
    """As the API shows a term."""
    return TermShown(
        name=given.name,
        due_on=date.fromisoformat(given.due_on),
        calendar=given.calendar,
        basis=given.basis,
        statutory=given.statutory,
    )


def criterion(given: CriterionOutcome) -> CriterionShown:
    """As the API shows a criterion as judged, with the officer's check of it."""
    return CriterionShown(
        criterion=given.criterion,
        passed=given.passed,
        inputs=given.inputs,
        reason=text(given.reason),
        citation=given.citation,
        checked=_checked(given.checked) if given.checked else None,
    )


def _checked(given: CriterionCheck) -> CriterionCheckedShown:
    return CriterionCheckedShown(
        verdict=given.verdict,
        officer=given.officer,
        rule_passed=given.rule_passed,
        rule_reason=text(given.rule_reason),
        reasons=text(given.reasons) if given.reasons else None,
    )


def document(named: DocumentRef) -> DocumentShown:
    """As the API shows a document of a case."""
    return DocumentShown(
        kind=named.kind,
        media_type=named.media_type,
        size=named.size,
        sha256=named.sha256,
        valid_until=date.fromisoformat(named.valid_until) if named.valid_until else None,
    )


def judgement(given: RecordedJudgement) -> JudgementShown:
    """As the API shows a judgement."""
    return JudgementShown(
        rule_set=given.rule_set,
        version=given.version,
        digest=given.digest,
        legal_date=date.fromisoformat(given.legal_date),
        conforms=given.conforms,
        criteria=[criterion(outcome) for outcome in given.criteria],
        reason=text(given.reason),
    )


def case(found: Case) -> CaseShown:
    """As the API shows a case."""
    opened, conclusion, decision = found.opened, found.conclusion, found.decision
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
        documents=[document(named) for named in found.documents],
        signals=[signal(received) for received in found.signals],
        result=found.result,
        reasons=text(found.reasons) if found.reasons else None,
        judgement=judgement(judged) if judged else None,
        departs_from_judgement=conclusion.departs_from_judgement if conclusion else None,
        annuls_from_start=found.annuls_from_start if decision or found.ruling else None,
        notification_id=found.notification.notification_id if found.notification else None,
        remarks=text(found.rework.remarks) if found.rework else None,
        term=term(found.running_term) if found.running_term else None,
        closing_ground=found.closing_ground,
        version=found.version,
    )


def signal(received: MonitoringSignalReceived) -> SignalShown:
    """As the API shows a signal."""
    return SignalShown(
        signal_id=received.signal_id,
        case_id=received.case_id,
        entry_id=received.entry_id,
        kind=received.kind,
        day=date.fromisoformat(received.day),
        source=received.source,
        reasons=text(received.reasons),
        document_sha256=received.document_sha256,
    )


def monitoring_round(found: RoundRow) -> RoundShown:
    """As the API shows a round."""
    tally = found.tally
    concluded = tally.conforming + tally.excluded
    whole = max(found.entries, found.opened)
    percent = 100 * (concluded + tally.closed) // whole if whole else 0
    return RoundShown(
        quarter=found.quarter,
        status=found.status,
        last_day=date.fromisoformat(found.last_day),
        entries=found.entries,
        known_to=found.known_to,
        opened=found.opened,
        concluded=concluded,
        conforming=tally.conforming,
        excluded=tally.excluded,
        closed=tally.closed,
        under_way=tally.under_way,
        percent=100 if found.status == "closed" else percent,
        started_at=from_microseconds(found.started_at),
        finished_at=from_microseconds(found.finished_at) if found.finished_at else None,
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
    name = authority_names().keeper_on(on)
    return text(name) if name is not None else None


def rule_set(dated: DatedRuleSet) -> RuleSetShown:
    """As the API shows a rule set."""
    rules = dated.rules
    return RuleSetShown(
        id=rules.id,
        version=rules.version,
        kind=rules.kind,
        title=text(rules.title.official()),
        legal_basis=rules.legal_basis,
        in_force_from=rules.in_force_from,
        in_force_to=dated.in_force_to,
        digest=dated.digest,
        content=msgspec.json.decode(dated.content),
    )
