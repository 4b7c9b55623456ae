"""A notification as the industry authority handles it (order 327 paras. 8-9, 29, 31)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import singledispatch
from typing import Literal
from uuid import UUID

import msgspec

from services.kernel.calendar import end_of, has_ended, legal_date
from services.kernel.contract import FixedTerm, OfficialText
from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.events import (
    NotificationReceived,
    NotificationReturned,
    NotificationSettled,
    TermMissed,
)
from services.register.domain.procedure import Procedure, automatically

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


class NotificationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A notification as its facts so far make it; `content` is its latest revision."""

    content: NotificationReceived
    received_on: str
    returned: NotificationReturned | None = None
    settled: NotificationSettled | None = None
    missed: tuple[FixedTerm, ...] = ()

    @property
    def status(self) -> NotificationStatus:
        """Settled for good, with the informatization authority for rework, or here."""
        if self.settled is not None:
            return "settled"
        back = self.returned is not None and self.returned.revision == self.content.revision
        return "returned" if back else "received"

    @property
    def term(self) -> FixedTerm | None:
        """The industry authority's running term."""
        return self.content.term if self.status == "received" else None


def evolved(state: NotificationState | None, fact: Fact) -> NotificationState:
    """The notification after one more fact. Raises `TypeError` for a fact of something else."""
    if isinstance(fact.data, NotificationReceived):
        if state is None:
            day = legal_date(fact.effective_at).isoformat()
            return NotificationState(content=fact.data, received_on=day)
        return msgspec.structs.replace(state, content=fact.data)
    if state is None:
        raise TypeError(f"{fact.originator_id} was never received")
    return _evolve(fact.data, state)


def folded(facts: Iterable[Fact]) -> NotificationState | None:
    """The notification that these facts, in the order in which they count, make; None before its receipt."""
    state: NotificationState | None = None
    for fact in facts:
        if state is not None or isinstance(fact.data, NotificationReceived):
            state = evolved(state, fact)
    return state


@singledispatch
def _evolve(event: Event, _state: NotificationState) -> NotificationState:
    raise TypeError(f"a notification knows no {type(event).__name__}")


@_evolve.register
def _(event: NotificationReturned, state: NotificationState) -> NotificationState:
    return msgspec.structs.replace(state, returned=event)


@_evolve.register
def _(event: NotificationSettled, state: NotificationState) -> NotificationState:
    return msgspec.structs.replace(state, settled=event)


@_evolve.register
def _(event: TermMissed, state: NotificationState) -> NotificationState:
    return msgspec.structs.replace(state, missed=(*state.missed, event.term))


class Notification(Aggregate):
    """`received -> returned -> received -> settled`; only inclusion notifications are ever returned."""

    born_of = (NotificationReceived,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self._state: NotificationState | None = None

    @property
    def state(self) -> NotificationState:
        """What the notification is now. Raises `NotFound` (`notification_unknown`) before its receipt."""
        if self._state is None:
            raise NotFound("notification_unknown", id=str(self.id))
        return self._state

    @property
    def content(self) -> NotificationReceived:
        """Its latest revision."""
        return self.state.content

    @property
    def status(self) -> NotificationStatus:
        """Where it stands."""
        return self.state.status

    def record(
        self, act: Act, event: Event, *, basis: str | None = None, effective_at: datetime | None = None
    ) -> Fact:
        """Decide a fact; where it comes late, the term missed is recorded first (order 327 para. 9)."""
        term = self._state.term if self._state is not None else None
        if term is not None and not isinstance(event, TermMissed):
            self.miss_term(automatically(act), term)
        return super().record(act, event, basis=basis, effective_at=effective_at)

    def receive(self, act: Act, content: NotificationReceived, procedure: Procedure) -> bool:
        """Record the receipt, whatever the state, and fix the term that starts with it.

        False for a revision that was received before: the same notification twice has no effect.
        """
        if self._state is not None and content.revision <= self.content.revision:
            return False
        settled = self._state is not None and self._state.settled is not None
        term = None if settled else _term(act, content, procedure)
        self.record(act, msgspec.structs.replace(content, term=term))
        return True

    def return_for_rework(self, act: Act, remarks: OfficialText, rework_term: FixedTerm) -> None:
        """Return an incomplete or unreliable inclusion notification with remarks (order 327 para. 9).

        Raises `Conflict`: for another kind, after its end, or after the term of the review.
        """
        if self.content.kind != "confirmation" or self.content.application_id is None:
            raise Conflict("notification_not_returnable", kind=self.content.kind, allowed="acceptance")
        self.must_be_received()
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
            self.must_be_received()
        event = NotificationSettled(notification_id=str(self.id), outcome=outcome, reason=reason)
        self.record(act, event)

    def miss_term(self, act: Act, term: FixedTerm) -> bool:
        """Record that the review or exclusion was not done in its term; False when it no longer runs.

        It counts from the first instant after the term's last day, whoever records it and when.
        """
        if self.state.term != term or term in self.state.missed:
            return False
        if not has_ended(term, act.at):
            return False
        event = TermMissed(term=term, subject_id=str(self.id), missed_by="industry_authority")
        due = date.fromisoformat(term.due_on)
        self.record(act, event, basis=term.basis, effective_at=end_of(due))
        return True

    def must_be_received(self) -> None:
        """Raise `Conflict` unless the notification waits for the industry authority."""
        if self.status == "returned":
            raise Conflict("notification_returned", state="returned", allowed="resubmission")
        if self.status == "settled":
            raise Conflict("notification_settled", state="settled", allowed="none")

    def when(self, event: Event, fact: Fact) -> None:  # the state is evolved by whole facts
        """Change state by one event."""
        self._state = evolved(self._state, fact)


def _term(act: Act, content: NotificationReceived, procedure: Procedure) -> FixedTerm | None:
    """The term that receipt starts: review for what brings a product in, exclusion for what takes it out."""
    if content.kind == "confirmation":
        return procedure.review(act.at, repeated=content.revision > 1)
    if content.result == "exclude":
        return procedure.exclusion(act.at)
    if content.result == "upheld" or content.corrects is not None:
        return procedure.review(act.at)
    return None
