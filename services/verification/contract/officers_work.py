"""What officers do on a case before and after its conclusion, and what a producer answers them."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from services.kernel.contract import (
    CourtRuling,
    DocumentRef,
    FixedTerm,
    OfficialText,
    Percentage,
    ProducerRef,
)
from services.kernel.journal.events import Event
from services.verification.contract.events import (
    VERIFICATION_EVENTS,
    AppealDecided,
    CaseConcluded,
    CheckVerdict,
    CriterionOutcome,
)

_published: Final = VERIFICATION_EVENTS.published
RulingOutcome = Literal["upheld", "undone"]


@_published("case.assigned.v1")
class CaseAssigned(Event, frozen=True, kw_only=True):
    """A case was taken, given to an officer (by opaque id), or given back when `officer` is absent.

    `reasons` stand where it was taken from another officer.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3), (5)"

    case_id: str
    officer: str | None = None
    reasons: OfficialText | None = None


@_published("case.documents-requested.v1")
class DocumentsRequested(Event, frozen=True, kw_only=True):
    """The producer was asked for documents. The texts fix no term: it is a setting's, never statutory."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3), (5); order of 28.11.2025"

    case_id: str
    request_id: str
    producer_id: str
    product_name: OfficialText
    asked: OfficialText
    kinds: tuple[str, ...]
    term: FixedTerm


@_published("case.documents-supplied.v1")
class DocumentsSupplied(Event, frozen=True, kw_only=True):
    """The producer answered a request by naming documents; `late` when the term had ended by then.

    `replaced` are the digests of earlier documents of the case in whose place the supplied ones stand.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3), (5); order of 28.11.2025"

    case_id: str
    request_id: str
    producer_id: str
    product_name: OfficialText
    documents: tuple[DocumentRef, ...]
    replaced: tuple[str, ...] = ()
    late: bool = False


@_published("case.criterion-checked.v1")
class CriterionChecked(Event, frozen=True, kw_only=True):
    """An officer confirmed or overrode what the rule said of one criterion; an override has its reasons."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3); order of 28.11.2025"

    case_id: str
    criterion: str
    verdict: CheckVerdict
    rule_set: str
    version: str
    digest: str
    rule_said: CriterionOutcome
    reasons: OfficialText | None = None


@_published("case.conclusion-proposed.v1")
class ConclusionProposed(Event, frozen=True, kw_only=True):
    """An officer proposed how to end the case; where four eyes are set, a second one approves or returns it.

    Either `conclusion` or `decision` stands: exactly the fact that an approval records. The other fields are
    what its notification will say.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3), (5)"

    case_id: str
    conclusion: CaseConcluded | None = None
    decision: AppealDecided | None = None
    answer_to_remarks: OfficialText | None = None
    trusted_register_reference: str | None = None
    trusted_register_listed_on: str | None = None
    localisation_share: Percentage | None = None


@_published("case.proposal-returned.v1")
class ProposalReturned(Event, frozen=True, kw_only=True):
    """A second officer returned a proposal to the case with remarks."""

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(2), (3), (5)"

    case_id: str
    remarks: OfficialText


@_published("case.court-ruling-recorded.v1")
class CourtRulingRecorded(Event, frozen=True, kw_only=True):
    """A court upheld or undid what the authority decided in this case.

    Where it undid an exclusion, or the dismissal of an appeal of one, a new notification follows that names
    the ruling; `annuls_from_start` says whether the exclusion counts as never made. `notification_id` is the
    notification that the court ruled on.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-5(7)"

    case_id: str
    producer: ProducerRef
    product_id: str
    notification_id: str
    ruling: CourtRuling
    outcome: RulingOutcome
    reasons: OfficialText
    annuls_from_start: bool = False
    entry_id: str | None = None
