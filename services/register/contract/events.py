"""What the industry authority publishes: the legal facts of the register.

Order 327; law 86-VII arts. 51-1 to 51-6. Nothing personal stands in these events, and no figures of a report:
`localisation_share` is in per cent, rounded to two places for showing, never compared. Address, e-mail,
telephone, an individual's name, IIN and state registration number are in the vault, bound by `commitments`
(field name to hexadecimal HMAC-SHA256); so are a producer's free texts (grounds of an appeal, reasons, what
was rectified), in which anything may stand.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

import msgspec

from services.kernel.contract import (
    CourtRuling,
    DocumentRef,
    FixedTerm,
    Language,
    OfficialText,
    ProducerRef,
    Value,
)
from services.kernel.journal.events import Event, EventRegistry, unnumbered

REGISTER_EVENTS: Final = EventRegistry(source="urn:kz:register", prefix="kz.register")
_published = REGISTER_EVENTS.published

NotificationKind = Literal["confirmation", "monitoring", "appeal"]
NotificationResult = Literal["confirmed", "refused", "conforms", "exclude", "upheld", "dismissed"]
ExclusionGround = Literal["software_monitoring", "own_request", "liquidation", "reorganisation"]


class Product(Value, frozen=True, kw_only=True):
    """The software product as order 327 Appendix 1 describes goods (columns 7 to 12)."""

    name: OfficialText
    tn_ved: str
    kpved: str
    ens_tru: str
    capacity_per_year: str
    agsk3: str | None = None


class Activity(Value, frozen=True, kw_only=True):
    """What the producer does and where: OKED codes and the KATO region (Appendix 1, columns 4 and 5)."""

    oked_primary: str
    kato: str
    oked_secondary: tuple[str, ...] = ()


@_published("application.filed.v2")
class ApplicationFiled(Event, frozen=True, kw_only=True):
    """A producer filed an application or, when it names what it follows, a reapplication.

    What it says it rectified is its own text, in the vault; so is an individual's `registration_number`.
    """

    legal_basis: ClassVar[str] = "order-327 para. 10; law-86-VII art. 51-2"
    numbered: ClassVar[str | None] = "application"

    application_id: str
    producer: ProducerRef
    product_id: str
    product: Product
    activity: Activity
    reporting_year: int
    documents: tuple[DocumentRef, ...]
    language: Language
    consent_to_data_processing: bool
    commitments: dict[str, str]
    number: str = msgspec.field(default_factory=unnumbered)
    registration_number: str | None = None
    follows: str | None = None
    signature_sha256: str | None = None
    """Digest of the electronic signature (order 327 para. 10), which stays with who verified it."""
    signature_attested_by: str | None = None
    """Who says that it was verified: the issuer of the token that the application was filed with."""


@REGISTER_EVENTS.upcast("application.filed.v1", "application.filed.v2")
def _sealed(filed: dict[str, Any]) -> dict[str, Any]:
    """Version 1 held in clear what belongs in the vault: nobody reads it there any more."""
    private = {"rectified"}
    if filed["producer"]["kind"] == "individual_entrepreneur":
        private.add("registration_number")
    return {field: value for field, value in filed.items() if field not in private}


@_published("application.withdrawn.v1")
class ApplicationWithdrawn(Event, frozen=True, kw_only=True):
    """The producer withdrew its pending application."""

    legal_basis: ClassVar[str] = "order-327 para. 10"

    application_id: str
    producer_id: str
    product_id: str
    commitments: dict[str, str] = msgspec.field(default_factory=dict)


@_published("application.closed.v1")
class ApplicationClosed(Event, frozen=True, kw_only=True):
    """A pending application ended undecided: its producer ceased, or its product is in the register again."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-6"

    application_id: str
    producer_id: str
    product_id: str
    ground: Literal["liquidation", "reorganisation", "appeal_upheld", "exclusion_corrected"]


