"""A case: the authority's file on one product, from its opening to its notification.

`open`, then `concluded`; a returned notification takes a confirmation case through `rework` to `concluded`
again; a case whose subject falls away is `closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import singledispatchmethod
from typing import Final, Literal
from uuid import UUID

from services.kernel.calendar import end_of, has_ended
from services.kernel.contract import FixedTerm, OfficialText, Percentage
from services.kernel.errors import Conflict, Forbidden, Invalid
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.verification.contract.events import (
    AppealDecided,
    AppealDecision,
    CaseClosed,
    CaseConcluded,
    CaseKind,
    CaseOpened,
    ClosingGround,
    MonitoringSignalReceived,
    NotificationIssued,
    NotificationResubmitted,
    NotificationResult,
    RecordedJudgement,
    ReworkBegun,
    TermMissed,
)

Status = Literal["open", "concluded", "rework", "closed"]

RESULTS: Final[dict[CaseKind, tuple[NotificationResult, ...]]] = {
    "confirmation": ("confirmed", "refused"),
    "monitoring": ("conforms", "exclude"),
    "appeal": ("upheld", "dismissed"),
}
"""What a notification of each kind of case can say; the favourable result first."""

_ALLOWED: Final[dict[Status, str]] = {
    "open": "conclusion",
    "rework": "resubmission",
    "concluded": "none",
    "closed": "none",
}


@dataclass(frozen=True, slots=True)
class HandOff:
    """What a notification takes from the evidence (order 327 Appendix 4): share, trusted-register notice."""

    localisation_share: Percentage | None = None
    trusted_register_reference: str | None = None


class Case(Aggregate):
    """One confirmation, monitoring or appeal case on one product of one producer."""

    born_of = (CaseOpened,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "open"
        self.opened: CaseOpened
        self.opened_by: Fact
        self.conclusion: CaseConcluded | None = None
        self.decision: AppealDecided | None = None
        self.concluded_by: set[str] = set()
        self.notification: NotificationIssued | NotificationResubmitted | None = None
        self.told = False
        self.rework: ReworkBegun | None = None
        self.closing_ground: ClosingGround | None = None
        self.missed: set[tuple[str, str]] = set()
        self.signals: list[MonitoringSignalReceived] = []

    @property
    def kind(self) -> CaseKind:
        """Confirmation, monitoring or appeal."""
        return self.opened.kind

    @property
    def result(self) -> NotificationResult | None:
        """What the case came to, in the words of its notification; None while undecided."""
        if self.decision is not None:
            return "dismissed" if self.decision.decision == "dismissed" else "upheld"
        return self.conclusion.result if self.conclusion is not None else None

    @property
    def running_term(self) -> FixedTerm | None:
        """The term the authority is under now, if any."""
        if self.status == "rework" and self.rework is not None:
            return self.rework.term
        return self.opened.term if self.status == "open" else None

    # --- decisions -----------------------------------------------------------------------------------

    def open(self, act: Act, opening: CaseOpened) -> None:
        """Art. 51-2(2), (3), (5): open the case."""
        self.record(act, opening)

    def conclude(
        self,
        act: Act,
        result: NotificationResult,
        judgement: RecordedJudgement | None,
        reasons: OfficialText | None,
    ) -> None:
        """Art. 51-2(2), (3): conclude by the judgement, or for stated reasons otherwise than it says.

        Raises `Invalid` (`result_not_of_kind`, `reasons_required`) and `Conflict` (`case_not_open`).
        """
        if self.kind == "appeal" or result not in RESULTS[self.kind]:
            raise self._not_of_kind()
        if self.status not in ("open", "rework"):
            raise Conflict("case_not_open", state=self.status, allowed=_ALLOWED[self.status])
        expected = expected_result(self.kind, judgement)
        if reasons is None and result != expected:
            raise Invalid("reasons_required", pointer="/reasons", judgement=expected or "none")
        given = reasons if reasons is not None or judgement is None else judgement.reason
        if given is None:
            raise Invalid("reasons_required", pointer="/reasons", judgement="none")
        self.record(
            act,
            CaseConcluded(
                case_id=str(self.id),
                result=result,
                reasons=given,
                judgement=judgement,
                departs_from_judgement=expected is not None and result != expected,
            ),
        )

    def correct(self, act: Act, judgement: RecordedJudgement | None, reasons: OfficialText) -> None:
        """Find that an exclusion was notified wrongly: the product conforms; the first result is corrected.

        Raises `Conflict` (`case_not_correctable`) unless the case told the industry authority to exclude.
        """
        notification = self.notification
        if self.kind != "monitoring" or self.result != "exclude" or notification is None:
            raise Conflict("case_not_correctable", state=self.status, allowed=_ALLOWED[self.status])
        self.record(
            act,
            CaseConcluded(
                case_id=str(self.id),
                result="conforms",
                reasons=reasons,
                judgement=judgement,
                departs_from_judgement=judgement is not None and not judgement.conforms,
                corrects=notification.notification_id,
            ),
        )

    def decide_appeal(
        self,
        act: Act,
        appealed: Case,
        decision: AppealDecision,
        reasons: OfficialText | None,
        annuls_from_start: bool | None,
    ) -> None:
        """Art. 51-2(5): decide the appeal, by another officer than the one who concluded the appealed case.

        Raises `Forbidden` (`appeal_of_own_case`), `Conflict` (`case_not_open`) and `Invalid`
        (`reasons_required`; `annulment_unstated` when partly upheld without saying from when;
        `annulment_of_nothing` when dismissed).
        """
        self._require_appeal()
        if self.status != "open":
            raise Conflict("case_not_open", state=self.status, allowed=_ALLOWED[self.status])
        if act.provenance.actor in appealed.concluded_by:
            raise Forbidden("appeal_of_own_case")
        if reasons is None:
            raise Invalid("reasons_required", pointer="/reasons", judgement="none")
        if decision == "partly_upheld" and annuls_from_start is None:
            raise Invalid("annulment_unstated", pointer="/annuls_from_start")
        if decision == "dismissed" and annuls_from_start:
            raise Invalid("annulment_of_nothing", pointer="/annuls_from_start")
        self.record(
            act,
            AppealDecided(
                case_id=str(self.id),
                appeal_id=self.opened.appeal_id or "",
                decision=decision,
                reasons=reasons,
                annuls_from_start=bool(annuls_from_start),
            ),
        )

    def dismiss_as_late(self, act: Act, *, term: FixedTerm, reasons: OfficialText) -> None:
        """Order 327 para. 31: an appeal after thirty calendar days is recorded and dismissed as late."""
        self._require_appeal()
        self.record(
            act,
            AppealDecided(
                case_id=str(self.id),
                appeal_id=self.opened.appeal_id or "",
                decision="dismissed",
                reasons=reasons,
                late=True,
                term_ended_on=term.due_on,
            ),
        )

    def _require_appeal(self) -> None:
        if self.kind != "appeal":
            raise self._not_of_kind()

    def _not_of_kind(self) -> Invalid:
        allowed = ("upheld", "partly_upheld", "dismissed") if self.kind == "appeal" else RESULTS[self.kind]
        return Invalid("result_not_of_kind", pointer="/result", kind=self.kind, allowed=", ".join(allowed))

    def issue_notification(self, act: Act, notification_id: UUID, hand_off: HandOff) -> None:
        """Art. 51-2(3), (4): tell the industry authority the result, in the form of order 327 Appendix 4.

        Raises `Conflict` (`case_not_concluded`) unless there is a result it was not yet told.
        """
        result, reasons = self.result, self._reasons()
        if self.status != "concluded" or self.told or result is None or reasons is None:
            raise Conflict("case_not_concluded", state=self.status, allowed=_ALLOWED[self.status])
        opened = self.opened
        self.record(
            act,
            NotificationIssued(
                notification_id=str(notification_id),
                revision=1,
                kind=opened.kind,
                result=result,
                case_id=str(self.id),
                producer=opened.producer,
                product_id=opened.product_id,
                product_name=opened.product_name,
                reasons=reasons,
                application_id=opened.application_id,
                entry_id=opened.entry_id,
                appeal_id=opened.appeal_id,
                quarter=opened.quarter,
                annuls_from_start=self.decision is not None and self.decision.annuls_from_start,
                dismissed_as_late=self.decision is not None and self.decision.late,
                trusted_register_reference=hand_off.trusted_register_reference,
                localisation_share=hand_off.localisation_share,
                corrects=self.conclusion.corrects if self.conclusion is not None else None,
            ),
        )

    def begin_rework(self, act: Act, *, revision: int, remarks: OfficialText, term: FixedTerm) -> bool:
        """Order 327 para. 9: take a returned notification back for rework; False without effect now."""
        notification = self.notification
        if self.status != "concluded" or notification is None or notification.revision != revision:
            return False
        self.record(
            act,
            ReworkBegun(
                case_id=str(self.id),
                notification_id=notification.notification_id,
                remarks=remarks,
                term=term,
            ),
        )
        return True

    def resubmit(self, act: Act, answer_to_remarks: OfficialText, hand_off: HandOff) -> None:
        """Order 327 para. 9: send the reworked notification again, whole, with the next revision.

        Follows a fresh `conclude`. Raises `Conflict` (`notification_not_returned`).
        """
        notification, result, reasons = self.notification, self.result, self._reasons()
        returned = self.rework is not None and self.status == "concluded" and not self.told
        if not returned or notification is None or result is None or reasons is None:
            raise Conflict("notification_not_returned", state=self.status, allowed=_ALLOWED[self.status])
        opened = self.opened
        self.record(
            act,
            NotificationResubmitted(
                notification_id=notification.notification_id,
                revision=notification.revision + 1,
                case_id=str(self.id),
                kind=opened.kind,
                result=result,
                producer=opened.producer,
                product_id=opened.product_id,
                product_name=opened.product_name,
                reasons=reasons,
                answer_to_remarks=answer_to_remarks,
                application_id=opened.application_id,
                entry_id=opened.entry_id,
                trusted_register_reference=hand_off.trusted_register_reference,
                localisation_share=hand_off.localisation_share,
            ),
        )

    def require_rework(self) -> None:
        """Raise `Conflict` (`notification_not_returned`) unless a returned notification is in rework."""
        if self.status != "rework":
            raise Conflict("notification_not_returned", state=self.status, allowed=_ALLOWED[self.status])

    def close(self, act: Act, ground: ClosingGround) -> bool:
        """Close a case whose subject fell away; False when it is no longer under way."""
        if self.status not in ("open", "rework"):
            return False
        self.record(act, CaseClosed(case_id=str(self.id), ground=ground, quarter=self.opened.quarter))
        return True

    def receive_signal(self, act: Act, signal: MonitoringSignalReceived) -> None:
        """Art. 51-2(3): take in what calls for monitoring between quarters; decided with the case."""
        self.record(act, signal)

    def miss_term(self, act: Act) -> bool:
        """Record once that the running term ended unmet; False while it runs or when it is recorded already.

        It counts from the first instant after the term's last day, whenever the watcher sees it.
        """
        term = self.running_term
        if term is None or (term.name, term.due_on) in self.missed or not has_ended(term, act.at):
            return False
        self.record(
            act,
            TermMissed(term=term, subject_id=str(self.id), missed_by="informatization_authority"),
            basis=term.basis,
            effective_at=end_of(date.fromisoformat(term.due_on)),
        )
        return True

    def _reasons(self) -> OfficialText | None:
        if self.decision is not None:
            return self.decision.reasons
        return self.conclusion.reasons if self.conclusion is not None else None

    # --- facts ---------------------------------------------------------------------------------------

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: CaseOpened, fact: Fact) -> None:
        self.opened = event
        self.opened_by = fact

    @when.register
    def _(self, event: CaseConcluded, fact: Fact) -> None:
        self.status = "concluded"
        self.conclusion = event
        self.concluded_by.add(fact.provenance.actor)
        self.told = False

    @when.register
    def _(self, event: AppealDecided, fact: Fact) -> None:
        self.status = "concluded"
        self.decision = event
        self.concluded_by.add(fact.provenance.actor)
        self.told = False

    @when.register
    def _(self, event: NotificationIssued, _fact: Fact) -> None:
        self.notification = event
        self.told = True

    @when.register
    def _(self, event: NotificationResubmitted, _fact: Fact) -> None:
        self.notification = event
        self.told = True

    @when.register
    def _(self, event: ReworkBegun, _fact: Fact) -> None:
        self.status = "rework"
        self.rework = event

    @when.register
    def _(self, event: CaseClosed, _fact: Fact) -> None:
        self.status = "closed"
        self.closing_ground = event.ground

    @when.register
    def _(self, event: MonitoringSignalReceived, _fact: Fact) -> None:
        self.signals.append(event)

    @when.register
    def _(self, event: TermMissed, _fact: Fact) -> None:
        self.missed.add((event.term.name, event.term.due_on))


def expected_result(kind: CaseKind, judgement: RecordedJudgement | None) -> NotificationResult | None:
    """What a judgement leads to when nobody departs from it; None without one."""
    if judgement is None:
        return None
    favourable, unfavourable = RESULTS[kind]
    return favourable if judgement.conforms else unfavourable
