"""An entry: one product of one producer in the register, over its whole life (law 86-VII arts. 51-2, 51-6).

The stream of an entry has the product's id, so a product can never have two entries.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from services.kernel.calendar import end_of, has_ended, legal_date
from services.kernel.contract import DocumentRef, FixedTerm, Language, OfficialText, ProducerRef
from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact, instant_text, microseconds, new_event_id
from services.register.contract.appeals import AppealClosed, AppealClosingGround
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    AppealDismissed,
    AppealFiled,
    Excluded,
    ExclusionGround,
    ExclusionRequested,
    Included,
    MonitoringRecorded,
    NotificationReceived,
    Reinstated,
    TermMissed,
)
from services.register.contract.rulings import CourtRulingRecorded
from services.register.domain.appealing import appealable, redated_term
from services.register.domain.application import Application
from services.register.domain.confirmation import Confirmation
from services.register.domain.correcting import NAMES, annuls, corrections_of
from services.register.domain.correction import Proposed, check
from services.register.domain.entry_state import Appeal, EntryState, Exclusion, evolved, standing
from services.register.domain.procedure import Procedure, automatically
from services.register.domain.proposal import Authors
from services.register.domain.requesting import term_again
from services.register.domain.texts import COURT_BASIS, EXCLUSION_BASES
from services.register.domain.updating import Given, Update, stands_from


class Entry(Aggregate):
    """`included -> excluded`, and `excluded -> included` by reinstatement, correction or inclusion anew."""

    born_of = (Included,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self._state: EntryState | None = None
        self._facts: list[Fact] = []

    @property
    def state(self) -> EntryState:
        """What the entry is now. Raises `NotFound` (`entry_unknown`) before its first inclusion."""
        if self._state is None:
            raise NotFound("entry_unknown", id=str(self.id))
        return self._state

    @property
    def is_included(self) -> bool:
        """True while the product is in the register."""
        return self._state is not None and self._state.status == "included"

    def record(
        self, act: Act, event: Event, *, basis: str | None = None, effective_at: datetime | None = None
    ) -> Fact:
        """Decide a fact; where it comes late, the term missed is recorded first (order 327 para. 31)."""
        term = self._state.request_term if self._state is not None else None
        if term is not None and not isinstance(event, TermMissed):
            self.miss_term(automatically(act), term)
        return super().record(act, event, basis=basis, effective_at=effective_at)

    def include(self, act: Act, application: Application, producer: ProducerRef, found: Confirmation) -> None:
        """Include for the first time, or anew after a reapplication (art. 51-2(4), order 327 paras. 8-9)."""
        if self.is_included:
            raise Conflict("already_included", state="included", allowed="exclusion request")
        filed = application.filed
        at = self._counts_from(act.at)
        self.record(
            act,
            Included(
                entry_id=str(self.id),
                application_id=filed.application_id,
                application_number=filed.number,
                notification_id=found.notification_id,
                producer=producer,
                product=filed.product,
                activity=filed.activity,
                included_on=legal_date(at).isoformat(),
                commitments=filed.commitments,
                registration_number=filed.registration_number,
                trusted_register_reference=found.trusted_register_reference,
                localisation_share=found.localisation_share,
            ),
            effective_at=at,
        )

    def record_monitoring(self, act: Act, notification_id: str, quarter: str | None) -> None:
        """The quarterly monitoring found the product still conforming (art. 51-2(3), order 327 para. 29)."""
        self._must_be_included()
        event = MonitoringRecorded(
            entry_id=str(self.id),
            producer_id=self.state.producer.producer_id,
            notification_id=notification_id,
            quarter=quarter,
        )
        self.record(act, event)

    def request_exclusion(self, act: Act, commitments: dict[str, str], term: FixedTerm) -> Fact:
        """The producer asks for its own exclusion (art. 51-6(3), order 327 para. 30)."""
        self._must_be_included()
        if self.state.requested_on is not None:
            raise Conflict(
                "exclusion_already_requested", state="requested", requested_on=self.state.requested_on
            )
        event = ExclusionRequested(
            entry_id=str(self.id),
            producer_id=self.state.producer.producer_id,
            commitments=commitments,
            term=term,
        )
        return self.record(act, event)

    def must_be_requested(self) -> None:
        """Raise `Conflict` (`exclusion_not_requested`) unless the producer asked for its exclusion."""
        self._must_be_included()
        if self.state.requested_on is None:
            raise Conflict("exclusion_not_requested", state="included", allowed="exclusion request")

    def data_for(self, given: Given, now: datetime) -> tuple[datetime, EntryState]:
        """From when what a producer gives would stand, and the entry as it stands then.

        Raises `Conflict` (`entry_not_included`) and what `stands_from` raises.
        """
        self._must_be_included()
        return self.data_from(stands_from(given.changed_on, now, self._inclusion()))

    def data_from(self, at: datetime) -> tuple[datetime, EntryState]:
        """From when what a producer tells from `at` on stands here: not before the inclusion that it changes.

        With the entry as it stands then.
        """
        at = max(at, self._inclusion().effective_at)
        return at, standing(self._facts, valid_at=at) or self.state

    def _inclusion(self) -> Fact:
        stated = next(fact for fact in self._facts if fact.id == self.state.included_by)
        return corrections_of(self._facts).applied(stated)

    def update(
        self, act: Act, update: Update, at: datetime, commitments: dict[str, str], term: FixedTerm
    ) -> Fact:
        """The producer brings its own data up to date, late too (order 327 para. 26).

        What it told for another entry stands here also while this one is out: it may come back.
        """
        if update.told_for is None:
            self._must_be_included()
        event = update.event(at, act.at, term, commitments, self.state)
        return self.record(act, event, effective_at=at)

    def exclude(  # the facts an exclusion states
        self,
        act: Act,
        ground: ExclusionGround,
        reasons: OfficialText,
        *,
        producer: ProducerRef,
        counts_from: datetime | None = None,
        notification_id: str | None = None,
        appeal_term: FixedTerm | None = None,
    ) -> None:
        """Leave the register (art. 51-6, order 327 paras. 30-31), from `counts_from` (UTC) or the act."""
        self._must_be_included()
        at = self._counts_from(counts_from or act.at)
        self.record(
            act,
            Excluded(
                entry_id=str(self.id),
                producer=producer,
                ground=ground,
                excluded_on=legal_date(at).isoformat(),
                reasons=reasons,
                notification_id=notification_id,
                appeal_term=appeal_term,
            ),
            basis=EXCLUSION_BASES[ground],
            effective_at=at,
        )

    def file_appeal(
        self,
        act: Act,
        *,
        producer: ProducerRef,
        language: Language,
        documents: tuple[DocumentRef, ...],
        commitments: dict[str, str],
    ) -> str:
        """Appeal the notification behind the exclusion; a late appeal is recorded too (art. 51-2(5)).

        Returns the appeal's id. Raises `Conflict` where the law gives no appeal or one was filed.
        """
        appealed = appealable(self.state)
        appeal_id = new_event_id()
        event = AppealFiled(
            entry_id=str(self.id),
            appeal_id=appeal_id,
            producer=producer,
            notification_id=appealed.notification_id,
            exclusion_event_id=appealed.exclusion_event_id,
            language=language,
            filed_on=legal_date(act.at).isoformat(),
            in_time=not has_ended(appealed.term, act.at),
            term=appealed.term,
            commitments=commitments,
            documents=documents,
        )
        self.record(act, event)
        return appeal_id

    def dismiss_appeal(
        self, act: Act, appeal: Appeal, *, producer: ProducerRef, notification_id: str, reasons: OfficialText
    ) -> None:
        """Record that the appeal was dismissed, as late or on its merits, naming the day its term ended."""
        event = AppealDismissed(
            entry_id=str(self.id),
            appeal_id=appeal.appeal_id,
            producer=producer,
            notification_id=notification_id,
            ground="merits" if appeal.in_time else "late",
            reasons=reasons,
            term_ended_on=appeal.term.due_on,
        )
        self.record(act, event)

    def close_appeal(
        self,
        act: Act,
        appeal: Appeal,
        ground: AppealClosingGround,
        *,
        producer: ProducerRef,
        notification_id: str | None = None,
        reasons: OfficialText | None = None,
    ) -> None:
        """Record that an appeal ended with nothing left for it to bring back into the register."""
        event = AppealClosed(
            entry_id=str(self.id),
            appeal_id=appeal.appeal_id,
            producer=producer,
            exclusion_event_id=appeal.exclusion_event_id,
            ground=ground,
            notification_id=notification_id,
            reasons=reasons,
        )
        self.record(act, event)

    def reinstate(
        self,
        act: Act,
        exclusion: Exclusion,
        content: NotificationReceived,
        procedure: Procedure,
        *,
        producer: ProducerRef,
        appeal: Appeal | None = None,
    ) -> None:
        """Put the entry back on an upheld appeal or a court's ruling (art. 51-2(4), (5), 51-5(7)).

        It counts from its own day, or from the day of the exclusion that it annuls from the start. The first
        inclusion's date is kept.
        """
        at = self._counts_from(act.at)
        from_start = content.annuls_from_start
        event = Reinstated(
            entry_id=str(self.id),
            producer=producer,
            notification_id=content.notification_id,
            annuls_from_start=from_start,
            exclusion_event_id=exclusion.event_id,
            reinstated_on=exclusion.excluded_on if from_start else legal_date(at).isoformat(),
            reasons=content.reasons,
            appeal_id=appeal.appeal_id if appeal is not None else None,
            court_ruling=content.court_ruling,
        )
        basis = COURT_BASIS if content.court_ruling is not None else None
        after = self._after(act, event, at)
        event = msgspec.structs.replace(event, request_term=term_again(self.state, after, act.at, procedure))
        self.record(act, event, basis=basis, effective_at=at)

    def record_ruling(self, act: Act, content: CourtRulingRecorded) -> bool:
        """Name a court's ruling in the entry's history (art. 51-5(7)); False when it stands there already."""
        if any(known.is_same_as(content.ruling) for known in self.state.rulings):
            return False
        self.record(act, content)
        return True

    def correct_exclusion(
        self,
        act: Act,
        exclusion: Exclusion,
        procedure: Procedure,
        *,
        producer: ProducerRef,
        notification_id: str,
        reasons: OfficialText,
    ) -> None:
        """Leave an exclusion out from the start: a notification corrects the one it rested on."""
        event = EntryCorrected(
            entry_id=str(self.id),
            producer=producer,
            corrected_event_id=exclusion.event_id,
            notification_id=notification_id,
            reasons=reasons,
        )
        self._record_correction(act, event, EntryCorrected.legal_basis, procedure)

    def check_correction(self, act: Act, proposed: Proposed) -> None:
        """Raise `Invalid` or `Conflict` unless the entry can be corrected so (see `correction.check`)."""
        check(proposed, self._facts, act.at)

    def correct(
        self, act: Act, proposed: Proposed, procedure: Procedure, *, producer: ProducerRef, authors: Authors
    ) -> None:
        """Correct what two officers agreed was wrong (order 327 para. 5)."""
        target = check(proposed, self._facts, act.at)
        at = proposed.counts_from
        event = EntryCorrected(
            entry_id=str(self.id),
            producer=producer,
            corrected_event_id=target.id,
            reasons=proposed.reasons,
            kind=proposed.kind,
            corrected=NAMES[type(target.data)],
            counts_from=None if at is None else instant_text(microseconds(at)),
            appeal_term=redated_term(self.state, proposed, act.at, procedure),
            product=proposed.product,
            activity=proposed.activity,
            correction_id=authors.proposal_id,
            proposed_by=authors.proposed_by,
        )
        self._record_correction(act, event, proposed.legal_basis, procedure)

    def _record_correction(self, act: Act, event: EntryCorrected, basis: str, procedure: Procedure) -> None:
        """Record a correction with the status that the entry has after it."""
        at = self._counts_from(act.at)
        after = self._after(act, event, at)
        term = term_again(self.state, after, act.at, procedure)
        stated = msgspec.structs.replace(event, status=after.status, request_term=term)
        self.record(act, stated, basis=basis, effective_at=at)

    def _after(self, act: Act, event: Event, at: datetime) -> EntryState:
        """What the entry would be after an event."""
        trial = Entry(self.id)
        for fact in self._facts:
            trial.apply(fact)
        Aggregate.record(trial, act, event, effective_at=at)
        return trial.state

    def miss_term(self, act: Act, term: FixedTerm) -> bool:
        """Record that the term of an exclusion at own request ended unmet; False when it no longer runs.

        It counts from the first instant after the term's last day, whoever records it and when.
        """
        if self.state.request_term != term or term in self.state.missed:
            return False
        if not has_ended(term, act.at):
            return False
        event = TermMissed(term=term, subject_id=str(self.id), missed_by="industry_authority")
        due = date.fromisoformat(term.due_on)
        self.record(act, event, basis=term.basis, effective_at=end_of(due))
        return True

    def _must_be_included(self) -> None:
        if not self.is_included:
            raise Conflict("entry_not_included", state=self.state.status, allowed="reapplication")

    def _counts_from(self, at: datetime) -> datetime:
        """No change of status counts from before the one it follows."""
        return at if self._state is None else max(at, self._state.changed_at)

    def numbered(self, event: Event) -> None:
        """Learn the registration number."""
        if isinstance(event, Included) and self._state is not None:
            self._facts = [
                msgspec.structs.replace(fact, data=event) if fact.id == self._state.included_by else fact
                for fact in self._facts
            ]
            self._state = standing(self._facts)

    def when(self, event: Event, fact: Fact) -> None:  # the state is evolved by whole facts
        """Change state by one event; one that changes what counted before makes it anew from all facts."""
        self._facts.append(fact)
        self._state = standing(self._facts) if annuls(event) else evolved(self._state, fact)
