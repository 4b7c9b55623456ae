"""An application: `filed`, then `included`, `refused`, `withdrawn` or `closed`. A reapplication is a new one."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Final, Literal
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.events import (
    ApplicationClosed,
    ApplicationFiled,
    ApplicationSatisfied,
    ApplicationWithdrawn,
    InclusionRefused,
)

Status = Literal["filed", "included", "refused", "withdrawn", "closed"]

PACKAGE: Final = (
    ("localisation_report",),
    ("income_contract",),
    ("payment_contract",),
    ("development_start_order",),
    ("terms_of_reference",),
    ("commissioning_order",),
    ("copyright_certificate", "employment_agreement", "employer_assignment", "rights_alienation_agreement"),
    ("developers_list",),
)
"""The document package of the order of 28.11.2025: one document of each group at the least."""

DOCUMENT_KINDS: Final = tuple(kind for group in PACKAGE for kind in group)


class Application(Aggregate):
    """One filing of one producer for one product."""

    born_of = (ApplicationFiled,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "filed"
        self.filed: ApplicationFiled
        self.filed_event_id = ""
        self.filed_at: Fact

    def file(self, act: Act, filing: ApplicationFiled) -> None:
        """Order 327 para. 10: file with consent, a complete package and a report of a year that is over."""
        if not filing.consent_to_data_processing:
            raise Invalid("consent_missing", pointer="/consent_to_data_processing")
        year = legal_date(act.at).year
        if filing.reporting_year >= year:
            raise Invalid(
                "reporting_year_not_over",
                pointer="/reporting_year",
                year=str(filing.reporting_year),
                expected=str(year - 1),
            )
        present = {document.kind for document in filing.documents}
        for group in PACKAGE:
            if present.isdisjoint(group):
                raise Invalid("document_kind_missing", pointer="/documents", kinds=", ".join(group))
        self.record(act, filing)

    def withdraw(self, act: Act, reason: str | None) -> None:
        """The producer takes its pending application back."""
        self._must_be_pending("withdrawal")
        self.record(
            act,
            ApplicationWithdrawn(
                application_id=str(self.id),
                producer_id=self.filed.producer.producer_id,
                product_id=self.filed.product_id,
                reason=reason,
            ),
        )

    def close(self, act: Act, ground: Literal["liquidation", "reorganisation", "appeal_upheld"]) -> None:
        """Art. 51-6: the application falls away without a decision on it."""
        self._must_be_pending("closing")
        self.record(
            act,
            ApplicationClosed(
                application_id=str(self.id),
                producer_id=self.filed.producer.producer_id,
                product_id=self.filed.product_id,
                ground=ground,
            ),
        )

    def satisfy(self, act: Act, *, entry_id: str, notification_id: str) -> None:
        """Art. 51-2(4): the application led to inclusion."""
        self._must_be_pending("inclusion")
        self.record(
            act,
            ApplicationSatisfied(
                application_id=str(self.id), entry_id=entry_id, notification_id=notification_id
            ),
        )

    def refuse(self, act: Act, *, notification_id: str, reasons: OfficialText) -> None:
        """Art. 51-2(4): inclusion is refused; there is no appeal, a reapplication stays open."""
        self._must_be_pending("refusal")
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

    def _must_be_pending(self, command: str) -> None:
        if self.status != "filed":
            raise Conflict("application_not_pending", state=self.status, command=command, allowed="none")

    def numbered(self, event: Event) -> None:
        """Learn the application number."""
        if isinstance(event, ApplicationFiled):
            self.filed = event

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: ApplicationFiled, fact: Fact) -> None:
        self.filed = event
        self.filed_event_id = fact.id
        self.filed_at = fact

    @when.register
    def _(self, event: ApplicationWithdrawn, _fact: Fact) -> None:
        self.status = "withdrawn"

    @when.register
    def _(self, event: ApplicationClosed, _fact: Fact) -> None:
        self.status = "closed"

    @when.register
    def _(self, event: ApplicationSatisfied, _fact: Fact) -> None:
        self.status = "included"

    @when.register
    def _(self, event: InclusionRefused, _fact: Fact) -> None:
        self.status = "refused"