@_published("application.satisfied.v1")
class ApplicationSatisfied(Event, frozen=True, kw_only=True):
    """The application led to inclusion; the entry's own stream holds `Included`."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(4); order-327 paras. 8-9"

    application_id: str
    entry_id: str
    notification_id: str


@_published("application.inclusion-refused.v1")
class InclusionRefused(Event, frozen=True, kw_only=True):
    """Inclusion was refused on the informatization authority's notification. No appeal: reapply."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(4); order-327 paras. 8-9"

    application_id: str
    producer: ProducerRef
    product_id: str
    notification_id: str
    reasons: OfficialText


@_published("notification.received.v1")
class NotificationReceived(Event, frozen=True, kw_only=True):
    """A notification of the informatization authority reached the industry authority, in whatever state."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3), (4); order-327 paras. 8, 29, 31"

    notification_id: str
    revision: int
    kind: NotificationKind
    result: NotificationResult
    case_id: str
    producer: ProducerRef
    product_id: str
    reasons: OfficialText
    issued_event_id: str
    application_id: str | None = None
    entry_id: str | None = None
    appeal_id: str | None = None
    quarter: str | None = None
    annuls_from_start: bool = False
    trusted_register_reference: str | None = None
    localisation_share: str | None = None
    corrects: str | None = None
    term: FixedTerm | None = None
    product_name: OfficialText | None = None
    trusted_register_listed_on: str | None = None
    court_ruling: CourtRuling | None = None


@_published("notification.returned.v1")
class NotificationReturned(Event, frozen=True, kw_only=True):
    """An inclusion notification went back for rework with remarks."""

    legal_basis: ClassVar[str] = "order-327 para. 9"

    notification_id: str
    revision: int
    case_id: str
    application_id: str
    producer_id: str
    remarks: OfficialText
    rework_term: FixedTerm


@_published("notification.settled.v1")
class NotificationSettled(Event, frozen=True, kw_only=True):
    """What came of a notification; `no_effect` names why in `reason` (a problem-style code)."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(4); order-327 para. 9"

    notification_id: str
    outcome: Literal[
        "included",
        "inclusion_refused",
        "monitoring_recorded",
        "excluded",
        "exclusion_corrected",
        "reinstated",
        "appeal_dismissed",
        "no_effect",
    ]
    reason: str | None = None


@_published("entry.included.v1")
class Included(Event, frozen=True, kw_only=True):
    """A product of a producer was included: for the first time, or anew after a reapplication.

    `included_on` is the legal day (ISO date, Asia/Almaty). `number` is the registration number.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(4); order-327 paras. 8-9"
    numbered: ClassVar[str | None] = "registration"

    entry_id: str
    application_id: str
    application_number: str
    notification_id: str
    producer: ProducerRef
    product: Product
    activity: Activity
    included_on: str
    commitments: dict[str, str]
    number: str = msgspec.field(default_factory=unnumbered)
    registration_number: str | None = None
    trusted_register_reference: str | None = None
    localisation_share: str | None = None


@_published("entry.monitoring-recorded.v1")
class MonitoringRecorded(Event, frozen=True, kw_only=True):
    """The quarterly monitoring found that the entry still conforms."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(3); order-327 para. 29"

    entry_id: str
    producer_id: str
    notification_id: str
    quarter: str | None = None


@_published("entry.exclusion-requested.v1")
class ExclusionRequested(Event, frozen=True, kw_only=True):
    """The producer asked for its own exclusion; `term` is a setting's, the texts fix none."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-6(3); order-327 para. 30"

    entry_id: str
    producer_id: str
    commitments: dict[str, str] = msgspec.field(default_factory=dict)
    term: FixedTerm | None = None


@_published("entry.excluded.v1")
class Excluded(Event, frozen=True, kw_only=True):
    """The entry left the register. `appeal_term` stands only where the law gives an appeal."""

    legal_basis: ClassVar[str] = "law-86-VII arts. 51-2(4), 51-6; order-327 paras. 30-31"

    entry_id: str
    producer: ProducerRef
    ground: ExclusionGround
    excluded_on: str
    reasons: OfficialText
    notification_id: str | None = None
    appeal_term: FixedTerm | None = None


@_published("entry.appeal-filed.v1")
class AppealFiled(Event, frozen=True, kw_only=True):
    """The producer appealed the notification behind an exclusion; a late appeal is recorded all the same."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(5); order-327 para. 31"

    entry_id: str
    appeal_id: str
    producer: ProducerRef
    notification_id: str
    exclusion_event_id: str
    language: Language
    filed_on: str
    in_time: bool
    term: FixedTerm
    commitments: dict[str, str]
    documents: tuple[DocumentRef, ...] = ()


