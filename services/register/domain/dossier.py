"""All the register holds about one product at a moment of decision, and what a notification does to it.

A notification's effect is found from the state it meets, and found again by whoever acts on it: what was
right on receipt may have fallen away by the time an officer accepts it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from services.kernel.contract import ProducerRef
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act, Aggregate
from services.register.contract.appeals import AppealClosingGround
from services.register.contract.events import ExclusionGround, NotificationReceived
from services.register.domain.application import Application, ClosedGround
from services.register.domain.confirmation import Confirmation
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.entry_state import Appeal, Exclusion
from services.register.domain.notification import Notification, SettledOutcome
from services.register.domain.procedure import Procedure, Step
from services.register.domain.producer import Producer
from services.register.domain.proposal import Authors
from services.register.domain.texts import EXCLUSION_REASONS

CarryOut = Callable[[Act, Procedure], None]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a notification does in the present state.

    `step` is the step it belongs to; None where nothing is to be decided (monitoring, a dismissal, no
    effect). `reason` says why there is no effect.
    """

    outcome: SettledOutcome
    carry_out: CarryOut
    step: Step | None = None
    reason: str | None = None


def _nothing(_act: Act, _procedure: Procedure) -> None:
    """No effect is carried out by doing nothing."""


def _without_effect(reason: str) -> Effect:
    return Effect("no_effect", _nothing, reason=reason)


_PENDING: Final[Literal["filed"]] = "filed"


