"""An application: one filing for one product, from filing to its end (order 327 paras. 9-10, 32)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Final, Literal
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.contract import DocumentRef, Language, OfficialText, ProducerKind, ProducerRef
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.events import (
    Activity,
    ApplicationClosed,
    ApplicationFiled,
    ApplicationSatisfied,
    ApplicationWithdrawn,
    ExclusionGround,
    InclusionRefused,
    Product,
)
from services.register.contract.package import PACKAGE_GROUPS
from services.register.domain.correcting import EntryStatus

ApplicationStatus = Literal["filed", "included", "refused", "withdrawn", "closed"]
ClosedGround = Literal["liquidation", "reorganisation", "appeal_upheld", "exclusion_corrected"]
RECTIFIED: Final = ("rectified_kk", "rectified_ru", "rectified_en")
"""Under which names the vault holds what a producer says it rectified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the register knows of a product when its producer files for it.

    `decided` is the latest application that ended in inclusion or refusal: what a reapplication follows.
    """

    ceased: str | None = None
    present_bin: str | None = None
    pending: str | None = None
    entry_status: EntryStatus | None = None
    exclusion_ground: ExclusionGround | None = None
    decided: str | None = None
    decided_as: Literal["included", "refused"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the producer fills in, apart from who it is."""

    product: Product
    activity: Activity
    reporting_year: int
    documents: tuple[DocumentRef, ...]
    language: Language
    consent_to_data_processing: bool
    registration_number: str | None = None
    follows: str | None = None
    rectified: OfficialText | None = None
    signature_sha256: str | None = None
    signature_attested_by: str | None = None

    def confidential(self, kind: ProducerKind) -> dict[str, str]:
        """What goes into the vault: the producer's own words, an individual's state registration number."""
        values: dict[str, str] = {}
        if kind == "individual_entrepreneur" and self.registration_number is not None:
            values["registration_number"] = self.registration_number
        if self.rectified is not None:
            texts = zip(RECTIFIED, (self.rectified.kk, self.rectified.ru, self.rectified.en), strict=True)
            values |= {field: text for field, text in texts if text is not None}
        return values


