"""A notification as the industry authority holds it: `received`, then `returned` for rework or `settled`."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Literal
from uuid import UUID

from services.kernel.calendar import EXCLUSION, REPEATED_REVIEW, REVIEW, REWORK, Term
from services.kernel.contract import FixedTerm, OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.events import (
    NotificationReceived,
    NotificationResult,
    NotificationReturned,
    NotificationSettled,
    TermMissed,
)

Status = Literal["received", "returned", "settled"]
Outcome = Literal[
    "included",
    "inclusion_refused",
    "monitoring_recorded",
    "excluded",
    "reinstated",
    "appeal_dismissed",
    "no_effect",
]


def term_of(result: NotificationResult, revision: int) -> Term | None:
    """Which term a notification sets running: para. 9 for inclusion and reinstatement, para. 31 for exclusion."""
    if result in {"confirmed", "refused", "upheld"}:
        return REVIEW if revision == 1 else REPEATED_REVIEW
    return EXCLUSION if result == "exclude" else None


class Notification(Aggregate):
    """The legal act of the informatization authority, from its receipt to what came of it."""

    born_of = (NotificationReceived,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "received"
        self.received: NotificationReceived
        self.revision = 0
        self.rework_term: FixedTerm | None = None
        self.remarks: OfficialText | None = None
        self.outcome: Outcome | None = None
        self.reason: str | None = None
        self.missed: set[tuple[str, str]] = set()

    def receive(self, act: Act, received: NotificationReceived) -> bool:
        """Order 327 paras. 8, 29, 31: record the receipt in any state; the same revision twice has no effect."""
        if received.revision <= self.revision:
            return False
        self.record(act, received)
        return True

    def return_for_rework(self, act: Act, remarks: OfficialText) -> None:
        """Order 327 para. 9: return an inclusion notification with remarks, any number of times."""
        self._must_be_open("return")
        if self.received.kind != "confirmation" or self.received.application_id is None:
            raise Conflict("notification_not_returnable", state=self.status, kind=self.received.kind)
        self.record(
            act,
            NotificationReturned(
                notification_id=str(self.id),
                revision=self.revision,
                case_id=self.received.case_id,
                application_id=self.received.application_id,
                producer_id=self.received.producer.producer_id,
                remarks=remarks,
                rework_term=REWORK.fixed(act.at),
            ),
        )

    def settle(self, act: Act, outcome: Outcome, reason: str | None = None) -> None:
        """Art. 51-2(4): record what came of the notification."""
        self._must_be_open("acceptance")
        self.record(act, NotificationSettled(notification_id=str(self.id), outcome=outcome, reason=reason))

    def miss_term(self, act: Act, term: FixedTerm) -> bool:
        """Record once that a term ended unmet; what is done late is still done."""
        if (term.name, term.due_on) in self.missed:
            return False
        missed_by = "informatization_authority" if term.name == REWORK.name else "industry_authority"
        self.record(
            act,
            TermMissed(
                term=term,
                subject_id=str(self.id),
                missed_by=missed_by,  # type: ignore[arg-type]  # one of the two literals above
            ),
            basis=term.basis,
        )
        return True

    def _must_be_open(self, command: str) -> None:
        if self.status != "received":
            allowed = "resubmission" if self.status == "returned" else "none"
            raise Conflict("notification_not_open", state=self.status, command=command, allowed=allowed)

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: NotificationReceived, _fact: Fact) -> None:
        self.received = event
        self.revision = event.revision
        if self.status != "settled":
            self.status = "received"
        self.rework_term = None

    @when.register
    def _(self, event: NotificationReturned, _fact: Fact) -> None:
        self.status = "returned"
        self.rework_term = event.rework_term
        self.remarks = event.remarks

    @when.register
    def _(self, event: NotificationSettled, _fact: Fact) -> None:
        self.status = "settled"
        self.outcome = event.outcome
        self.reason = event.reason

    @when.register
    def _(self, event: TermMissed, _fact: Fact) -> None:
        self.missed.add((event.term.name, event.term.due_on))
