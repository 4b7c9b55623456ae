"""Receipt, review terms, return for rework: order 327 para. 9 and para. 31."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Conflict
from services.register.domain.dossier import Dossier
from services.register.domain.notification import Notification
from tests.register.given import (
    PROCEDURE,
    REASONS,
    act,
    at,
    content,
    dossier,
    included,
    kinds,
    received,
    settled,
    then,
    with_application,
)


def waiting() -> tuple[Dossier, Notification]:
    made = dossier()
    application = with_application(made)
    return made, received(made, "confirmation", "confirmed", application_id=str(application.id))


def returned(when: str = "2026-03-03") -> Notification:
    _, notification = waiting()
    notification.return_for_rework(act(at(when)), REASONS, PROCEDURE.rework(at(when)))
    return settled(notification)


def resubmitted(notification: Notification, when: str) -> bool:
    made = dossier()
    again = content(
        made,
        notification.id,
        "confirmation",
        "confirmed",
        revision=notification.content.revision + 1,
        application_id="a",
    )
    return notification.receive(act(at(when)), again, PROCEDURE)


def test_an_inclusion_notification_is_reviewed_in_ten_working_days_para_9() -> None:
    _, notification = waiting()
    term = notification.content.term
    assert term is not None
    assert (term.name, term.due_on, term.statutory) == ("review", "2026-03-17", True)


def test_exclusion_is_due_in_three_working_days_of_receipt_para_31() -> None:
    term = received(included(), "monitoring", "exclude").content.term
    assert term is not None
    assert (term.name, term.due_on) == ("exclusion", "2026-03-05")


def test_reinstatement_has_the_terms_of_an_inclusion_para_9() -> None:
    term = received(included(), "appeal", "upheld", appeal_id="x").content.term
    assert term is not None
    assert (term.name, term.due_on) == ("review", "2026-03-17")


@pytest.mark.parametrize(("kind", "result"), [("monitoring", "conforms"), ("appeal", "dismissed")])
def test_what_needs_no_decision_has_no_term(kind: str, result: str) -> None:
    assert received(included(), kind, result).content.term is None


def test_a_return_states_remarks_and_gives_five_working_days_for_rework_para_9() -> None:
    notification = returned("2026-03-03")
    assert notification.state.returned is not None
    assert notification.state.returned.remarks == REASONS
    assert notification.state.returned.rework_term.due_on == "2026-03-11"
    assert notification.status == "returned"


def test_a_repeated_review_takes_five_working_days_para_9() -> None:
    notification = returned()
    assert resubmitted(notification, "2026-03-10")
    assert notification.status == "received"
    term = notification.content.term
    assert term is not None
    assert (term.name, term.due_on) == ("repeated_review", "2026-03-17")


def test_a_second_return_is_allowed_again_with_five_and_five_days() -> None:
    notification = returned()
    resubmitted(notification, "2026-03-10")
    notification.return_for_rework(act(at("2026-03-11")), REASONS, PROCEDURE.rework(at("2026-03-11")))
    assert notification.state.returned is not None
    assert (notification.state.returned.revision, notification.state.returned.rework_term.due_on) == (
        2,
        "2026-03-18",
    )


@pytest.mark.parametrize(
    ("kind", "result"), [("monitoring", "exclude"), ("monitoring", "conforms"), ("appeal", "upheld")]
)
def test_only_inclusion_notifications_can_be_returned(kind: str, result: str) -> None:
    notification = received(included(), kind, result)
    with pytest.raises(Conflict, match="notification_not_returnable"):
        notification.return_for_rework(act(), REASONS, PROCEDURE.rework(at("2026-03-02")))


def test_a_return_after_the_review_term_is_refused_para_9() -> None:
    _, notification = waiting()
    late = at("2026-03-17", "19:00")
    with pytest.raises(Conflict, match="return_term_ended") as refused:
        notification.return_for_rework(act(late), REASONS, PROCEDURE.rework(late))
    assert refused.value.params["due_on"] == "2026-03-17"


def test_a_return_on_the_last_evening_of_the_term_is_in_time() -> None:
    _, notification = waiting()
    last = at("2026-03-17", "18:59")
    notification.return_for_rework(act(last), REASONS, PROCEDURE.rework(last))
    assert notification.status == "returned"


def test_a_returned_notification_waits_for_its_resubmission() -> None:
    made, notification = waiting()
    notification.return_for_rework(act(), REASONS, PROCEDURE.rework(at("2026-03-02")))
    with pytest.raises(Conflict, match="notification_returned") as refused:
        made.settle(act(), notification, PROCEDURE)
    assert refused.value.params["allowed"] == "resubmission"


def test_the_same_notification_twice_has_no_effect() -> None:
    made, notification = waiting()
    again = content(made, notification.id, "confirmation", "confirmed", application_id="a")
    assert notification.receive(act(), again, PROCEDURE) is False
    assert then(made) == []


def test_a_revision_after_the_settlement_is_recorded_and_changes_nothing() -> None:
    made = included()
    (notification,) = made.notifications
    again = content(made, notification.id, "confirmation", "confirmed", revision=2, application_id="a")
    assert notification.receive(act(), again, PROCEDURE) is True
    assert notification.status == "settled"
    assert notification.content.term is None


def test_a_missed_review_is_recorded_once_and_the_decision_may_still_follow() -> None:
    made, notification = waiting()
    term = notification.content.term
    assert term is not None
    late = act(at("2026-03-17", "19:00"))
    assert notification.miss_term(late, term) is True
    assert notification.miss_term(late, term) is False
    made.settle(late, notification, PROCEDURE)
    assert kinds(then(made)) == ["TermMissed", "NotificationSettled", "ApplicationSatisfied", "Included"]


def test_a_term_is_not_missed_before_its_last_day_has_ended_in_almaty() -> None:
    _, notification = waiting()
    term = notification.content.term
    assert term is not None
    assert notification.miss_term(act(at("2026-03-17", "18:59")), term) is False


def test_a_term_that_no_longer_runs_is_not_missed() -> None:
    notification = returned()
    term = notification.content.term
    assert term is not None
    assert notification.miss_term(act(at("2026-05-01")), term) is False


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_only_a_higher_revision_than_any_before_is_recorded(revisions: list[int]) -> None:
    made = dossier()
    application = with_application(made)
    notification = Notification(made.entry.id)
    highest = 0
    for revision in revisions:
        again = content(
            made,
            notification.id,
            "confirmation",
            "confirmed",
            revision=revision,
            application_id=str(application.id),
        )
        assert notification.receive(act(), again, PROCEDURE) is (revision > highest)
        highest = max(highest, revision)