class Application(Aggregate):
    """`filed -> included | refused | withdrawn | closed`."""

    born_of = (ApplicationFiled,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self.filed: ApplicationFiled
        self.filed_by: str
        self.filed_on: str
        self.status: ApplicationStatus = "filed"
        self.reasons: OfficialText | None = None
        self.notification_id: str | None = None
        self.closed_on_ground: ClosedGround | None = None

    @classmethod
    def made_of(cls, application_id: UUID, facts: Iterable[Fact]) -> Application | None:
        """The application that these facts make, in the order in which they count; None before its filing."""
        found: Application | None = None
        for fact in facts:
            if found is None and isinstance(fact.data, ApplicationFiled):
                found = cls(application_id)
            if found is not None:
                found.when(fact.data, fact)
        return found

    def file(  # who, what, on what standing, with which sealed values
        self,
        act: Act,
        form: Form,
        standing: Standing,
        *,
        producer: ProducerRef,
        product_id: str,
        commitments: dict[str, str],
    ) -> None:
        """File, or file again after a refusal or exclusion (order 327 paras. 10, 32).

        Raises `Invalid` for a form that cannot stand and `Conflict` for a state that forbids filing.
        """
        _check_form(act, form)
        _check_standing(form, standing)
        is_legal_entity = producer.kind == "legal_entity"
        self.record(
            act,
            ApplicationFiled(
                application_id=str(self.id),
                producer=producer,
                product_id=product_id,
                product=form.product,
                activity=form.activity,
                reporting_year=form.reporting_year,
                documents=form.documents,
                language=form.language,
                consent_to_data_processing=True,
                commitments=commitments,
                registration_number=form.registration_number if is_legal_entity else None,
                follows=form.follows,
                signature_sha256=form.signature_sha256,
                signature_attested_by=form.signature_attested_by,
            ),
            basis=(
                "order-327 paras. 10, 32; law-86-VII art. 51-2"
                if form.follows is not None
                else ApplicationFiled.legal_basis
            ),
        )

    def withdraw(self, act: Act, commitments: dict[str, str]) -> None:
        """Withdraw while no decision has been taken."""
        self._must_be_pending()
        self.record(
            act,
            ApplicationWithdrawn(
                application_id=str(self.id),
                producer_id=self.filed.producer.producer_id,
                product_id=self.filed.product_id,
                commitments=commitments,
            ),
        )

    def close(self, act: Act, ground: ClosedGround) -> None:
        """End without a decision: the producer ceased, or the product is back in the register."""
        self._must_be_pending()
        self.record(
            act,
            ApplicationClosed(
                application_id=str(self.id),
                producer_id=self.filed.producer.producer_id,
                product_id=self.filed.product_id,
                ground=ground,
            ),
            basis=(
                "law-86-VII art. 51-2(5); order-327 para. 31"
                if ground in ("appeal_upheld", "exclusion_corrected")
                else ApplicationClosed.legal_basis
            ),
        )

    def satisfy(self, act: Act, notification_id: str) -> None:
        """The product was included on this application."""
        self._must_be_pending()
        event = ApplicationSatisfied(
            application_id=str(self.id), entry_id=self.filed.product_id, notification_id=notification_id
        )
        self.record(act, event)

    def refuse(self, act: Act, notification_id: str, reasons: OfficialText) -> None:
        """Refuse inclusion on the informatization authority's notification (order 327 paras. 8-9)."""
        self._must_be_pending()
        self.record(
            act,
            InclusionRefused(
                application_id=str(self.id),
                producer=self.filed.producer,
                product_id=self.filed.product_id,
                notification_id=notification_id,
                reasons=reasons,
            ),
        )

    def _must_be_pending(self) -> None:
        if self.status != "filed":
            raise Conflict("application_not_pending", state=self.status, allowed=_NEXT[self.status])

    def numbered(self, event: Event) -> None:
        """Learn the application number."""
        if isinstance(event, ApplicationFiled):
            self.filed = event

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        raise TypeError(f"an application knows no {type(event).__name__}")

    @when.register
    def _(self, event: ApplicationFiled, fact: Fact) -> None:
        self.filed = event
        self.filed_by = fact.id
        self.filed_on = legal_date(fact.effective_at).isoformat()

    @when.register
    def _(self, event: ApplicationWithdrawn, fact: Fact) -> None:
        self.status = "withdrawn"

    @when.register
    def _(self, event: ApplicationClosed, fact: Fact) -> None:
        self.status = "closed"
        self.closed_on_ground = event.ground

    @when.register
    def _(self, event: ApplicationSatisfied, fact: Fact) -> None:
        self.status = "included"
        self.notification_id = event.notification_id

    @when.register
    def _(self, event: InclusionRefused, fact: Fact) -> None:
        self.status = "refused"
        self.notification_id = event.notification_id
        self.reasons = event.reasons


_NEXT: dict[ApplicationStatus, str] = {
    "filed": "withdrawal",
    "included": "exclusion request",
    "refused": "reapplication",
    "withdrawn": "application",
    "closed": "none",
}
"""What a producer can do next, by the state its application is in."""


def _check_form(act: Act, form: Form) -> None:
    if not form.consent_to_data_processing:
        raise Invalid("consent_required", pointer="/consent_to_data_processing")
    year = legal_date(act.at).year
    if form.reporting_year >= year:
        raise Invalid("reporting_year_not_over", pointer="/reporting_year", latest=str(year - 1))
    kinds = {document.kind for document in form.documents}
    for group, any_of in PACKAGE_GROUPS.items():
        if kinds.isdisjoint(any_of):
            raise Invalid(
                "document_missing", pointer="/documents", group=group, kinds=", ".join(sorted(any_of))
            )


def _check_standing(form: Form, standing: Standing) -> None:
    if standing.ceased is not None:
        raise Conflict("producer_ceased", state=standing.ceased, allowed="application of the new entity")
    if standing.present_bin is not None:
        raise Conflict("producer_transformed", state="transformed", bin=standing.present_bin)
    if standing.pending is not None:
        raise Conflict(
            "application_pending", state="filed", allowed="withdrawal", application_id=standing.pending
        )
    if standing.entry_status == "included":
        raise Conflict("already_included", state="included", allowed="exclusion request")
    _check_reapplication(form, standing)


def _check_reapplication(form: Form, standing: Standing) -> None:
    """A reapplication names what it follows and what was rectified; only the first where nothing was wrong.

    That is after own request, and where the register's own inclusion was annulled.
    """
    if form.follows is None and standing.decided is None:
        if form.rectified is not None:
            raise Invalid("nothing_to_rectify", pointer="/rectified")
        return
    if form.follows is None:
        raise Invalid("follows_required", pointer="/follows", application_id=standing.decided or "")
    if form.follows != standing.decided:
        raise Invalid("follows_wrong", pointer="/follows", application_id=standing.decided or "")
    by_own_request = standing.decided_as == "included" and standing.exclusion_ground == "own_request"
    nothing_wrong = by_own_request or standing.entry_status == "annulled"
    if form.rectified is None and not nothing_wrong:
        raise Invalid("rectified_required", pointer="/rectified")