@_published("entry.appeal-dismissed.v1")
class AppealDismissed(Event, frozen=True, kw_only=True):
    """The appeal was dismissed, on its merits or as late; `term_ended_on` is the last day of its term."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(5); order-327 para. 31"

    entry_id: str
    appeal_id: str
    producer: ProducerRef
    notification_id: str
    ground: Literal["late", "merits"]
    reasons: OfficialText
    term_ended_on: str


@_published("entry.reinstated.v1")
class Reinstated(Event, frozen=True, kw_only=True):
    """An upheld appeal or a court's ruling put the entry back, from `reinstated_on` (ISO date, Asia/Almaty).

    A court needs no appeal before it: `appeal_id` may be absent where `court_ruling` stands. `request_term`:
    of the producer's own request, which an exclusion annulled from the start had overtaken: it waits again.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(4), (5); order-327 paras. 9, 31"

    entry_id: str
    producer: ProducerRef
    notification_id: str
    annuls_from_start: bool
    exclusion_event_id: str
    reinstated_on: str
    reasons: OfficialText
    appeal_id: str | None = None
    court_ruling: CourtRuling | None = None
    request_term: FixedTerm | None = None


@_published("producer.registered.v1")
class ProducerRegistered(Event, frozen=True, kw_only=True):
    """A producer became known to the register with its first filing."""

    legal_basis: ClassVar[str] = "order-327 para. 3(1)"

    producer: ProducerRef


@_published("producer.liquidated.v1")
class ProducerLiquidated(Event, frozen=True, kw_only=True):
    """A legal entity was liquidated: all its entries leave the register, its pending filings close."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-6; order-327 para. 30"

    producer: ProducerRef
    liquidated_on: str
    reference: str


@_published("producer.reorganised.v1")
class ProducerReorganised(Event, frozen=True, kw_only=True):
    """A legal entity was reorganised, not by transformation: as on liquidation; the new entity applies."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-6; order-327 para. 30"

    producer: ProducerRef
    form: Literal["merger", "accession", "division", "separation"]
    reorganised_on: str
    reference: str


TransformedField = Literal["bin", "name"]


@_published("producer.transformed.v1")
class ProducerTransformed(Event, frozen=True, kw_only=True):
    """A legal entity changed its form: name or BIN change, entries stay.

    `producer` is as it stands from `transformed_on` (ISO date, Asia/Almaty), `fields` are those that changed.
    Of these a transformation told before, but counting from later, states the `superseded` as they are now.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-6; order-327 para. 30"

    producer: ProducerRef
    former_bin: str
    transformed_on: str
    reference: str
    fields: tuple[TransformedField, ...] = ()
    superseded: tuple[TransformedField, ...] = ()

    @property
    def changed(self) -> tuple[TransformedField, ...]:
        """What it changed; one recorded before it told so gave the name that it states."""
        if self.fields:
            return self.fields
        return ("name",) if self.former_bin == self.producer.bin else ("bin", "name")


@_published("term.missed.v1")
class TermMissed(Event, frozen=True, kw_only=True):
    """A term of the industry authority or of a producer ended unmet; what is done late is still done."""

    legal_basis: ClassVar[str] = "order-327 paras. 9, 31"

    term: FixedTerm
    subject_id: str
    missed_by: Literal["industry_authority", "informatization_authority", "producer"]
