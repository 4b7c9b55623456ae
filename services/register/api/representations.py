"""What the register answers with."""

from __future__ import annotations

from typing import Any, TypedDict

from pydantic import Field

from services.kernel.http.responses import Page, Representation


class Text(Representation):
    """A text in Kazakh and Russian, in English where there is one."""

    kk: str
    ru: str
    en: str | None = None


class TermShown(Representation):
    """A term as it was fixed."""

    name: str
    due_on: str = Field(description="Its last day in Asia/Almaty.", examples=["2026-03-17"])
    calendar: str = Field(description="Version of the working calendar it was counted by.")
    basis: str
    statutory: bool


class ProducerShown(Representation):
    """A producer; an individual's number and name only while its product is in the register."""

    producer_id: str
    kind: str
    bin: str | None = None
    iin: str | None = None
    name: Text | None = None


class ContactsShown(Representation):
    """Address, e-mail and telephone (order 327 Appendix 1, column 6)."""

    address: str | None = None
    email: str | None = None
    telephone: str | None = None


class ActivityShown(Representation):
    """OKED codes and the KATO region (Appendix 1, columns 4 and 5)."""

    oked_primary: str
    oked_secondary: list[str]
    kato: str


class ProductShown(Representation):
    """The product (Appendix 1, columns 7 to 12)."""

    product_id: str
    name: Text
    capacity_per_year: str
    tn_ved: str
    kpved: str
    ens_tru: str
    agsk3: str | None = None


class DocumentShown(Representation):
    """A document by digest."""

    kind: str
    media_type: str
    size: int
    sha256: str
    valid_until: str | None = None


class ApplicationShown(Representation):
    """An application and what became of it."""

    application_id: str
    number: str
    status: str
    filed_on: str
    producer: ProducerShown
    contacts: ContactsShown | None = None
    product: ProductShown
    activity: ActivityShown
    reporting_year: int
    documents: list[DocumentShown]
    language: str
    follows: str | None = None
    rectified: Text | None = None
    registration_number: str | None = None
    entry_id: str | None = Field(default=None, description="Once it led to inclusion.")
    notification_id: str | None = None
    reasons: Text | None = Field(default=None, description="Of a refusal.")
    closed_on_ground: str | None = None


class CourtRulingShown(Representation):
    """A court's ruling."""

    court: Text
    number: str
    ruled_on: str


class ExclusionShown(Representation):
    """An exclusion and until when it can be appealed; `court_ruling` is the one that undid it."""

    ground: str
    excluded_on: str
    reasons: Text
    notification_id: str | None = None
    appeal_term: TermShown | None = None
    undone: bool
    court_ruling: CourtRulingShown | None = None


class AppealShown(Representation):
    """An appeal and what became of it."""

    appeal_id: str
    filed_on: str
    in_time: bool
    term_ends_on: str
    outcome: str
    reasons: Text | None = None


class UpdateShown(Representation):
    """The latest update of the producer's own data, and the term it was to be given in."""

    changed_on: str = Field(description="The legal day from which it stands.")
    quarter: str
    fields: list[str]
    term: TermShown
    in_time: bool


class EntryShown(Representation):
    """An entry with the columns of order 327 Appendix 1; DVC and localisation level are not for software."""

    entry_id: str
    status: str
    number: str = Field(description="Registration number of the inclusion.")
    application_id: str
    application_number: str
    notification_id: str
    producer: ProducerShown
    contacts: ContactsShown | None = None
    activity: ActivityShown
    product: ProductShown
    included_on: str
    first_included_on: str
    reinstated_on: str | None = None
    registration_number: str | None = None
    localisation_share: str | None = Field(default=None, description="DLPO in per cent, rounded for showing.")
    trusted_register_reference: str | None = None
    exclusions: list[ExclusionShown]
    appeals: list[AppealShown]
    court_rulings: list[CourtRulingShown]
    exclusion_requested_on: str | None = None
    exclusion_request_term: TermShown | None = None
    monitored_on: str | None = None
    monitored_quarter: str | None = None
    last_update: UpdateShown | None = Field(
        default=None, description="What the producer last brought up to date (order 327 para. 26)."
    )


class FactShown(Representation):
    """One recorded fact of an entry, on both time axes."""

    position: int
    event_id: str
    type: str
    recorded_at: str = Field(description="When the register knew it (RFC 3339, UTC).")
    effective_at: str = Field(description="When it counts in law (RFC 3339, UTC).")
    legal_basis: str
    decided_by: str
    kind: str = Field(
        default="change", description="`change`: it happened. `correction`: what was recorded was wrong."
    )
    corrects: str | None = Field(default=None, description="Of a correction: the event that was wrong.")
    corrected_by: list[str] = Field(
        default_factory=list, description="The corrections of this event that are known."
    )
    data: dict[str, Any]