@dataclass
class Dossier:
    """One product: its producer, its entry, the applications in question, the open notifications."""

    producer: Producer
    entry: Entry
    applications: dict[str, Application] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)

    def aggregates(self) -> list[Aggregate]:
        """All that decisions here can touch, in the order in which their facts are recorded."""
        return [*self.notifications, *self.applications.values(), self.entry]

    def named(self) -> ProducerRef:
        """The producer as facts about the entry name it now."""
        state = self.entry.state
        return self.producer.named(state.producer, since=state.included_by, updated=state.stated.get("name"))

    def effect_of(self, notification: Notification) -> Effect:
        """What this notification does now (art. 51-2(4): inclusion and exclusion rest on notifications).

        Raises `NotFound` when monitoring or an appeal concerns a product that was never included.
        """
        content = notification.content
        if self.producer.ceased is not None:
            return _without_effect("producer_ceased")
        if content.kind == "confirmation":
            return self._on_confirmation(content)
        if self.entry.state.status == "annulled":
            return _without_effect("inclusion_annulled")
        return self._on_monitoring(content) if content.kind == "monitoring" else self._on_appeal(content)

    def settle(self, act: Act, notification: Notification, procedure: Procedure) -> Effect:
        """Do what the notification does now, record what came of it, and settle what fell away by it."""
        effect = self.effect_of(notification)
        effect.carry_out(act, procedure)
        if effect.outcome == "no_effect":
            self._settle_without_effect(act, notification, effect.reason)
        else:
            notification.settle(act, effect.outcome, effect.reason)
        self.clear(act)
        return effect

    def exclude(self, act: Act, ground: ExclusionGround, *, counts_from: datetime | None = None) -> None:
        """Exclude without a notification: own request, liquidation, reorganisation (art. 51-6)."""
        reasons = EXCLUSION_REASONS[ground]
        self.entry.exclude(act, ground, reasons, producer=self.named(), counts_from=counts_from)

    def correct(self, act: Act, proposed: Proposed, authors: Authors, procedure: Procedure) -> None:
        """Correct the entry as two officers agreed, and end what is left without effect by it.

        Raises what `correction.check` raises, and `Conflict` (`producer_ceased`) where it would bring back
        the entry of a producer that ended.
        """
        exclusion = next((x for x in self.entry.state.exclusions if x.event_id == proposed.event_id), None)
        self.entry.correct(act, proposed, procedure, producer=self.named(), authors=authors)
        if self.producer.ceased is not None and self.entry.is_included:
            raise Conflict("producer_ceased", state=self.producer.ceased.ground, allowed="none")
        if exclusion is not None and proposed.kind == "annulment":
            self._close_appeal_of(act, exclusion, "exclusion_corrected")
        self.clear(act)

    def clear(self, act: Act) -> None:
        """Close applications and appeals, settle open notifications, that are left without effect now."""
        ground = self._closing_ground()
        for application in self.applications.values():
            if application.status == _PENDING and ground is not None:
                application.close(act, ground)
        self._close_appeals_of_the_ceased(act)
        for notification in self.notifications:
            if notification.status == "settled":
                continue
            effect = self.effect_of(notification)
            if effect.outcome == "no_effect":
                self._settle_without_effect(act, notification, effect.reason)

    def _close_appeals_of_the_ceased(self, act: Act) -> None:
        """Art. 51-6: a legal entity that ended has no standing left to appeal."""
        if self.producer.ceased is None or self.entry.version == 0:
            return
        for appeal in self.entry.state.pending_appeals:
            self.entry.close_appeal(act, appeal, self.producer.ceased.ground, producer=self.named())

    def _settle_without_effect(self, act: Act, notification: Notification, reason: str | None) -> None:
        """Settle a notification that changes nothing; an appeal that it upheld is decided all the same."""
        content = notification.content
        notification.settle(act, "no_effect", reason)
        if reason == "included_anew":
            self._end_upheld(act, content)

    def _closing_ground(self) -> ClosedGround | None:
        """Why a pending application cannot lead anywhere any more, if so."""
        if self.producer.ceased is not None:
            return self.producer.ceased.ground
        if not self.entry.is_included:
            return None
        exclusions = self.entry.state.exclusions
        appeal = self.entry.state.appeal_of(exclusions[-1]) if exclusions else None
        return "appeal_upheld" if appeal and appeal.outcome == "upheld" else "exclusion_corrected"

    # --- inclusion (order 327 paras. 8-9) ----------------------------------------------------------------

    def _on_confirmation(self, content: NotificationReceived) -> Effect:
        application = self.applications[content.application_id or ""]
        if application.status != _PENDING:
            return _without_effect(f"application_{application.status}")
        if content.result != "confirmed":

            def refuse(act: Act, _procedure: Procedure) -> None:
                application.refuse(act, content.notification_id, content.reasons)

            return Effect("inclusion_refused", refuse, "review")
        if self.entry.is_included:
            return _without_effect("already_included")

        def include(act: Act, _procedure: Procedure) -> None:
            self._include(act, content, application)

        return Effect("included", include, "review")

    def _include(self, act: Act, content: NotificationReceived, application: Application) -> None:
        producer = self.producer.named(application.filed.producer, since=application.filed_by)
        found = Confirmation(
            notification_id=content.notification_id,
            trusted_register_reference=content.trusted_register_reference,
            localisation_share=content.localisation_share,
        )
        self.entry.include(act, application, producer, found)
        application.satisfy(act, content.notification_id)

    # --- monitoring (order 327 paras. 29, 31) ------------------------------------------------------------

    def _on_monitoring(self, content: NotificationReceived) -> Effect:
        if content.court_ruling is not None:
            undone = self.entry.state.exclusion_on(content.corrects)
            return self._on_court_ruling(content, undone, None)
        exclusion = self.entry.state.exclusion
        if content.result == "exclude":

            def exclude(act: Act, procedure: Procedure) -> None:
                self._exclude(act, content, procedure)

            return (
                Effect("excluded", exclude, "exclusion")
                if exclusion is None
                else _without_effect("already_excluded")
            )
        wrong = self.entry.state.exclusion_on(content.corrects)
        if wrong is not None:

            def correct(act: Act, procedure: Procedure) -> None:
                self._correct(act, content, wrong, procedure)

            return Effect("exclusion_corrected", correct, "reinstatement")
        if exclusion is not None:
            return _without_effect("already_excluded")

        def record(act: Act, _procedure: Procedure) -> None:
            self._record_monitoring(act, content)

        return Effect("monitoring_recorded", record)

    def _exclude(self, act: Act, content: NotificationReceived, procedure: Procedure) -> None:
        self.entry.exclude(
            act,
            "software_monitoring",
            content.reasons,
            producer=self.named(),
            notification_id=content.notification_id,
            appeal_term=procedure.appeal(act.at),
        )

    def _record_monitoring(self, act: Act, content: NotificationReceived) -> None:
        self.entry.record_monitoring(act, content.notification_id, content.quarter)
        for other in self.notifications:
            if str(other.id) == content.corrects and other.status != "settled":
                other.settle(act, "no_effect", "corrected")

    def _correct(
        self, act: Act, content: NotificationReceived, exclusion: Exclusion, procedure: Procedure
    ) -> None:
        self.entry.correct_exclusion(
            act,
            exclusion,
            procedure,
            producer=self.named(),
            notification_id=content.notification_id,
            reasons=content.reasons,
        )
        self._close_appeal_of(act, exclusion, "exclusion_corrected")

    # --- appeals (law 86-VII art. 51-2(5), order 327 para. 31) -------------------------------------------

    def _on_appeal(self, content: NotificationReceived) -> Effect:
        state = self.entry.state
        if content.court_ruling is not None:
            dismissed = state.dismissed_appeal(content.appeal_id)
            undone = state.exclusion_of(dismissed) if dismissed is not None else None
            return self._on_court_ruling(content, undone, dismissed)
        appeal = state.pending_appeal(content.appeal_id)
        if appeal is None:
            return _without_effect("appeal_not_pending")
        if content.result == "upheld" and self._is_superseded(appeal):
            return self._on_upheld_too_late(content, state.exclusion_of(appeal))
        if content.result == "upheld":
            return self._reinstating(content, state.exclusion_of(appeal), appeal)

        def dismiss(act: Act, _procedure: Procedure) -> None:
            self._dismiss(act, content, appeal)

        return Effect("appeal_dismissed", dismiss)

    def _on_court_ruling(
        self, content: NotificationReceived, undone: Exclusion | None, appeal: Appeal | None
    ) -> Effect:
        """Art. 51-5(7): a court undid the exclusion; one not in force now matters only from the start."""
        if undone is None:
            return _without_effect("exclusion_not_in_force")
        if undone != self.entry.state.exclusion and not content.annuls_from_start:
            return _without_effect("already_included")
        return self._reinstating(content, undone, appeal)

    def _reinstating(
        self, content: NotificationReceived, exclusion: Exclusion, appeal: Appeal | None
    ) -> Effect:
        def reinstate(act: Act, procedure: Procedure) -> None:
            self.entry.reinstate(act, exclusion, content, procedure, producer=self.named(), appeal=appeal)
            self._close_appeal_of(act, exclusion, "court_ruling")

        return Effect("reinstated", reinstate, "reinstatement")

    def _close_appeal_of(self, act: Act, exclusion: Exclusion, ground: AppealClosingGround) -> None:
        """End the appeal of an exclusion that is gone otherwise than by deciding the appeal."""
        appeal = self.entry.state.appeal_of(exclusion)
        if appeal is not None and appeal.outcome == "pending":
            self.entry.close_appeal(act, appeal, ground, producer=self.named())

    def _is_superseded(self, appeal: Appeal) -> bool:
        """True once the appealed exclusion no longer keeps the entry out: it was included anew since."""
        exclusion = self.entry.state.exclusion
        return exclusion is None or exclusion.event_id != appeal.exclusion_event_id

    def _on_upheld_too_late(self, content: NotificationReceived, exclusion: Exclusion) -> Effect:
        """From its own date nothing is left to bring back; from the start it closes the gap that was."""
        if not content.annuls_from_start:
            return _without_effect("included_anew")

        def annul(act: Act, procedure: Procedure) -> None:
            self._end_upheld(act, content)
            self._correct(act, content, exclusion, procedure)

        return Effect("exclusion_corrected", annul, "reinstatement")

    def _end_upheld(self, act: Act, content: NotificationReceived) -> None:
        appeal = self.entry.state.pending_appeal(content.appeal_id)
        if appeal is not None:
            self.entry.close_appeal(
                act,
                appeal,
                "included_anew",
                producer=self.named(),
                notification_id=content.notification_id,
                reasons=content.reasons,
            )

    def _dismiss(self, act: Act, content: NotificationReceived, appeal: Appeal) -> None:
        self.entry.dismiss_appeal(
            act,
            appeal,
            producer=self.named(),
            notification_id=content.notification_id,
            reasons=content.reasons,
        )
