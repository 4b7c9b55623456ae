"""Inclusion and refusal on a notification: law 86-VII art. 51-2(4), order 327 paras. 8-9."""

from __future__ import annotations

import pytest

from services.kernel.errors import Conflict
from services.register.contract.events import Included, NotificationSettled
from tests.register.given import (
    BIN,
    PROCEDURE,
    act,
    at,
    clean,
    dossier,
    excluded,
    included,
    kinds,
    received,
    then,
    with_application,
)


def test_a_confirmation_includes_art_51_2_4() -> None:
    made = dossier()
    application = with_application(made)
    notification = received(made, "confirmation", "confirmed", application_id=str(application.id))
    made.settle(act(), notification, PROCEDURE)
    events = then(made)
    assert kinds(events) == ["NotificationSettled", "ApplicationSatisfied", "Included"]
    assert isinstance(events[2], Included)
    assert events[2].included_on == "2026-03-02"
    assert events[2].producer.bin == BIN
    assert made.entry.state.first_included_on == "2026-03-02"


def test_an_inclusion_late_in_the_utc_evening_counts_from_the_next_day_in_almaty() -> None:
    made = included(at("2026-03-02", "20:00"))
    assert made.entry.state.included.included_on == "2026-03-03"


def test_a_refusal_refuses_with_the_informatization_authoritys_reasons() -> None:
    made = dossier()
    application = with_application(made)
    notification = received(made, "confirmation", "refused", application_id=str(application.id))
    made.settle(act(), notification, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled", "InclusionRefused"]
    assert application.status == "refused"
    assert not made.entry.is_included


def test_a_confirmation_after_a_withdrawal_includes_nothing() -> None:
    made = dossier()
    application = with_application(made)
    application.withdraw(act(), {})
    notification = received(clean(made), "confirmation", "confirmed", application_id=str(application.id))
    made.settle(act(), notification, PROCEDURE)
    (settled,) = then(made)
    assert isinstance(settled, NotificationSettled)
    assert (settled.outcome, settled.reason) == ("no_effect", "application_withdrawn")


def test_a_withdrawal_settles_the_notification_that_waits_for_review() -> None:
    made = dossier()
    application = with_application(made)
    received(made, "confirmation", "confirmed", application_id=str(application.id))
    application.withdraw(act(), {})
    made.clear(act())
    assert kinds(then(made)) == ["NotificationSettled", "ApplicationWithdrawn"]


def test_nothing_of_a_producer_that_ceased_is_included_art_51_6() -> None:
    made = dossier()
    application = with_application(made)
    notification = received(made, "confirmation", "confirmed", application_id=str(application.id))
    made.producer.liquidate(act(), on=at("2026-03-02").date(), reference="R-1")
    made.settle(act(), notification, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled", "ApplicationClosed"]
    assert not made.entry.is_included


def test_a_notification_is_settled_once() -> None:
    made = included()
    (notification,) = made.notifications
    with pytest.raises(Conflict, match="notification_settled"):
        made.settle(act(), notification, PROCEDURE)


def test_an_inclusion_after_a_reapplication_has_a_new_date_and_keeps_the_first() -> None:
    made = excluded(on=at("2026-04-01"))
    application = with_application(made, at("2026-05-04"))
    notification = received(
        made, "confirmation", "confirmed", at("2026-05-05"), application_id=str(application.id)
    )
    made.settle(act(at("2026-05-05")), notification, PROCEDURE)
    state = made.entry.state
    assert (state.status, state.included.included_on) == ("included", "2026-05-05")
    assert state.first_included_on == "2026-03-02"
    assert state.exclusions[0].undone is False