class PeriodShown(Representation):
    """A status of an entry on both axes; an end that is absent is open."""

    status: str
    valid_from: str = Field(description="From when it counts in law (RFC 3339, UTC).")
    valid_to: str | None = None
    known_from: int = Field(description="The journal position from which it was known.")
    known_from_at: str = Field(description="The instant of that position.")
    known_to: int | None = Field(default=None, description="From this position on it was known otherwise.")
    known_to_at: str | None = None


class HistoryShown(Page[FactShown]):
    """A page of an entry's facts, and all its periods as known at the moment asked about."""

    periods: list[PeriodShown]


class ChangeShown(Representation):
    """An entry that differs between two moments, and the facts that did it."""

    entry_id: str
    before: EntryShown | None = Field(default=None, description="Absent where it was not there yet.")
    after: EntryShown | None = None
    facts: list[FactShown]


class ChangesShown(Page[ChangeShown]):
    """A page of the register's difference, and the two moments between which it lies."""

    axis: str
    from_valid_at: str
    from_known_at: int
    to_valid_at: str
    to_known_at: int


class ProposalSteps(TypedDict):
    """How far a proposal came."""

    status: str
    proposed_at: str
    proposed_by: str
    decided_at: str | None
    decided_by: str | None
    declined_for: Text | None


class ProposalShown(Representation):
    """What one officer proposed, and what a second one decided."""

    status: str
    proposed_at: str
    proposed_by: str = Field(description="The officer, as an opaque id.")
    decided_at: str | None = None
    decided_by: str | None = None
    declined_for: Text | None = None


class CorrectionShown(ProposalShown):
    """A correction of an entry; what was proposed is absent once the producer's values were erased."""

    correction_id: str
    entry_id: str | None = None
    event_id: str | None = Field(default=None, description="The event that is wrong.")
    kind: str | None = None
    counts_from: str | None = None
    product: ProductShown | None = None
    activity: ActivityShown | None = None
    reasons: Text | None = None
    legal_basis: str | None = None


class ErasureShown(ProposalShown):
    """An erasure of a producer's personal values."""

    erasure_id: str
    producer_id: str | None = None
    reason: str | None = None
    legal_basis: str | None = None


class ReturnShown(Representation):
    """The latest return of a notification for rework."""

    revision: int
    remarks: Text
    rework_term: TermShown


class NotificationShown(Representation):
    """A notification of the informatization authority and what came of it."""

    notification_id: str
    revision: int
    kind: str
    result: str
    status: str
    outcome: str | None = None
    outcome_reason: str | None = None
    received_on: str
    term: TermShown | None = Field(default=None, description="The running term of the industry authority.")
    case_id: str
    application_id: str | None = None
    entry_id: str | None = None
    appeal_id: str | None = None
    quarter: str | None = None
    corrects: str | None = None
    producer: ProducerShown
    product_id: str
    product_name: Text | None = Field(default=None, description="Order 327 Appendix 4, column 3.")
    reasons: Text
    annuls_from_start: bool
    court_ruling: CourtRulingShown | None = Field(default=None, description="On which the result rests.")
    trusted_register_reference: str | None = Field(
        default=None,
        description="The notice of listing in the trusted software register: Appendix 4, column 5.",
    )
    trusted_register_listed_on: str | None = None
    localisation_share: str | None = None
    returned: ReturnShown | None = None
    missed_terms: list[TermShown]


class CeasedShown(Representation):
    """How a legal entity ended."""

    ground: str
    form: str | None = None
    on: str
    reference: str


class ProducerStateShown(Representation):
    """A producer as the register knows it."""

    producer_id: str
    kind: str
    bin: str | None = None
    name: Text | None = None
    former_bins: list[str]
    ceased: CeasedShown | None = None
    erased_on: str | None = Field(
        default=None, description="The legal day of the last erasure of its personal values."
    )


class ConditionShown(Representation):
    """One condition of origin: whether it holds, and why."""

    holds: bool
    code: str
    reason: Text


class OriginShown(Representation):
    """Whether a product is equated to goods of Kazakhstani origin on a day (law 86-VII art. 51-2(1))."""

    bin: str
    product: str
    on: str
    valid_at: str | None = Field(default=None, description="The instant asked about, if one was.")
    equated: bool
    in_register: ConditionShown
    in_trusted_register: ConditionShown
    entry_id: str | None = None
    trusted_register_reference: str | None = None


class KnownAt(Representation):
    """Up to which positions of the two journals an answer knows the facts."""

    register_position: int
    trusted_register_position: int = Field(
        description="As followed; for an earlier `known_at` that of the last listing or delisting known then."
    )


class OriginCheckShown(OriginShown):
    """The answer to one question, and up to where the facts were known."""

    known_at: KnownAt


class OriginBatchShown(Representation):
    """The answers to a batch, in the order of its questions."""

    items: list[OriginShown]
    known_at: KnownAt
