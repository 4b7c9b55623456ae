"""An entry: one product of one producer over its whole life, `included` or `excluded`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import singledispatchmethod
from typing import Final, Literal
from uuid import UUID

from services.kernel.calendar import APPEAL, end_of, legal_date
from services.kernel.contract import DocumentRef, FixedTerm, Language, OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
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
)

Status = Literal["included", "excluded"]

OWN_REQUEST: Final = OfficialText(
    kk="Өндірушінің өз өтініші бойынша шығарылды.",
    ru="Исключено по заявлению самого производителя.",
    en="Excluded at the producer's own request.",
)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The exclusion an entry stands under, as later decisions need it."""

    event_id: str
    excluded_on: str
    ground: ExclusionGround
    notification_id: str | None
    appeal_term: FixedTerm | None


@dataclass(frozen=True, slots=True)
class Appeal:
    """The one appeal of an exclusion."""

    appeal_id: str
    notification_id: str
    exclusion_event_id: str
    term: FixedTerm
    decided: bool = False


class Entry(Aggregate):
    """The register's line for one product; its stream id is the product's id."""

    born_of = (Included,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "excluded"
        self.included: Included
        self.included_event_id = ""
        self.exclusion: Exclusion | None = None
        self.appeal: Appeal | None = None
        self.exclusion_requested = False

    def include(self, act: Act, inclusion: Included) -> None:
        """Art. 51-2(4): include, for the first time or anew after a reapplication."""
        if self.status == "included":
            raise Conflict("entry_already_included", state=self.status, allowed="exclusion")
        self.record(act, inclusion)

    def record_monitoring(self, act: Act, notification: NotificationReceived) -> None:
        """Order 327 para. 29: the entry still conforms."""
        self._must_be_included("monitoring")
        self.record(
            act,
            MonitoringRecorded(
                entry_id=str(self.id),
                producer_id=self.included.producer.producer_id,
                notification_id=notification.notification_id,
                quarter=notification.quarter,
            ),
        )

    def exclude_on_notification(
        self, act: Act, notification: NotificationReceived, *, appeal_to_working_day: bool = True
    ) -> None:
        """Order 327 para. 31: exclude on the notification; an appeal may follow within thirty calendar days."""
        self._must_be_included("exclusion")
        self._exclude(
            act,
            "software_monitoring",
            notification.reasons,
            notification_id=notification.notification_id,
            appeal_term=APPEAL.fixed(act.at, to_working_day=appeal_to_working_day),
        )

    def request_exclusion(self, act: Act, reason: str | None) -> None:
        """Art. 51-6(3): the producer asks for its own exclusion."""
        self._must_be_included("exclusion_request")
        if self.exclusion_requested:
            raise Conflict("exclusion_already_requested", state=self.status, allowed="exclusion")
        self.record(
            act,
            ExclusionRequested(
                entry_id=str(self.id), producer_id=self.included.producer.producer_id, reason=reason
            ),
        )

    def exclude_at_own_request(self, act: Act) -> None:
        """Order 327 para. 30(3): exclude at the producer's request; there is no appeal."""
        self._must_be_included("exclusion")
        if not self.exclusion_requested:
            raise Conflict("exclusion_not_requested", state=self.status, allowed="exclusion_request")
        self._exclude(act, "own_request", OWN_REQUEST)

    def exclude_for_good(
        self, act: Act, ground: Literal["liquidation", "reorganisation"], reasons: OfficialText
    ) -> None:
        """Art. 51-6: exclude because the legal entity ceased; there is no appeal."""
        self._must_be_included("exclusion")
        self._exclude(act, ground, reasons)

    def _exclude(
        self,
        act: Act,
        ground: ExclusionGround,
        reasons: OfficialText,
        *,
        notification_id: str | None = None,
        appeal_term: FixedTerm | None = None,
    ) -> None:
        self.record(
            act,
            Excluded(
                entry_id=str(self.id),
                producer=self.included.producer,
                ground=ground,
                excluded_on=legal_date(act.at).isoformat(),
                reasons=reasons,
                notification_id=notification_id,
                appeal_term=appeal_term,
            ),
        )

    def file_appeal(
        self,
        act: Act,
        *,
        appeal_id: str,
        grounds: str,
        language: Language,
        documents: tuple[DocumentRef, ...] = (),
    ) -> None:
        """Art. 51-2(5): appeal the notification behind the exclusion, once; a late appeal is recorded too."""
        exclusion = self.exclusion
        if self.status == "included" or exclusion is None:
            raise Conflict("entry_not_excluded", state=self.status, allowed="exclusion_request")
        if exclusion.notification_id is None or exclusion.appeal_term is None:
            raise Conflict("exclusion_not_appealable", state=self.status, ground=exclusion.ground)
        if self.appeal is not None and self.appeal.exclusion_event_id == exclusion.event_id:
            raise Conflict("appeal_already_filed", state=self.status, allowed="reapplication")
        term = exclusion.appeal_term
        self.record(
            act,
            AppealFiled(
                entry_id=str(self.id),
                appeal_id=appeal_id,
                producer=self.included.producer,
                notification_id=exclusion.notification_id,
                exclusion_event_id=exclusion.event_id,
                grounds=grounds,
                language=language,
                filed_on=legal_date(act.at).isoformat(),
                in_time=act.at < end_of(date.fromisoformat(term.due_on)),
                term=term,
                documents=documents,
            ),
        )

    def dismiss_appeal(self, act: Act, *, late: bool, reasons: OfficialText) -> None:
        """Art. 51-2(5): the informatization authority dismissed the appeal, as late or on its merits."""
        appeal = self._pending_appeal()
        self.record(
            act,
            AppealDismissed(
                entry_id=str(self.id),
                appeal_id=appeal.appeal_id,
                producer=self.included.producer,
                notification_id=appeal.notification_id,
                ground="late" if late else "merits",
                reasons=reasons,
                term_ended_on=appeal.term.due_on,
            ),
        )

    def reinstate(
        self, act: Act, *, notification_id: str, annuls_from_start: bool, reasons: OfficialText
    ) -> None:
        """Art. 51-2(4), (5): put the entry back, from its own date or from the exclusion's start."""
        appeal = self._pending_appeal()
        if self.status == "included" or self.exclusion is None:
            raise Conflict("entry_already_included", state=self.status, allowed="exclusion")
        reinstated_on = self.exclusion.excluded_on if annuls_from_start else legal_date(act.at).isoformat()
        self.record(
            act,
            Reinstated(
                entry_id=str(self.id),
                appeal_id=appeal.appeal_id,
                producer=self.included.producer,
                notification_id=notification_id,
                annuls_from_start=annuls_from_start,
                exclusion_event_id=appeal.exclusion_event_id,
                reinstated_on=reinstated_on,
                reasons=reasons,
            ),
        )

    def _must_be_included(self, command: str) -> None:
        if self.status != "included":
            raise Conflict(
                "entry_not_included", state=self.status, command=command, allowed="appeal, reapplication"
            )

    def _pending_appeal(self) -> Appeal:
        if self.appeal is None or self.appeal.decided:
            raise Conflict("appeal_not_pending", state=self.status, allowed="appeal")
        return self.appeal

    def numbered(self, event: Event) -> None:
        """Learn the registration number."""
        if isinstance(event, Included):
            self.included = event

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: Included, fact: Fact) -> None:
        self.included = event
        self.included_event_id = fact.id
        self.status = "included"
        self.exclusion = self.appeal = None
        self.exclusion_requested = False

    @when.register
    def _(self, _event: MonitoringRecorded, _fact: Fact) -> None:
        """Conforming changes nothing."""

    @when.register
    def _(self, _event: ExclusionRequested, _fact: Fact) -> None:
        self.exclusion_requested = True

    @when.register
    def _(self, event: Excluded, fact: Fact) -> None:
        self.status = "excluded"
        self.exclusion_requested = False
        self.exclusion = Exclusion(
            fact.id, event.excluded_on, event.ground, event.notification_id, event.appeal_term
        )

    @when.register
    def _(self, event: AppealFiled, _fact: Fact) -> None:
        self.appeal = Appeal(event.appeal_id, event.notification_id, event.exclusion_event_id, event.term)

    @when.register
    def _(self, _event: AppealDismissed, _fact: Fact) -> None:
        self._decide_appeal()

    @when.register
    def _(self, _event: Reinstated, _fact: Fact) -> None:
        self.status = "included"
        self._decide_appeal()

    def _decide_appeal(self) -> None:
        if self.appeal is not None:
            pending = self.appeal
            self.appeal = Appeal(
                pending.appeal_id,
                pending.notification_id,
                pending.exclusion_event_id,
                pending.term,
                decided=True,
            )
