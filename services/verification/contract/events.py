"""What the informatization authority publishes: cases, notifications, rounds, trusted software."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

import msgspec

from services.kernel.contract import (
    CourtRuling,
    DocumentRef,
    FixedTerm,
    Language,
    OfficialText,
    Percentage,
    ProducerRef,
    Value,
)
from services.kernel.journal.events import Event, EventRegistry

VERIFICATION_EVENTS: Final = EventRegistry(source="urn:kz:verification", prefix="kz.verification")
_published = VERIFICATION_EVENTS.published

CaseKind = Literal["confirmation", "monitoring", "appeal"]
NotificationResult = Literal["confirmed", "refused", "conforms", "exclude", "upheld", "dismissed"]
AppealDecision = Literal["upheld", "partly_upheld", "dismissed"]
SignalKind = Literal["changed_owner", "expired_rights", "delisted"]
ClosingGround = Literal[
    "withdrawn",
    "liquidation",
    "reorganisation",
    "appeal_upheld",
    "excluded",
    "reinstated",
    "exclusion_corrected",
]


CheckVerdict = Literal["confirmed", "overridden"]


class CriterionCheck(Value, frozen=True, kw_only=True):
    """What an officer made of a criterion, and what the rule had said of it.

    `reasons` are those of a confirmation; of an override they are the reason of the outcome itself.
    """

    verdict: CheckVerdict
    officer: str
    rule_passed: bool
    rule_reason: OfficialText
    reasons: OfficialText | None = None


class CriterionOutcome(Value, frozen=True, kw_only=True):
    """One criterion as judged: its inputs as text, its result, its reason, the paragraph it rests on.

    `checked` stands where an officer confirmed or overrode it; `passed` and `reason` are then the officer's.
    """

    criterion: str
    passed: bool
    inputs: dict[str, str]
    reason: OfficialText
    citation: str
    checked: CriterionCheck | None = None


class PaymentTotal(Value, frozen=True, kw_only=True):
    """The exact total of a report's payments of one kind to one kind of payee, in tenge."""

    payee_kind: str
    kind: str
    amount: str


class ReportedFigures(Value, frozen=True, kw_only=True):
    """A report's figures: payments by kinds, the year's two totals, and the shares the producer declared.

    Amounts in tenge as decimal strings, declared shares in per cent as written.
    `reporting_year` is the report's own, absent where it was not recorded yet.
    """

    payments: tuple[PaymentTotal, ...]
    development_payments: str
    all_expenses: str
    declared_localisation_share: str | None = None
    declared_foreign_share: str | None = None
    reporting_year: int | None = None


class JudgedEvidence(Value, frozen=True, kw_only=True):
    """What a judgement rests on, without a document or a payee: enough to judge again by another rule.

    `present` are the kinds of documents at hand and whole; `damaged` those named in the application of which
    one is missing or altered; `absent` those the rule set asked for and the application does not name.
    `formula` is the one by which the report was examined, None when the rules asked for no report; `findings`
    count the report's findings by code; `figures` are there when shares can be computed.
    """

    present: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    formula: str | None = None
    findings: dict[str, int] = msgspec.field(default_factory=dict)
    figures: ReportedFigures | None = None
    listing_reference: str | None = None
    listed_on: str | None = None


class RecordedJudgement(Value, frozen=True, kw_only=True):
    """A judgement under one rule set, so complete that a replay years later gives the same answer.

    `authority` is what the authority was called on the legal date. `rules_conform` stands where officers
    checked criteria: what the rules alone gave, as each checked criterion still says of itself.
    """

    rule_set: str
    version: str
    digest: str
    legal_date: str
    conforms: bool
    criteria: tuple[CriterionOutcome, ...]
    reason: OfficialText
    evidence: JudgedEvidence | None = None
    authority: OfficialText | None = None
    rules_conform: bool | None = None


