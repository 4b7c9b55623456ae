"""Notifications against a database: received in any state, settled once, automatic or by an officer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from services.kernel.errors import Conflict, DomainError, NotFound, Stale
from services.kernel.journal.events import new_stream_id
from services.register.contract.events import NotificationReceived, NotificationSettled
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.domain.notification import Notification
from services.register.usecases.accept_notification import AcceptNotification, accept_notification
from services.register.usecases.return_notification import ReturnNotification, return_notification
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from tests.register.desk import RECTIFIED, Desk
from tests.register.given import BIN, OTHER_BIN, REASONS


def loaded(desk: Desk, content: NotificationReceived) -> Notification:
    return desk.journal.load(Notification, UUID(content.notification_id))


def give_back(desk: Desk, content: NotificationReceived) -> None:
    command = ReturnNotification(notification_id=UUID(content.notification_id), remarks=REASONS)
    return_notification(desk.journal, command, desk.act(), desk.procedure)


def withdraw(desk: Desk, application: Application, by: str = BIN) -> None:
    command = WithdrawApplication(application_id=application.id, by=by, reason="Қате")
    withdraw_application(desk.journal, command, desk.act("producer"))


def last_settlement(desk: Desk) -> NotificationSettled:
    return [event for event in desk.events() if isinstance(event, NotificationSettled)][-1]


def test_a_confirmation_waits_for_an_officer(desk: Desk) -> None:
    content = desk.notify("confirmation", "confirmed", desk.file())
    assert loaded(desk, content).status == "received"
    assert "Included" not in desk.kinds()


def test_an_officer_includes(desk: Desk) -> None:
    entry = desk.include()
    assert entry.state.status == "included"
    assert entry.state.included.number == "0000000001"
    assert entry.state.included.application_number == "0000000001"
    assert desk.kinds()[2:] == [
        "NotificationReceived",
        "NotificationSettled",
        "ApplicationSatisfied",
        "Included",
    ]


def test_an_automatic_review_includes_in_the_unit_of_the_receipt(automatic: Desk) -> None:
    entry = automatic.include()
    assert entry.state.status == "included"
    (facts,) = [page for page in automatic.journal.replay() if page]
    settled = next(r.fact for r in facts if isinstance(r.fact.data, NotificationSettled))
    assert settled.provenance.decided_by == "automatic"


def test_the_same_notification_twice_has_no_effect(desk: Desk) -> None:
    content = desk.notify("confirmation", "confirmed", desk.file())
    before = desk.journal.head()
    desk.receive(content)
    assert desk.journal.head() == before


def test_a_notification_about_an_unknown_application_is_not_guessed_at(desk: Desk) -> None:
    application = desk.file()
    with pytest.raises(NotFound, match="application_unknown"):
        desk.notify("confirmation", "confirmed", application, application_id=str(new_stream_id()))


def test_return_rework_and_repeated_review_lead_to_inclusion_para_9(desk: Desk) -> None:
    application = desk.file()
    content = desk.notify("confirmation", "confirmed", application)
    give_back(desk, content)
    desk.later(days=3)
    desk.receive(msgspec.structs.replace(content, revision=2))
    desk.accept(content)
    assert desk.entry(application).state.status == "included"
    assert desk.kinds().count("NotificationReceived") == 2


def test_a_confirmation_after_a_withdrawal_is_recorded_and_includes_nothing(desk: Desk) -> None:
    application = desk.file()
    withdraw(desk, application)
    desk.notify("confirmation", "confirmed", application)
    settled = last_settlement(desk)
    assert (settled.outcome, settled.reason) == ("no_effect", "application_withdrawn")
    with pytest.raises(NotFound):
        desk.entry(application)


def test_a_withdrawal_settles_a_waiting_notification(desk: Desk) -> None:
    application = desk.file()
    content = desk.notify("confirmation", "confirmed", application)
    withdraw(desk, application)
    assert loaded(desk, content).status == "settled"


def test_a_withdrawal_settles_a_returned_notification_too(desk: Desk) -> None:
    application = desk.file()
    content = desk.notify("confirmation", "confirmed", application)
    give_back(desk, content)
    withdraw(desk, application)
    assert loaded(desk, content).status == "settled"


def test_anothers_application_is_not_there_to_withdraw(desk: Desk) -> None:
    desk.file(OTHER_BIN)
    with pytest.raises(NotFound, match="application_unknown"):
        withdraw(desk, desk.file(), by=OTHER_BIN)


def test_after_a_withdrawal_the_producer_may_apply_anew_without_naming_it(desk: Desk) -> None:
    application = desk.file()
    withdraw(desk, application)
    assert desk.file().filed.product_id == application.filed.product_id


def test_an_officer_who_saw_an_older_version_is_refused(desk: Desk) -> None:
    content = desk.notify("confirmation", "confirmed", desk.file())
    give_back(desk, content)
    command = AcceptNotification(notification_id=UUID(content.notification_id), version=1)
    with pytest.raises(Stale, match="version_stale"):
        accept_notification(desk.journal, command, desk.act(), desk.procedure)


def test_of_concurrent_acceptances_one_wins(desk: Desk) -> None:
    content = desk.notify("confirmation", "confirmed", desk.file())
    barrier = threading.Barrier(4)

    def attempt(_: int) -> str:
        barrier.wait(timeout=10)
        command = AcceptNotification(notification_id=UUID(content.notification_id), version=1)
        try:
            accept_notification(desk.journal, command, desk.act(), desk.procedure)
        except DomainError as error:
            return error.code
        return "accepted"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(4)))
    assert outcomes == ["accepted", "version_stale", "version_stale", "version_stale"]
    assert desk.kinds().count("Included") == 1


def test_monitoring_that_conforms_is_recorded_without_an_officer(desk: Desk) -> None:
    entry = desk.include()
    desk.notify("monitoring", "conforms", entry, quarter="2026-Q1")
    assert desk.journal.load(Entry, entry.id).state.monitored_quarter == "2026-Q1"


def test_an_exclusion_waits_for_an_officer_or_not_by_setting(desk: Desk) -> None:
    entry = desk.include()
    content = desk.notify("monitoring", "exclude", entry)
    assert desk.journal.load(Entry, entry.id).is_included
    desk.accept(content)
    assert not desk.journal.load(Entry, entry.id).is_included


def test_everything_automatic_goes_the_whole_way(automatic: Desk) -> None:
    entry = automatic.exclude(automatic.include())
    assert entry.state.status == "excluded"
    again = automatic.file(follows=entry.state.included.application_id, rectified=RECTIFIED)
    automatic.notify("confirmation", "confirmed", again)
    assert automatic.journal.load(Entry, entry.id).state.included.number == "0000000002"


def test_a_second_exclusion_notification_waiting_beside_the_first_falls_away(desk: Desk) -> None:
    entry = desk.include()
    first, second = desk.notify("monitoring", "exclude", entry), desk.notify("monitoring", "exclude", entry)
    desk.accept(first)
    waiting = loaded(desk, second)
    assert waiting.state.settled is not None
    assert waiting.state.settled.reason == "already_excluded"


def test_a_settled_notification_is_not_accepted_again(desk: Desk) -> None:
    content = desk.notify("confirmation", "confirmed", desk.file())
    desk.accept(content)
    desk.later(seconds=timedelta(minutes=1).seconds)
    with pytest.raises(Conflict, match="notification_settled"):
        desk.accept(content)
