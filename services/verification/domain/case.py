"""A case: the authority's file on one product, from its opening to its notification.

`open`, then `concluded`; a returned notification takes a confirmation case through `rework` to `concluded`
again; a case whose subject falls away is `closed`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from services.kernel.calendar import end_of, has_ended, legal_date
from services.kernel.contract import CourtRuling, FixedTerm, OfficialText
from services.kernel.errors import Conflict, Forbidden, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Event, Fact
from services.verification.contract.events import (
    AppealDecided,
    AppealDecision,
    CaseClosed,
    CaseConcluded,
    CaseKind,
    CaseOpened,
    CaseReopened,
    ClosingGround,
    MonitoringSignalReceived,
    NotificationIssued,
    NotificationResubmitted,
    NotificationResult,
    RecordedJudgement,
    ReworkBegun,
    TermMissed,
)
from services.verification.contract.officers_work import CourtRulingRecorded, RulingOutcome
from services.verification.domain.case_file import ALLOWED, CaseFile
from services.verification.domain.hand_off import HandOff

RESULTS: Final[dict[CaseKind, tuple[NotificationResult, ...]]] = {
    "confirmation": ("confirmed", "refused"),
    "monitoring": ("conforms", "exclude"),
    "appeal": ("upheld", "dismissed"),
}
"""What a notification of each kind of case can say; the favourable result first."""


class Case(CaseFile):
    """One confirmation, monitoring or appeal case on one product of one producer."""

    def record(
        self, act: Act, event: Event, *, basis: str | None = None, effective_at: datetime | None = None
    ) -> Fact:
        """Decide a fact; where it comes late, each term it missed is recorded before it."""
        if not isinstance(event, TermMissed):
            while self.miss_term(_by_itself(act)):
                pass
        return super().record(act, event, basis=basis, effective_at=effective_at)

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
        """Art. 51-2(2), (3): conclude the case. Raises what `conclusion_of` raises."""
        self.record(act, self.conclusion_of(result, judgement, reasons))

    def conclusion_of(
        self,
        result: NotificationResult,
        judgement: RecordedJudgement | None,
        reasons: OfficialText | None,
    ) -> CaseConcluded:
        """A conclusion by the judgement, or for stated reasons otherwise than it says; nothing is recorded.

        Raises `Invalid` (`result_not_of_kind`, `reasons_required`) and `Conflict` (`case_not_open`).
        """
        if self.kind == "appeal" or result not in RESULTS[self.kind]:
            raise self._not_of_kind()
        self.require_under_way()
        expected = expected_result(self.kind, judgement)
        if reasons is None and result != expected:
            raise Invalid("reasons_required", pointer="/reasons", judgement=expected or "none")
        given = reasons if reasons is not None or judgement is None else judgement.reason
        if given is None:
            raise Invalid("reasons_required", pointer="/reasons", judgement="none")
        return CaseConcluded(
            case_id=str(self.id),
            result=result,
            reasons=given,
            judgement=judgement,
            departs_from_judgement=expected is not None and result != expected,
        )

    def correct(self, act: Act, judgement: RecordedJudgement | None, reasons: OfficialText) -> None:
        """Correct a wrongly notified exclusion. Raises what `correction_of` raises."""
        self.record(act, self.correction_of(judgement, reasons))

    def correction_of(self, judgement: RecordedJudgement | None, reasons: OfficialText) -> CaseConcluded:
        """Find that an exclusion was notified wrongly: the product conforms; the first result is corrected.

        Raises `Conflict` (`case_not_correctable`) unless the case told the industry authority to exclude.
        """
        notification = self.notification
        if self.kind != "monitoring" or self.result != "exclude" or notification is None:
            raise Conflict("case_not_correctable", state=self.status, allowed=ALLOWED[self.status])
        return CaseConcluded(
            case_id=str(self.id),
            result="conforms",
            reasons=reasons,
            judgement=judgement,
            departs_from_judgement=judgement is not None and not judgement.conforms,
            corrects=notification.notification_id,
        )

    def decide_appeal(
        self,
        act: Act,
        appealed: Case,
        decision: AppealDecision,
        reasons: OfficialText | None,
        annuls_from_start: bool | None,
    ) -> None:
        """Art. 51-2(5): decide the appeal. Raises what `appeal_decision` raises."""
        self.record(act, self.appeal_decision(act, appealed, decision, reasons, annuls_from_start))

    def appeal_decision(
        self,
        act: Act,
        appealed: Case,
        decision: AppealDecision,
        reasons: OfficialText | None,
        annuls_from_start: bool | None,
    ) -> AppealDecided:
        """A decision by another officer than those who concluded the appealed case; nothing is recorded.

        Raises `Forbidden` (`appeal_of_own_case`), `Conflict` (`case_not_open`) and `Invalid`
        (`reasons_required`; `annulment_unstated` when partly upheld without saying from when;
        `annulment_of_nothing` when dismissed).
        """
        self._require_appeal()
        if self.status != "open":
            raise Conflict("case_not_open", state=self.status, allowed=ALLOWED[self.status])
        if act.provenance.actor in appealed.concluded_by:
            raise Forbidden("appeal_of_own_case")
        if reasons is None:
            raise Invalid("reasons_required", pointer="/reasons", judgement="none")
        if decision == "partly_upheld" and annuls_from_start is None:
            raise Invalid("annulment_unstated", pointer="/annuls_from_start")
        if decision == "dismissed" and annuls_from_start:
            raise Invalid("annulment_of_nothing", pointer="/annuls_from_start")
        return AppealDecided(
            case_id=str(self.id),
            appeal_id=self.opened.appeal_id or "",
            decision=decision,
            reasons=reasons,
            annuls_from_start=bool(annuls_from_start),
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
        result, reasons = self.result, self.reasons
        if self.status != "concluded" or self.told or result is None or reasons is None:
            raise Conflict("case_not_concluded", state=self.status, allowed=ALLOWED[self.status])
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
                annuls_from_start=self.annuls_from_start,
                dismissed_as_late=self.ruling is None and self.decision is not None and self.decision.late,
                trusted_register_reference=hand_off.trusted_register_reference,
                localisation_share=hand_off.localisation_share,
                corrects=self.corrects,
                trusted_register_listed_on=hand_off.trusted_register_listed_on,
                court_ruling=self.ruling.ruling if self.ruling is not None else None,
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
        notification, result, reasons = self.notification, self.result, self.reasons
        returned = self.rework is not None and self.status == "concluded" and not self.told
        if not returned or notification is None or result is None or reasons is None:
            raise Conflict("notification_not_returned", state=self.status, allowed=ALLOWED[self.status])
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
                trusted_register_listed_on=hand_off.trusted_register_listed_on,
            ),
        )

    def require_rework(self) -> None:
        """Raise `Conflict` (`notification_not_returned`) unless a returned notification is in rework."""
        if self.status != "rework":
            raise Conflict("notification_not_returned", state=self.status, allowed=ALLOWED[self.status])

    def close(self, act: Act, ground: ClosingGround) -> bool:
        """Close a case whose subject fell away; False when it is no longer under way."""
        if not self.is_under_way:
            return False
        self.record(act, CaseClosed(case_id=str(self.id), ground=ground, quarter=self.opened.quarter))
        return True

    def reopen(self, act: Act, *, known_by: str, term: FixedTerm | None) -> bool:
        """Order 327 para. 29: go on, since the exclusion that closed a round's case was never made.

        `known_by` is the industry authority's event. False for a case that something else ended.
        """
        opened = self.opened
        if self.closing_ground != "excluded" or opened.quarter is None or opened.entry_id is None:
            return False
        self.record(
            act,
            CaseReopened(
                case_id=str(self.id),
                entry_id=opened.entry_id,
                quarter=opened.quarter,
                known_by=known_by,
                term=term,
            ),
        )
        return True

    def receive_signal(self, act: Act, signal: MonitoringSignalReceived) -> None:
        """Art. 51-2(3): take in what calls for monitoring between quarters; decided with the case."""
        self.record(act, signal)

    def miss_term(self, act: Act) -> bool:
        """Record once that a running term ended unmet, the authority's or the producer's; False for none.

        It counts from the first instant after the term's last day, whenever the watcher sees it.
        """
        ended = next((run for run in self.terms.running if has_ended(run.term, act.at)), None)
        if ended is None:
            return False
        by_producer = ended.owed_by == "producer"
        self.record(
            act,
            TermMissed(
                term=ended.term,
                subject_id=str(self.id),
                missed_by=ended.owed_by,
                producer_id=self.opened.producer.producer_id if by_producer else None,
            ),
            basis=ended.term.basis,
            effective_at=end_of(date.fromisoformat(ended.term.due_on)),
        )
        return True

    def record_ruling(
        self,
        act: Act,
        ruling: CourtRuling,
        outcome: RulingOutcome,
        reasons: OfficialText,
        annuls_from_start: bool | None,
    ) -> bool:
        """Art. 51-5(7): record a court's ruling on this case; True when a new notification has to follow.

        Raises `Conflict` (`case_not_concluded`, `ruling_known`) and `Invalid` (`day_in_future`,
        `ruling_before_decision`, `annulment_unstated`, `annulment_of_nothing`).
        """
        notification = self.notification
        if self.status != "concluded" or notification is None:
            raise Conflict("case_not_concluded", state=self.status, allowed=ALLOWED[self.status])
        if any(known.ruling.is_same_as(ruling) for known in self.rulings):
            raise Conflict("ruling_known", state="recorded", number=ruling.number, allowed="none")
        if ruling.ruled_on > legal_date(act.at).isoformat():
            raise Invalid("day_in_future", pointer="/ruled_on", day=ruling.ruled_on)
        if ruling.ruled_on < self.decided_on:
            raise Invalid("ruling_before_decision", pointer="/ruled_on", decided_on=self.decided_on)
        follows = outcome == "undone" and self.result in ("exclude", "dismissed")
        if follows and annuls_from_start is None:
            raise Invalid("annulment_unstated", pointer="/annuls_from_start")
        if annuls_from_start and not follows:
            raise Invalid("annulment_of_nothing", pointer="/annuls_from_start")
        self.record(
            act,
            CourtRulingRecorded(
                case_id=str(self.id),
                producer=self.opened.producer,
                product_id=self.opened.product_id,
                entry_id=self.opened.entry_id,
                notification_id=notification.notification_id,
                ruling=ruling,
                outcome=outcome,
                reasons=reasons,
                annuls_from_start=bool(annuls_from_start),
            ),
        )
        return follows


def _by_itself(act: Act) -> Act:
    """That a term ended is nobody's decision."""
    return Act(act.at, msgspec.structs.replace(act.provenance, decided_by="automatic"))


def expected_result(kind: CaseKind, judgement: RecordedJudgement | None) -> NotificationResult | None:
    """What a judgement leads to when nobody departs from it; None without one."""
    if judgement is None:
        return None
    favourable, unfavourable = RESULTS[kind]
    return favourable if judgement.conforms else unfavourable