@_published("case.opened.v1")
class CaseOpened(Event, frozen=True, kw_only=True):
    """The authority opened a case on one product. `legal_date` chooses the rule set (ISO date, Asia/Almaty).

    `documents`, `reporting_year` and `filed_on` are those of the application behind it, so that the journal
    alone says what the case was judged on; an appeal's documents are its own. A monitoring case belongs to a
    round's `quarter`, or to the delisted `listing_id` or the `signal_id` that called for it.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3), (5)"

    case_id: str
    kind: CaseKind
    producer: ProducerRef
    product_id: str
    product_name: OfficialText
    legal_date: str
    language: Language
    term: FixedTerm | None = None
    application_id: str | None = None
    entry_id: str | None = None
    appeal_id: str | None = None
    quarter: str | None = None
    appealed_case_id: str | None = None
    listing_id: str | None = None
    signal_id: str | None = None
    reporting_year: int | None = None
    filed_on: str | None = None
    documents: tuple[DocumentRef, ...] = ()


@_published("case.concluded.v1")
class CaseConcluded(Event, frozen=True, kw_only=True):
    """The authority concluded a confirmation or monitoring case, by the rule set in force on its legal date.

    Without a judgement no rule set was in force on that date, and an officer decided for the reasons given.
    `corrects` is the id of a notification that this conclusion corrects. `proposed_by` is the officer whose
    proposal a second one approved (four eyes).
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3); order of 28.11.2025"

    case_id: str
    result: NotificationResult
    reasons: OfficialText
    judgement: RecordedJudgement | None = None
    departs_from_judgement: bool = False
    corrects: str | None = None
    proposed_by: str | None = None


@_published("case.closed.v1")
class CaseClosed(Event, frozen=True, kw_only=True):
    """A case ended without a conclusion because its subject fell away; a round's names its `quarter`."""

    legal_basis: ClassVar[str] = "law-86-VII arts. 51-2, 51-6"

    case_id: str
    ground: ClosingGround
    quarter: str | None = None


@_published("case.reopened.v1")
class CaseReopened(Event, frozen=True, kw_only=True):
    """A round's case goes on: the exclusion that closed it, by `known_by`, counts as never made."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3); order-327 para. 29"

    case_id: str
    entry_id: str
    quarter: str
    known_by: str
    term: FixedTerm | None = None


@_published("case.signal-received.v1")
class MonitoringSignalReceived(Event, frozen=True, kw_only=True):
    """Something between quarters called for monitoring; it excludes nothing, and an officer decides on it.

    `day` is when it happened (ISO date, Asia/Almaty), `source` where it is known from. `document_sha256` is
    the application's document whose right ended, where the authority's own watch reports it.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3); order-327 para. 29; order of 28.11.2025"

    signal_id: str
    case_id: str
    entry_id: str
    kind: SignalKind
    day: str
    source: str
    reasons: OfficialText
    document_sha256: str | None = None


@_published("case.notification-issued.v1")
class NotificationIssued(Event, frozen=True, kw_only=True):
    """The legal act that tells the industry authority a result (order 327 Appendix 4 for inclusion).

    Appendix 4 asks for the producer's name, the product, BIN or IIN, the notice of listing in the trusted
    software register and, not of software, how long that document is valid. An individual's name and number
    stay out of it. `court_ruling` is the ruling on which a result rests that undoes an earlier one.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3), (4); order-327 paras. 8, 29, 31, Appendix 4"

    notification_id: str
    revision: int
    kind: CaseKind
    result: NotificationResult
    case_id: str
    producer: ProducerRef
    product_id: str
    product_name: OfficialText
    reasons: OfficialText
    application_id: str | None = None
    entry_id: str | None = None
    appeal_id: str | None = None
    quarter: str | None = None
    annuls_from_start: bool = False
    dismissed_as_late: bool = False
    trusted_register_reference: str | None = None
    localisation_share: Percentage | None = None
    corrects: str | None = None
    trusted_register_listed_on: str | None = None
    court_ruling: CourtRuling | None = None


@_published("case.rework-begun.v1")
class ReworkBegun(Event, frozen=True, kw_only=True):
    """The industry authority's return of a notification was received; rework runs to the term it fixed."""

    legal_basis: ClassVar[str] = "order-327 para. 9"

    case_id: str
    notification_id: str
    remarks: OfficialText
    term: FixedTerm


