"""Cases from opening to notification (law-86-VII art. 51-2; order 327 paras. 9, 29, 31)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kernel.contract import FixedTerm, OfficialText, Percentage
from services.kernel.errors import Conflict, DomainError, Forbidden, Invalid
from services.kernel.journal.events import new_stream_id
from services.verification.contract.events import (
    AppealDecided,
    CaseClosed,
    CaseConcluded,
    CaseOpened,
    NotificationIssued,
    NotificationResubmitted,
    ReworkBegun,
    TermMissed,
)
from services.verification.domain.case import Case
from services.verification.domain.hand_off import HandOff
from tests.verification.acting import (
    NOON,
    REASONS,
    REMARKS,
    REWORK_TERM,
    automatic,
    decided,
    judgement,
    officer,
    opening,
)

SHARE = HandOff(Percentage(part="90", whole="100"), "TR-1")
OTHER_REASONS = OfficialText(kk="Басқа негіздеме.", ru="Иное обоснование.")


def opened(kind: str = "confirmation", **given: Any) -> Case:
    case = Case(new_stream_id())
    case.open(automatic(), opening(kind, **given))
    return case


def notified(kind: str = "confirmation", *, conforms: bool = True, by: str = "officer-a") -> Case:
    case = opened(kind)
    results = {"confirmation": ("confirmed", "refused"), "monitoring": ("conforms", "exclude")}[kind]
    case.conclude(officer(by), results[0 if conforms else 1], judgement(conforms=conforms), None)  # type: ignore[arg-type]
    case.issue_notification(officer(by), new_stream_id(), SHARE)
    return case


def returned() -> Case:
    case = notified()
    case.begin_rework(automatic(), revision=1, remarks=REMARKS, term=REWORK_TERM)
    case.collect_events()
    return case


def excluded_case(by: str = "officer-a") -> Case:
    return notified("monitoring", conforms=False, by=by)


def test_a_case_that_conforms_is_concluded_by_its_judgement_and_notified() -> None:
    case = opened()
    case.conclude(automatic(), "confirmed", judgement(), None)
    case.issue_notification(automatic(), new_stream_id(), SHARE)
    assert decided(case) == [CaseOpened, CaseConcluded, NotificationIssued]
    issued = case.notification
    assert isinstance(issued, NotificationIssued)
    assert (issued.result, issued.revision, issued.reasons) == ("confirmed", 1, REASONS)
    assert issued.localisation_share == Percentage(part="90", whole="100")
    assert issued.trusted_register_reference == "TR-1"


def test_an_officer_may_depart_from_the_judgement_for_stated_reasons() -> None:
    case = opened()
    case.conclude(officer(), "refused", judgement(conforms=True), OTHER_REASONS)
    assert case.conclusion is not None
    assert case.conclusion.departs_from_judgement
    assert case.conclusion.reasons == OTHER_REASONS


@pytest.mark.parametrize(
    ("kind", "result", "given", "reasons", "code"),
    [
        ("confirmation", "refused", judgement(conforms=True), None, "reasons_required"),
        ("confirmation", "confirmed", None, None, "reasons_required"),
        ("confirmation", "exclude", judgement(), REASONS, "result_not_of_kind"),
        ("monitoring", "confirmed", judgement(), REASONS, "result_not_of_kind"),
        ("appeal", "upheld", None, REASONS, "result_not_of_kind"),
    ],
)
def test_a_conclusion_that_cannot_stand_is_refused_naming_the_rule(
    kind: str, result: Any, given: Any, reasons: Any, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        opened(kind).conclude(officer(), result, given, reasons)
    assert refused.value.code == code


def test_without_a_rule_set_in_force_an_officer_decides_for_stated_reasons() -> None:
    case = opened(legal_date="2025-12-31")
    case.conclude(officer(), "refused", None, REASONS)
    assert case.conclusion is not None
    assert case.conclusion.judgement is None
    assert not case.conclusion.departs_from_judgement


def test_a_concluded_case_is_not_concluded_again() -> None:
    with pytest.raises(Conflict) as refused:
        notified().conclude(officer(), "refused", judgement(), REASONS)
    assert refused.value.code == "case_not_open"
    assert refused.value.params["state"] == "concluded"


def test_a_result_is_notified_once() -> None:
    with pytest.raises(Conflict, match="case_not_concluded"):
        notified().issue_notification(officer(), new_stream_id(), SHARE)


def test_a_returned_notification_takes_the_case_into_rework_with_the_term_of_para_9() -> None:
    case = notified()
    case.collect_events()
    assert case.begin_rework(automatic(), revision=1, remarks=REMARKS, term=REWORK_TERM)
    assert decided(case) == [ReworkBegun]
    assert case.running_term == REWORK_TERM


def test_a_return_of_an_older_revision_has_no_effect() -> None:
    case = notified()
    assert not case.begin_rework(automatic(), revision=2, remarks=REMARKS, term=REWORK_TERM)
    assert case.status == "concluded"


def test_rework_is_concluded_anew_and_resubmitted_whole_with_the_next_revision() -> None:
    case = returned()
    case.conclude(officer(), "confirmed", judgement(), None)
    case.resubmit(officer(), REMARKS, SHARE)
    assert decided(case) == [CaseConcluded, NotificationResubmitted]
    again = case.notification
    assert isinstance(again, NotificationResubmitted)
    assert (again.revision, again.result, again.answer_to_remarks) == (2, "confirmed", REMARKS)


def test_a_notification_can_be_returned_a_second_time() -> None:
    case = returned()
    case.conclude(officer(), "confirmed", judgement(), None)
    case.resubmit(officer(), REMARKS, SHARE)
    assert case.begin_rework(automatic(), revision=2, remarks=REMARKS, term=REWORK_TERM)
    assert case.status == "rework"


def test_what_was_not_returned_is_not_resubmitted() -> None:
    case = notified()
    with pytest.raises(Conflict, match="notification_not_returned"):
        case.require_rework()
    with pytest.raises(Conflict, match="notification_not_returned"):
        case.resubmit(officer(), REMARKS, SHARE)


def test_the_officer_who_concluded_the_case_never_decides_its_appeal() -> None:
    appeal = opened("appeal")
    with pytest.raises(Forbidden) as refused:
        appeal.decide_appeal(officer("officer-a"), excluded_case("officer-a"), "dismissed", REASONS, None)
    assert refused.value.code == "appeal_of_own_case"


@pytest.mark.parametrize(
    ("decision", "annuls", "result", "recorded"),
    [
        ("upheld", None, "upheld", False),
        ("upheld", True, "upheld", True),
        ("partly_upheld", False, "upheld", False),
        ("partly_upheld", True, "upheld", True),
        ("dismissed", None, "dismissed", False),
    ],
)
def test_another_officer_decides_the_appeal(decision: Any, annuls: Any, result: str, recorded: bool) -> None:
    appeal = opened("appeal")
    appeal.decide_appeal(officer("officer-b"), excluded_case("officer-a"), decision, REASONS, annuls)
    appeal.issue_notification(officer("officer-b"), new_stream_id(), HandOff())
    assert decided(appeal) == [CaseOpened, AppealDecided, NotificationIssued]
    issued = appeal.notification
    assert isinstance(issued, NotificationIssued)
    assert (issued.result, issued.annuls_from_start) == (result, recorded)


@pytest.mark.parametrize(
    ("decision", "reasons", "annuls", "code"),
    [
        ("partly_upheld", REASONS, None, "annulment_unstated"),
        ("dismissed", REASONS, True, "annulment_of_nothing"),
        ("dismissed", None, None, "reasons_required"),
    ],
)
def test_a_decision_on_an_appeal_says_everything_it_must(
    decision: Any, reasons: Any, annuls: Any, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        opened("appeal").decide_appeal(officer("officer-b"), excluded_case(), decision, reasons, annuls)
    assert refused.value.code == code


def test_a_late_appeal_is_dismissed_naming_the_day_the_term_ended() -> None:
    term = FixedTerm(name="appeal", due_on="2026-04-01", calendar="test", basis="para. 31", statutory=True)
    appeal = opened("appeal")
    appeal.dismiss_as_late(automatic(), term=term, reasons=REASONS)
    appeal.issue_notification(automatic(), new_stream_id(), HandOff())
    assert appeal.decision is not None
    assert appeal.decision.term_ended_on == "2026-04-01"
    issued = appeal.notification
    assert isinstance(issued, NotificationIssued)
    assert (issued.result, issued.dismissed_as_late) == ("dismissed", True)


def test_a_case_under_way_closes_when_its_subject_falls_away() -> None:
    case = opened()
    assert case.close(automatic(), "withdrawn")
    assert decided(case) == [CaseOpened, CaseClosed]
    assert not case.close(automatic(), "withdrawn")


def test_a_concluded_case_does_not_close() -> None:
    assert not notified().close(automatic(), "withdrawn")


def test_a_closed_case_is_not_concluded() -> None:
    case = opened()
    case.close(automatic(), "liquidation")
    with pytest.raises(Conflict, match="case_not_open"):
        case.conclude(officer(), "confirmed", judgement(), None)


def test_a_missed_rework_term_is_recorded_once_and_counts_from_the_day_after() -> None:
    case = returned()
    assert not case.miss_term(automatic(datetime(2026, 3, 9, 18, 59, tzinfo=UTC)))
    late = automatic(datetime(2026, 3, 20, 7, 0, tzinfo=UTC))
    assert case.miss_term(late)
    assert not case.miss_term(late)
    (fact,) = case.collect_events()
    assert isinstance(fact.data, TermMissed)
    assert fact.effective_at == datetime(2026, 3, 9, 19, 0, tzinfo=UTC)
    assert fact.legal_basis == "order-327 para. 9"


def test_what_is_done_late_is_still_done() -> None:
    case = returned()
    late = NOON + timedelta(days=60)
    case.miss_term(automatic(late))
    case.conclude(officer(at=late), "confirmed", judgement(), None)
    case.resubmit(officer(at=late), REMARKS, SHARE)
    assert case.status == "concluded"


def test_a_wrong_exclusion_is_corrected_by_a_notification_that_names_it() -> None:
    case = excluded_case()
    told = case.notification
    case.collect_events()
    case.correct(officer("officer-b"), judgement(), REASONS)
    case.issue_notification(officer("officer-b"), new_stream_id(), SHARE)
    assert decided(case) == [CaseConcluded, NotificationIssued]
    corrected = case.notification
    assert isinstance(corrected, NotificationIssued)
    assert isinstance(told, NotificationIssued)
    assert (corrected.result, corrected.corrects) == ("conforms", told.notification_id)


@pytest.mark.parametrize("case", [opened("monitoring"), notified("monitoring"), notified()])
def test_only_a_notified_exclusion_can_be_corrected(case: Case) -> None:
    with pytest.raises(DomainError) as refused:
        case.correct(officer(), judgement(), REASONS)
    assert refused.value.code == "case_not_correctable"
