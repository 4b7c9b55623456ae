"""What the facts of the register cause here: one handler for each, and each one use case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.errors import Invalid
from services.kernel.feed.following import Foreign
from services.kernel.feed.sinks import WorkHandler
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Event
from services.kernel.journal.journal import Work
from services.kernel.vault import Sealed, opens
from services.register.contract.appeals import AppealClosed
from services.register.contract.corrections import EntryCorrected
from services.register.contract.erasures import PersonalDataErased
from services.register.contract.events import (
    REGISTER_EVENTS,
    AppealFiled,
    ApplicationClosed,
    ApplicationFiled,
    ApplicationWithdrawn,
    Excluded,
    Included,
    NotificationReturned,
    ProducerLiquidated,
    ProducerReorganised,
    ProducerTransformed,
    Reinstated,
)
from services.register.contract.updates import EntryUpdated
from services.verification.contract.events import CaseOpened
from services.verification.projections.included_entries import Inclusion
from services.verification.schema import REGISTER
from services.verification.usecases.begin_rework import begin_rework
from services.verification.usecases.close_cases import (
    close_appeal_case,
    close_application_case,
    close_producer_cases,
)
from services.verification.usecases.erase_personal_data import erase_personal_data, erase_what_was_told
from services.verification.usecases.follow_entry import (
    follow_annulled_inclusion,
    follow_correction,
    follow_exclusion,
    follow_inclusion,
    follow_redating,
    follow_reinstatement,
    follow_restatement,
    follow_transformation,
    follow_update,
)
from services.verification.usecases.open_appeal import FiledAppeal, open_appeal
from services.verification.usecases.open_confirmation import open_confirmation
from services.verification.usecases.practice import ACTOR, Practice

UPSTREAM: Final = REGISTER
REGISTRY: Final = REGISTER_EVENTS
EventT = TypeVar("EventT", bound=Event)


class RegisterInbox:
    """Handlers for the register's facts, under one authority's practice."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice

    def handlers(self) -> Mapping[type[Event], WorkHandler]:
        """The handler of each event that has an effect here."""
        return {
            ApplicationFiled: self.application_filed,
            ApplicationWithdrawn: self.application_withdrawn,
            ApplicationClosed: self.application_closed,
            NotificationReturned: self.notification_returned,
            Included: self.included,
            Excluded: self.excluded,
            AppealFiled: self.appeal_filed,
            AppealClosed: self.appeal_closed,
            Reinstated: self.reinstated,
            EntryCorrected: self.entry_corrected,
            EntryUpdated: self.entry_updated,
            ProducerLiquidated: self.producer_liquidated,
            ProducerReorganised: self.producer_reorganised,
            ProducerTransformed: self.producer_transformed,
            PersonalDataErased: self.personal_data_erased,
        }

    def _act(self, foreign: Foreign) -> Act:
        return Act(self._practice.clock.now(), foreign.provenance(ACTOR))

    def personal_data_erased(self, work: Work, foreign: Foreign) -> None:
        """What is kept here of the producer is erased too; of who filed anew, what the named facts told."""
        erased, act = _as(PersonalDataErased, foreign), self._act(foreign)
        if erased.told_in:
            erase_what_was_told(work, act, erased.producer_id, erased.told_in, kept=erased.kept)
        else:
            erase_personal_data(work, act, erased.producer_id)

    def application_filed(self, work: Work, foreign: Foreign) -> None:
        """Art. 51-2(2): a confirmation case opens, judged by the rules in force on the day of filing."""
        filed = _as(ApplicationFiled, foreign)
        filed_on = legal_date(foreign.fact.effective_at).isoformat()
        opening = CaseOpened(
            case_id="",
            kind="confirmation",
            producer=filed.producer,
            product_id=filed.product_id,
            product_name=filed.product.name,
            legal_date=filed_on,
            language=filed.language,
            application_id=filed.application_id,
            reporting_year=filed.reporting_year,
            filed_on=filed_on,
            documents=filed.documents,
        )
        identity = _opened(foreign, filed.commitments, "iin")
        open_confirmation(work, self._practice, self._act(foreign), opening, identity)

    def application_withdrawn(self, work: Work, foreign: Foreign) -> None:
        """The application's case closes."""
        event = _as(ApplicationWithdrawn, foreign)
        close_application_case(work, self._act(foreign), event.application_id, "withdrawn")

    def application_closed(self, work: Work, foreign: Foreign) -> None:
        """The application's case closes on the register's ground."""
        event = _as(ApplicationClosed, foreign)
        close_application_case(work, self._act(foreign), event.application_id, event.ground)

    def notification_returned(self, work: Work, foreign: Foreign) -> None:
        """Order 327 para. 9: rework begins."""
        event = _as(NotificationReturned, foreign)
        begin_rework(
            work,
            self._practice,
            self._act(foreign),
            UUID(event.case_id),
            revision=event.revision,
            remarks=event.remarks,
            term=event.rework_term,
        )

    def included(self, work: Work, foreign: Foreign) -> None:
        """The entry is monitored from now on."""
        event = _as(Included, foreign)
        follow_inclusion(
            work,
            self._practice,
            self._act(foreign),
            entry_id=event.entry_id,
            application_id=event.application_id,
            producer=event.producer,
            product_name=event.product.name,
            inclusion=Inclusion(foreign.fact.id, event.included_on),
        )

    def excluded(self, work: Work, foreign: Foreign) -> None:
        """The entry's monitoring ends."""
        event = _as(Excluded, foreign)
        follow_exclusion(
            work,
            self._act(foreign),
            entry_id=event.entry_id,
            excluded_on=event.excluded_on,
            event_id=foreign.fact.id,
        )

    def appeal_filed(self, work: Work, foreign: Foreign) -> None:
        """Art. 51-2(5): an appeal case opens."""
        event = _as(AppealFiled, foreign)
        appeal = FiledAppeal(
            appeal_id=event.appeal_id,
            entry_id=event.entry_id,
            producer=event.producer,
            notification_id=event.notification_id,
            language=event.language,
            filed_on=event.filed_on,
            in_time=event.in_time,
            term=event.term,
            documents=event.documents,
            grounds=_opened(foreign, event.commitments, "grounds"),
        )
        open_appeal(work, self._practice, self._act(foreign), appeal)

    def reinstated(self, work: Work, foreign: Foreign) -> None:
        """The entry is monitored again."""
        event = _as(Reinstated, foreign)
        follow_reinstatement(
            work,
            self._practice,
            self._act(foreign),
            entry_id=event.entry_id,
            inclusion=Inclusion(foreign.fact.id, event.reinstated_on),
            exclusion_event_id=event.exclusion_event_id,
            from_start=event.annuls_from_start,
        )

    def appeal_closed(self, work: Work, foreign: Foreign) -> None:
        """The appeal ended with the register: its case has nothing left to decide."""
        event = _as(AppealClosed, foreign)
        if event.ground != "included_anew":
            ground = "reinstated" if event.ground == "court_ruling" else event.ground
            close_appeal_case(work, self._act(foreign), event.appeal_id, ground)

    def entry_corrected(self, work: Work, foreign: Foreign) -> None:
        """A recorded inclusion, exclusion or reinstatement never counted, or counts otherwise."""
        event, act = _as(EntryCorrected, foreign), self._act(foreign)
        entry_id, wrong, event_id = event.entry_id, event.corrected_event_id, foreign.fact.id
        if event.counts_from is not None:
            day = legal_date(datetime.fromisoformat(event.counts_from)).isoformat()
            follow_redating(
                work, act, entry_id=entry_id, corrected_event_id=wrong, counts_from=day, event_id=event_id
            )
        elif event.kind == "restatement":
            if event.product is not None:
                follow_restatement(work, entry_id=entry_id, product_name=event.product.name)
        elif event.corrected == "exclusion":
            follow_correction(
                work,
                self._practice,
                act,
                entry_id=entry_id,
                corrected_event_id=wrong,
                event_id=event_id,
            )
        else:
            follow_annulled_inclusion(work, act, entry_id=entry_id, begun_by=wrong, event_id=event_id)

    def entry_updated(self, work: Work, foreign: Foreign) -> None:
        """Order 327 para. 26: of a producer's own data only the name stands in cases."""
        event = _as(EntryUpdated, foreign)
        if "name" in event.fields and "name" not in event.superseded:
            follow_update(work, entry_id=event.entry_id, producer=event.producer)

    def producer_liquidated(self, work: Work, foreign: Foreign) -> None:
        """Art. 51-6: the producer's cases close."""
        event = _as(ProducerLiquidated, foreign)
        close_producer_cases(work, self._act(foreign), event.producer.producer_id, "liquidation")

    def producer_reorganised(self, work: Work, foreign: Foreign) -> None:
        """Art. 51-6: the producer's cases close."""
        event = _as(ProducerReorganised, foreign)
        close_producer_cases(work, self._act(foreign), event.producer.producer_id, "reorganisation")

    def producer_transformed(self, work: Work, foreign: Foreign) -> None:
        """Art. 51-6: the producer goes on under another name or BIN."""
        event = _as(ProducerTransformed, foreign)
        follow_transformation(work, event.producer, event.changed, event.superseded)


def _opened(foreign: Foreign, commitments: Mapping[str, str], field: str) -> Sealed:
    """One personal value that came beside the event, with its commitment; empty when it did not come.

    Raises `Invalid` (`commitment_broken`) when the value is not the one committed to.
    """
    value = foreign.upstream.confidential.get(field)
    if value is None or field not in commitments:
        return Sealed({}, {})
    if not opens(field, value, commitments[field]):
        raise Invalid("commitment_broken", field=field)
    return Sealed({field: value}, {field: commitments[field]})


def _as(kind: type[EventT], foreign: Foreign) -> EventT:
    data = foreign.fact.data
    if not isinstance(data, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data