@_published("case.notification-resubmitted.v1")
class NotificationResubmitted(Event, frozen=True, kw_only=True):
    """The reworked notification went to the industry authority again, whole, with the next revision."""

    legal_basis: ClassVar[str] = "order-327 para. 9"

    notification_id: str
    revision: int
    case_id: str
    kind: CaseKind
    result: NotificationResult
    producer: ProducerRef
    product_id: str
    product_name: OfficialText
    reasons: OfficialText
    answer_to_remarks: OfficialText
    application_id: str | None = None
    entry_id: str | None = None
    trusted_register_reference: str | None = None
    localisation_share: Percentage | None = None
    trusted_register_listed_on: str | None = None


@_published("case.appeal-decided.v1")
class AppealDecided(Event, frozen=True, kw_only=True):
    """An officer who did not conclude the appealed case decided the appeal; lateness needs no officer.

    `term_ended_on` stands only where the appeal was late: the last day it could be filed.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(5); order-327 para. 31"

    case_id: str
    appeal_id: str
    decision: AppealDecision
    reasons: OfficialText
    annuls_from_start: bool = False
    late: bool = False
    term_ended_on: str | None = None
    proposed_by: str | None = None


@_published("round.opened.v1")
class MonitoringRoundOpened(Event, frozen=True, kw_only=True):
    """The monitoring of a quarter began over every entry included at the end of its `last_day` (ISO date).

    `entries` counts them as known then: by the industry authority's journal up to position `known_to`.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3); order-327 para. 29"

    quarter: str
    entries: int
    last_day: str | None = None
    known_to: int | None = None


@_published("round.closed.v1")
class MonitoringRoundClosed(Event, frozen=True, kw_only=True):
    """Every case of the round was concluded or closed; `known_to` as in the opening, at this moment."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3); order-327 para. 29"

    quarter: str
    conforming: int
    excluded: int
    closed: int
    known_to: int | None = None


@_published("round.reopened.v1")
class MonitoringRoundReopened(Event, frozen=True, kw_only=True):
    """An entry became known after the round closed that was included at the quarter's end all the same.

    `known_by` is the industry authority's event from which it is known.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3); order-327 para. 29"

    quarter: str
    entry_id: str
    known_by: str


@_published("trusted-software.listed.v1")
class TrustedSoftwareListed(Event, frozen=True, kw_only=True):
    """A product was listed in the register of trusted software (law 418-V art. 7-6).

    `holder_bin` stands for a legal entity; an individual's IIN is committed to and stands in the vault.
    """

    legal_basis: ClassVar[str] = "law-418-V art. 7-6; order 53/НҚ of 2018"

    listing_id: str
    reference: str
    product_name: OfficialText
    listed_on: str
    holder_bin: str | None = None
    holder_iin_commitment: str | None = None
    valid_until: str | None = None


@_published("trusted-software.delisted.v1")
class TrustedSoftwareDelisted(Event, frozen=True, kw_only=True):
    """A product left the register of trusted software; this only opens monitoring, it excludes nothing."""

    legal_basis: ClassVar[str] = "law-418-V art. 7-6"

    listing_id: str
    delisted_on: str
    ground: OfficialText


@_published("term.missed.v1")
class TermMissed(Event, frozen=True, kw_only=True):
    """A term of the informatization authority, or of a producer it asked, ended unmet.

    What is done late is still done. `producer_id` stands where the producer missed it.
    """

    legal_basis: ClassVar[str] = "order-327 para. 9"

    term: FixedTerm
    subject_id: str
    missed_by: Literal["industry_authority", "informatization_authority", "producer"]
    producer_id: str | None = None
