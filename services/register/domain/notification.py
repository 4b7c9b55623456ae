"""A notification as the industry authority handles it (order 327 paras. 8-9, 29, 31)."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Literal
from uuid import UUID

import msgspec

from services.kernel.calendar import has_ended
from services.kernel.contract import FixedTerm, OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.events import (
    NotificationReceived,
    NotificationReturned,
    NotificationSettled,
    TermMissed,
)
from services.register.domain.procedure import Procedure

NotificationStatus = Literal["received", "returned", "settled"]
SettledOutcome = Literal[
    "included",
    "inclusion_refused",
    "monitoring_recorded",
    "excluded",
    "exclusion_corrected",
    "reinstated",
    "appeal_dismissed",
    "no_effect",
]


class Notification(Aggregate):
    """`received -> returned -> received -> settled`; only inclusion notifications are ever returned."""

    born_of = (NotificationReceived,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self.content: NotificationReceived
        self.status: NotificationStatus = "received"
        self.returned: NotificationReturned | None = None
        self.settled: NotificationSettled | None = None
        self.missed: tuple[FixedTerm, ...] = ()

    def receive(self, act: Act, content: NotificationReceived, procedure: Procedure) -> bool:
        """Record the receipt, whatever the state, and fix the term that starts with it.

        False for a revision that was received before: the same notification twice has no effect.
        """
        if self.version and content.revision <= self.content.revision:
            return False
        term = None if self.settled else _term(act, content, procedure)
        self.record(act, msgspec.structs.replace(content, term=term))
        return True

    def return_for_rework(self, act: Act, remarks: OfficialText, rework_term: FixedTerm) -> None:
        """Return an incomplete or unreliable inclusion notification with remarks (order 327 para. 9).

        Raises `Conflict`: for another kind, after its end, or after the term of the review.
        """
        if self.content.kind != "confirmation" or self.content.application_id is None:
            raise Conflict("notification_not_returnable", kind=self.content.kind, allowed="acceptance")
        self._must_be_received()
        if self.content.term is not None and has_ended(self.content.term, act.at):
            raise Conflict("return_term_ended", due_on=self.content.term.due_on, allowed="acceptance")
        event = NotificationReturned(
            notification_id=str(self.id),
            revision=self.content.revision,
            case_id=self.content.case_id,
            application_id=self.content.application_id,
            producer_id=self.content.producer.producer_id,
            remarks=remarks,
            rework_term=rework_term,
        )
        self.record(act, event)

    def settle(self, act: Act, outcome: SettledOutcome, reason: str | None = None) -> None:
        """Record what came of it; one that is with the informatization authority only when moot."""
        if self.status == "settled" or outcome != "no_effect":
            self._must_be_received()
        event = NotificationSettled(notification_id=str(self.id), outcome=outcome, reason=reason)
        self.record(act, event)

    def miss_term(self, act: Act, term: FixedTerm) -> bool:
        """Record that the review or exclusion was not done in its term; False when it no longer runs."""
        if self.status != "received" or self.content.term != term or term in self.missed:
            return False
        if not has_ended(term, act.at):
            return False
        event = TermMissed(term=term, subject_id=str(self.id), missed_by="industry_authority")
        self.record(act, event, basis=term.basis)
        return True

    def _must_be_received(self) -> None:
        if self.status == "returned":
            raise Conflict("notification_returned", state="returned", allowed="resubmission")
        if self.status == "settled":
            outcome = self.settled.outcome if self.settled else ""
            raise Conflict("notification_settled", state="settled", outcome=outcome, allowed="none")

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        raise TypeError(f"a notification knows no {type(event).__name__}")

    @when.register
    def _(self, event: NotificationReceived, fact: Fact) -> None:
        self.content = event
        self.status = "settled" if self.settled else "received"

    @when.register
    def _(self, event: NotificationReturned, fact: Fact) -> None:
        self.returned = event
        self.status = "returned"

    @when.register
    def _(self, event: NotificationSettled, fact: Fact) -> None:
        self.settled = event
        self.status = "settled"

    @when.register
    def _(self, event: TermMissed, fact: Fact) -> None:
        self.missed = (*self.missed, event.term)


def _term(act: Act, content: NotificationReceived, procedure: Procedure) -> FixedTerm | None:
    """The term that receipt starts: review for inclusions and reinstatements, exclusion for exclusions."""
    if content.kind == "confirmation":
        return procedure.review(act.at, repeated=content.revision > 1)
    if content.result == "exclude":
        return procedure.exclusion(act.at)
    if content.result == "upheld":
        return procedure.review(act.at)
    return None
