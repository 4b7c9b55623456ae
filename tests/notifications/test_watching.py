"""The authorities learn once a day what waits for them, and what keeps facts from coming in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import msgspec
import pytest

from services.kernel.calendar import ALMATY
from services.kernel.database import Database
from services.kernel.journal.events import microseconds, new_stream_id
from services.kernel.readiness import FactsParked
from services.notifications.adapters.readiness_http import following_trouble
from services.notifications.background import Background
from services.notifications.channel_tables import DISPATCHES
from services.notifications.schema import FOLLOWING, MESSAGES
from services.notifications.settings import NotificationsSettings
from services.notifications.usecases.tell_authorities import Service
from services.notifications.watching import AccountWatch, Rhythm
from tests.notifications.given import filed, producer, received, term
from tests.notifications.office import Office, open_office

RHYTHM: Final = Rhythm(
    producers=(7, 1), authorities=(1,), stuck_after=timedelta(minutes=10), every=timedelta(seconds=30)
)


class Watched:
    """A watch over an office whose clocks and troubles a test moves."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.seconds = 0.0
        self.said: dict[Service, str | None] = {}
        checks: dict[Service, Callable[[], str | None]] = {
            "register": lambda: self.said.get("register"),
            "verification": lambda: self.said.get("verification"),
        }
        self.watch = AccountWatch(
            office.database, office.clock, office.clock, RHYTHM, checks, lambda: self.seconds
        )

    def run(self, day: str) -> list[tuple[str, str]]:
        """One run at noon of a day; returns recipients and texts of what it put, in Russian."""
        known = {row["message_id"] for row in self.office.rows(MESSAGES)}
        self.office.clock.set(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ALMATY))
        self.watch.run()
        new = [row for row in self.office.rows(MESSAGES) if row["message_id"] not in known]
        return [(row["recipient"], body(row)) for row in new]


def body(row: dict[str, Any]) -> str:
    found: str = msgspec.json.decode(bytes(row["texts"]))["ru"]["body"]
    return found


@pytest.fixture
def watched(office: Office) -> Watched:
    return Watched(office)


def waiting(office: Office, due_on: str) -> None:
    application = filed(producer(), product_id=str(new_stream_id()))
    office.register.publish(application)
    office.register.publish(received(application, term=term("review", due_on)))
    office.follow()


def test_an_authority_learns_on_working_days_what_has_waited(watched: Watched) -> None:
    """Order 327 para. 9: review within ten working days of receipt."""
    for due_on in ("2026-03-05", "2026-03-16", "2026-03-16"):
        waiting(watched.office, due_on)
    assert watched.run("2026-03-02") == [], "what came today is not told today"
    ((recipient, text),) = watched.run("2026-03-03")
    assert recipient == "industry_authority"
    assert "решения ожидает: 3 дела." in text
    assert "Срок уже истёк: 0 дел." in text
    assert watched.run("2026-03-03") == [], "once a day"
    told = watched.run("2026-03-06")
    assert [text for _, text in told if "Срок уже истёк: 1 дело." in text]
    assert watched.run("2026-03-07") == [], "a Saturday"


def test_what_channels_gave_up_is_told_once_to_both_authorities(watched: Watched) -> None:
    """From Friday on, with the holiday of 8 March behind it; an address nobody has is no failure."""
    office = watched.office
    office.channels = ("email", "portal")
    for _ in range(3):
        office.register.publish(filed(producer(), product_id=str(new_stream_id())))
    office.follow()
    ended = {"2026-03-06T09:00": "exhausted", "2026-03-08T23:00": "refused", "2026-03-09T00:00": "refused"}
    rows = office.rows(DISPATCHES, channel="email")
    with office.database.write() as connection:
        for row, (at, state) in zip(rows, ended.items(), strict=True):
            instant = microseconds(datetime.fromisoformat(at).replace(tzinfo=ALMATY))
            one = DISPATCHES.update().where(DISPATCHES.c.message_id == row["message_id"])
            connection.execute(
                one.where(DISPATCHES.c.channel == "email").values(state=state, ended_at=instant)
            )
            connection.execute(
                one.where(DISPATCHES.c.channel == "portal").values(state="unaddressed", ended_at=instant)
            )
    assert watched.run("2026-03-06") == [], "what happens today is told the next working day"
    assert watched.run("2026-03-08") == [], "a Sunday"
    told = watched.run("2026-03-10")
    assert [recipient for recipient, _text in told] == ["industry_authority", "informatization_authority"]
    for _recipient, text in told:
        assert "С 6 марта 2026 года до 10 марта 2026 года" in text
        assert "по электронной почте — 3 сообщения, на портал электронного правительства — 0" in text
    assert watched.run("2026-03-10") == [], "once a day"
    assert watched.run("2026-03-11") == []
    with office.database.write() as connection:
        instant = microseconds(datetime(2026, 3, 11, 20, tzinfo=ALMATY))
        one = DISPATCHES.update().where(DISPATCHES.c.message_id == rows[0]["message_id"])
        connection.execute(one.where(DISPATCHES.c.channel == "email").values(ended_at=instant))
    told = watched.run("2026-03-13")
    assert len(told) == 2, "on the 12th nothing watched"
    assert "С 10 марта 2026 года до 13 марта 2026 года" in told[0][1]
    assert "по электронной почте — 1 сообщение" in told[0][1]


