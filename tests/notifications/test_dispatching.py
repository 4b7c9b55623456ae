"""Channels besides the account: durable and leased, off unless configured, none stops another."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.kernel.http.health import Notice
from services.kernel.journal.events import microseconds
from services.kernel.runtime import Election
from services.notifications.channel_tables import CHANNELS, DISPATCH_ATTEMPTS, DISPATCHES
from services.notifications.dispatching import ChannelWorker
from services.notifications.domain.channels import ChannelName, Ending, Parcel, Result
from services.notifications.domain.health import TRIPS_AFTER
from services.notifications.domain.retry import TRIES
from services.notifications.projections.contacts import forget_contact
from services.notifications.schema import MESSAGES, VAULT
from services.notifications.settings import NotificationsSettings
from services.notifications.usecases.dispatch import LEASE, claim, presence_name, record_result
from services.notifications.usecases.prune import prune_tries
from services.notifications.usecases.remind import remind
from services.register.contract.erasures import PersonalDataErased
from tests.notifications.given import IIN, filed, producer
from tests.notifications.office import Office
from tests.notifications.usecases.test_remind import documents_requested, noon

EMAIL: Final = {"email": "dala@example.kz"}
SENT: Final = Result(Ending.SENT)
RNG: Final = random.Random(1)  # jitter, not a secret


class Recording:
    """A channel that notes what it was given and answers as it is told to."""

    def __init__(self, name: ChannelName, result: Result | Exception = SENT) -> None:
        self.name: ChannelName = name
        self.result = result
        self.sent: list[Parcel] = []

    def send(self, parcel: Parcel) -> Result:
        self.sent.append(parcel)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def office(office: Office) -> Office:
    """Both channels are on."""
    office.channels = ("email", "portal")
    return office


def told(office: Office, count: int = 1, confidential: dict[str, str] | None = EMAIL) -> None:
    for _ in range(count):
        office.register.publish(filed(producer()), confidential=confidential)
    office.follow()


def states(office: Office) -> dict[tuple[str, str], str]:
    return {(row["message_id"], row["channel"]): row["state"] for row in office.rows(DISPATCHES)}


def settled(office: Office, channel: ChannelName, result: Result) -> str | None:
    claimed = claim(office.database, channel, owner="a", now=office.now())
    assert claimed is not None
    return record_result(office.database, claimed, result, now=office.now(), rng=RNG)


def test_a_message_goes_out_over_each_channel_that_is_on(office: Office) -> None:
    told(office)
    channels = [Recording("email"), Recording("portal")]
    for channel in channels:
        worker = ChannelWorker(office.database, channel, office.clock)
        assert worker.turn()
        assert not worker.turn()
    message = office.row(MESSAGES)
    for channel in channels:
        (parcel,) = channel.sent
        assert (parcel.message_id, parcel.email, parcel.language) == (
            message["message_id"],
            "dala@example.kz",
            "kk",
        )
    assert set(states(office).values()) == {"sent"}


def test_nothing_goes_out_and_no_address_is_kept_where_no_channel_is_on(office: Office) -> None:
    office.channels = ()
    told(office)
    assert len(office.rows(MESSAGES)) == 1
    assert office.rows(DISPATCHES) == []
    assert office.rows(VAULT.table) == []


def test_an_address_stands_in_no_event_and_no_message_and_goes_with_its_erasure(office: Office) -> None:
    told(office)
    (event,) = office.register.events
    assert b"dala@" not in event.record
    assert b"dala@" not in bytes(office.row(MESSAGES)["texts"])
    with office.database.write() as connection:
        forget_contact(connection, office.row(VAULT.table)["subject_id"], position=1)
    assert office.rows(VAULT.table) == []
    mail = Recording("email", Result(Ending.UNADDRESSED, "no_address"))
    assert ChannelWorker(office.database, mail, office.clock).turn()
    assert mail.sent[0].email is None
    assert office.row(DISPATCHES, channel="email")["state"] == "unaddressed"


def test_a_reminder_goes_out_too_and_an_authoritys_message_over_no_channel(office: Office) -> None:
    application = filed(producer())
    office.register.publish(application, confidential=EMAIL)
    office.verification.publish(documents_requested(application, "2026-03-17"))
    office.follow()
    before = len(office.rows(DISPATCHES))
    at = noon("2026-03-10")
    assert remind(office.database, (7,), authorities=False, now=at, channels=office.channels) == 1
    assert len(office.rows(DISPATCHES)) == before + 2
    recipients = {row["message_id"]: row["recipient"] for row in office.rows(MESSAGES)}
    assert not any("authority" in recipients[row["message_id"]] for row in office.rows(DISPATCHES))


def test_a_reminder_of_an_erased_producer_goes_out_over_no_channel(office: Office) -> None:
    """Law 418-V art. 36: the term runs on, and nobody is left whom a channel could reach."""
    application = filed(producer(None))
    office.register.publish(application, confidential={**EMAIL, "iin": IIN})
    office.verification.publish(documents_requested(application, "2026-03-17"))
    office.follow()
    erased = PersonalDataErased(
        producer_id=application.producer.producer_id, fields=("iin", "email"), reason="consent_withdrawn"
    )
    office.register.publish(erased)
    office.follow()
    before = office.rows(DISPATCHES)
    assert {row["state"] for row in before} == {"unaddressed"}
    at = noon("2026-03-10")
    assert remind(office.database, (7,), authorities=False, now=at, channels=office.channels) == 1
    assert office.rows(DISPATCHES) == before
    assert claim(office.database, "portal", owner="a", now=office.now()) is None


def test_one_failing_channel_stops_neither_the_other_nor_the_account(office: Office) -> None:
    told(office, 2)
    broken = ChannelWorker(office.database, Recording("email", RuntimeError("bug")), office.clock)
    portal = Recording("portal")
    working = ChannelWorker(office.database, portal, office.clock)
    assert broken.turn()
    assert broken.turn()
    assert not broken.turn(), "each waits for its next try"
    assert working.turn()
    assert working.turn()
    assert len(portal.sent) == 2
    assert len(office.rows(MESSAGES)) == 2
    failed = office.rows(DISPATCHES, channel="email")
    assert {(row["state"], row["attempts"], row["trouble"]) for row in failed} == {
        ("pending", 1, "RuntimeError")
    }
    assert broken.trouble() is None
    office.clock.advance(timedelta(minutes=1))
    assert broken.turn()
    assert "email failed 3 times" in (broken.trouble() or "")


def test_what_was_given_up_is_told_for_a_day_whatever_succeeds_after_it(office: Office) -> None:
    """Whoever of several processes gave it up; an address that nobody has is no failure."""
    told(office, 3)
    endings = (Ending.REFUSED, Ending.UNADDRESSED, Ending.SENT)
    for ending in endings:
        assert ChannelWorker(office.database, Recording("email", Result(ending)), office.clock).turn()
    worker, portal = (
        ChannelWorker(office.database, Recording(name), office.clock) for name in ("email", "portal")
    )
    for one in (worker, portal):
        assert one.is_present()
    assert worker.trouble() == "messages given up over email in the last day: 1"
    assert isinstance(worker.trouble(), Notice)
    assert portal.trouble() is None
    office.clock.advance(timedelta(days=1, seconds=1))
    worker.count_given_up()
    assert worker.trouble() is None
    for one in (worker, portal):
        one.stop()


def test_what_a_dead_worker_was_sending_is_sent_by_another_when_its_lease_ends(office: Office) -> None:
    told(office)
    lost = claim(office.database, "email", owner="a", now=office.now())
    assert lost is not None
    assert claim(office.database, "email", owner="a", now=office.now()) is None, (
        "nobody else has it meanwhile"
    )
    assert claim(office.database, "portal", owner="a", now=office.now()) is not None, (
        "the other channel goes on"
    )
    office.clock.advance(LEASE)
    taken = claim(office.database, "email", owner="a", now=office.now())
    assert taken is not None
    assert taken.parcel == lost.parcel, "under the same id"
    late = record_result(office.database, lost, Result(Ending.SENT), now=office.now(), rng=RNG)
    assert late is None, "whose lease is gone records nothing"
    assert record_result(office.database, taken, Result(Ending.SENT), now=office.now(), rng=RNG) == "sent"


def test_what_a_killed_worker_was_sending_is_sent_by_another_at_once(office: Office) -> None:
    told(office)
    gone, living = uuid4().hex, uuid4().hex
    elections = {one: Election(office.database, presence_name(one)) for one in (gone, living)}
    assert all(election.won() for election in elections.values())
    lost = claim(office.database, "email", owner=gone, now=office.now())
    held = claim(office.database, "portal", owner=living, now=office.now())
    assert lost is not None
    assert held is not None
    mail = Recording("email")
    early, worker = (ChannelWorker(office.database, mail, office.clock) for _ in range(2))
    if office.database.is_postgresql:  # on SQLite one process serves, and whoever else claimed was killed
        assert early.is_present()
        assert not early.turn()
        elections[gone].resign()
    assert worker.is_present()
    assert worker.turn()
    assert mail.sent == [lost.parcel]
    late = record_result(office.database, lost, SENT, now=office.now(), rng=RNG)
    assert late is None, "whose lease was freed records nothing"
    assert record_result(office.database, held, SENT, now=office.now(), rng=RNG) == "sent"
    for presence in (early, worker):
        presence.stop()
    for election in elections.values():
        election.resign()


def test_two_workers_share_without_sending_twice(office: Office) -> None:
    told(office, 8)
    mail = Recording("email")
    workers = [ChannelWorker(office.database, mail, office.clock) for _ in range(2)]

    def work(worker: ChannelWorker) -> None:
        while worker.turn():
            pass

    threads = [threading.Thread(target=work, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while workers[0].turn():  # what one passed over while the other claimed it
        pass
    assert len(mail.sent) == len({parcel.message_id for parcel in mail.sent}) == 8


def test_every_try_is_used_up_before_it_ends(office: Office) -> None:
    told(office)
    for number in range(1, TRIES + 1):
        expected = "pending" if number < TRIES else "exhausted"
        assert settled(office, "portal", Result(Ending.FAILED, "portal_answered_503")) == expected
        office.clock.advance(timedelta(hours=48))
    assert claim(office.database, "portal", owner="a", now=office.now()) is None
    assert office.row(DISPATCHES, channel="portal")["attempts"] == TRIES


def test_the_portal_is_left_alone_for_as_long_as_it_asks(office: Office) -> None:
    told(office)
    settled(office, "portal", Result(Ending.FAILED, "portal_answered_503", timedelta(hours=3)))
    assert office.row(DISPATCHES, channel="portal")["next_at"] >= microseconds(
        office.clock.now() + timedelta(hours=3)
    )


DOWN: Final = Result(Ending.FAILED, "portal_unreachable: TimeoutError")


def rested(office: Office, seconds: float = 37) -> None:
    office.clock.advance(timedelta(seconds=seconds))


def test_a_portal_that_hangs_is_left_alone_and_costs_neither_tries_nor_mail(office: Office) -> None:
    """Every process sees it: what waits meanwhile keeps its ten tries, and e-mail goes on."""
    told(office, TRIPS_AFTER + 2)
    for _ in range(TRIPS_AFTER):
        assert settled(office, "portal", DOWN) == "pending"
    other = ChannelWorker(office.database, Recording("portal"), office.clock)
    assert not other.turn(), "it rests"
    rows = office.rows(DISPATCHES, channel="portal")
    assert sorted(row["attempts"] for row in rows) == [0, 0, *[1] * TRIPS_AFTER]
    mail = ChannelWorker(office.database, Recording("email"), office.clock)
    assert all(mail.turn() for _ in range(TRIPS_AFTER + 2))
    rested(office)
    probe = claim(office.database, "portal", owner="a", now=office.now())
    assert probe is not None
    assert claim(office.database, "portal", owner="b", now=office.now()) is None, "one probe at a time"
    record_result(office.database, probe, DOWN, now=office.now(), rng=RNG)
    rested(office)
    assert not other.turn(), "a probe that failed lets it rest for longer"
    rested(office)
    assert other.turn()
    assert office.row(CHANNELS, channel="portal")["breaker"] == "closed"
    assert office.row(CHANNELS, channel="portal")["failing_since"] is None


def test_a_probe_that_reached_nobody_is_made_again_and_a_killed_one_too(office: Office) -> None:
    told(office, TRIPS_AFTER + 3)
    for _ in range(TRIPS_AFTER):
        settled(office, "portal", DOWN)
    rested(office)
    assert settled(office, "portal", Result(Ending.UNADDRESSED, "no_number")) == "unaddressed"
    assert office.row(CHANNELS, channel="portal")["breaker"] == "open"
    assert claim(office.database, "portal", owner="dies", now=office.now()) is not None
    assert claim(office.database, "portal", owner="a", now=office.now()) is None
    rested(office, LEASE.total_seconds())
    assert settled(office, "portal", SENT) == "sent"


def test_what_is_said_of_one_message_does_not_count_against_the_channel(office: Office) -> None:
    told(office, TRIPS_AFTER + 1)
    for _ in range(TRIPS_AFTER):
        greylisted = Result(Ending.FAILED, "recipient_refused", status=451, works=True)
        assert settled(office, "email", greylisted) == "pending"
    assert claim(office.database, "email", owner="a", now=office.now()) is not None


def test_every_try_is_kept_with_its_answer_for_ninety_days(office: Office) -> None:
    told(office)
    settled(office, "portal", Result(Ending.FAILED, "portal_answered_503", status=503))
    rested(office)
    worker = ChannelWorker(
        office.database, Recording("portal", Result(Ending.SENT, status=202)), office.clock
    )
    assert worker.turn()
    tries = office.rows(DISPATCH_ATTEMPTS)
    shown = [(row["number"], row["status"], row["trouble"]) for row in tries]
    assert shown == [(1, 503, "portal_answered_503"), (2, 202, None)]
    assert tries[1]["at"] - tries[0]["at"] == 37_000_000
    office.clock.advance(timedelta(days=90))
    assert prune_tries(office.database, office.clock, batch=1) == 1
    rested(office, 1)
    assert prune_tries(office.database, office.clock) == 1
    assert (office.rows(DISPATCH_ATTEMPTS), len(office.rows(MESSAGES))) == ([], 1)


WRONG: Final[dict[str, dict[str, Any]]] = {
    "mail without a sender": {"smtp_host": "mail"},
    "a login without its password": {"smtp_host": "mail", "smtp_sender": "a@b.kz", "smtp_user": "u"},
    "a portal without credentials": {"portal_url": "https://portal/"},
    "a portal that is no URL": {"portal_url": "portal", "portal_token_file": "/token"},
    "an unknown security": {"smtp_security": "ssl"},
    "a reminder after the end": {"reminder_days": [-1]},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG.keys())
def test_half_a_channel_stops_the_start(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NotificationsSettings(_env_file=None, **given)