def test_facts_that_stay_away_are_told_to_the_authority_concerned_once_a_day(watched: Watched) -> None:
    watched.said["verification"] = "12000 facts of register wait"
    assert watched.run("2026-03-02") == [], "it has only begun"
    watched.seconds = 599
    assert watched.run("2026-03-02") == []
    watched.seconds = 660
    ((recipient, text),) = watched.run("2026-03-02")
    assert recipient == "informatization_authority"
    assert "12000 facts of register wait" in text
    assert "служба проверки. Продолжительность: 11 минут." in text
    assert watched.run("2026-03-02") == []
    assert len(watched.run("2026-03-03")) == 1


def test_facts_that_come_in_again_begin_a_new_count(watched: Watched) -> None:
    watched.said["register"] = "does not answer (ConnectError)"
    watched.run("2026-03-02")
    watched.said["register"] = None
    watched.seconds = 500
    watched.run("2026-03-02")
    watched.said["register"] = "does not answer (ConnectError)"
    watched.run("2026-03-02")
    watched.seconds = 1_000
    assert watched.run("2026-03-02") == []


def test_facts_parked_here_are_told_to_both_authorities(watched: Watched) -> None:
    office = watched.office
    application = filed(producer())
    office.register.publish(received(application, kind="monitoring", result="exclude"))
    office.follow()
    assert len(office.rows(FOLLOWING.parked_events)) == 1
    told = watched.run("2026-03-03")
    assert [recipient for recipient, _ in told] == ["industry_authority", "informatization_authority"]
    assert all("register: facts parked: 1" in text for _, text in told)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (httpx.Response(200, json={"status": "ok", "checks": {"following": "ok", "store": "ok"}}), None),
        (httpx.Response(200, json={"status": "ok", "checks": {"following": "facts parked: 2"}}), "parked: 2"),
        (
            httpx.Response(503, json={"status": "unready", "checks": {"following register": "9 wait"}}),
            "9 wait",
        ),
        (httpx.Response(503, json={"status": "unready", "checks": {"store": "no answer"}}), None),
        (httpx.Response(200, text="<html>"), "answers with no readiness"),
        (httpx.ReadTimeout("slow"), "does not answer (ReadTimeout)"),
    ],
    ids=["well", "parked", "behind", "another check's", "no readiness", "silent"],
)
def test_a_neighbours_readiness_tells_of_its_facts(
    answer: httpx.Response | Exception, trouble: str | None
) -> None:
    def asked(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with httpx.Client(transport=httpx.MockTransport(asked)) as client:
        found = following_trouble(client, "http://neighbour")
    assert (found is None) if trouble is None else trouble in (found or "")


def test_a_process_that_does_not_follow_tells_what_is_parked(office: Office) -> None:
    check = FactsParked(office.database, FOLLOWING.parked_events)
    assert check() is None
    office.register.publish(received(filed(producer()), kind="monitoring", result="exclude"))
    office.follow()
    assert check() == "facts parked: 1"
    assert FactsParked(Database("sqlite:////nowhere/at-all.db"), FOLLOWING.parked_events)() is not None


def test_a_running_service_reminds_by_itself(sqlite_url: str) -> None:
    """Neither neighbour answers, which stops no reminder."""
    with open_office(sqlite_url) as office:
        waiting(office, "2026-03-16")
        office.clock.set(datetime(2026, 3, 15, 7, tzinfo=UTC))
        settings = NotificationsSettings(
            watch_seconds=0.05,
            register_url="http://127.0.0.1:9",
            verification_url="http://127.0.0.1:9",
            _env_file=None,
        )
        background = Background(office.database, office.clock, office.box, settings)
        background.start()
        try:
            until = time.monotonic() + 10
            while not office.rows(MESSAGES, template_id="authority_term_ends") and time.monotonic() < until:
                time.sleep(0.02)
        finally:
            background.stop()
        assert len(office.rows(MESSAGES, template_id="authority_term_ends")) == 1
