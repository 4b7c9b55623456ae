"""The informatization authority killed with -9 again and again while a round opens and is judged.

Order 327 para. 29: exactly one case for every entry included at the quarter's end, whatever was killed when;
the round closes, and its tally is right. `make chaos` runs the long form (CHAOS_KILLS, CHAOS_SEED).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from services.kernel.clock import set_simulated_clock
from services.kernel.journal.events import new_event_id
from services.kernel.journal.journal import Work
from services.verification.adapters.filings import Filing, record_filing
from services.verification.usecases.follow_entry import follow_exclusion
from services.verification.usecases.list_software import NewListing, list_software
from tests.journeys.world import Person, World
from tests.postgres import PostgresServer
from tests.reliability.fleet import Fleet, bin_of, fleet_of
from tests.verification.acting import automatic, officer
from tests.verification.authority import Authority, authority
from tests.verification.crowd import Member, included_crowd

LONG: Final = "CHAOS_KILLS" in os.environ
KILLS: Final = int(os.environ.get("CHAOS_KILLS", "9")) // 3
SEED: Final = int(os.environ.get("CHAOS_SEED", "20260302"))
ENTRIES: Final = 900 if LONG else 200
PATIENCE_SECONDS: Final = 120.0
APRIL: Final = datetime(2026, 4, 1, 7, 0, tzinfo=UTC)
SETTINGS: Final = {
    "TIZILIM_VERIFICATION_AUTOMATIC": '["monitoring"]',
    "TIZILIM_VERIFICATION_ROUNDS_BATCH": "10",  # so that many units are there to be killed in
    "TIZILIM_VERIFICATION_ROUNDS_SECONDS": "0.1",
}
QUARTER: Final = "/v1/monitoring-rounds/2026-Q1"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'verification.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    made = server.create_database()
    yield made
    server.drop_database(made)


@dataclass(frozen=True)
class Expected:
    """What the round must come to."""

    entries: Sequence[str]
    conforming: int
    excluded: int
    closed: int


def test_a_round_survives_being_killed_half_way(url: str, tmp_path: Path) -> None:
    with authority(url, tmp_path / "documents", "monitoring") as here:
        expected = prepared(here)
    set_simulated_clock(tmp_path / "clock.json", APRIL)
    services = ("register", "verification")
    with fleet_of(tmp_path, {"verification": url}, SETTINGS, services=services) as fleet:
        world = World(fleet.installation)
        killed = killed_half_way(fleet, world)
        assert len(killed) >= 2, f"the round was over after being killed at {killed}"
        shown = closed(world)
        journal = world.journal("verification")
        every_entry_has_one_case_with_one_end(journal, expected)
        the_round_ended_once_with_the_right_tally(journal, shown, expected)
        world.http.close()


def prepared(here: Authority) -> Expected:
    """Entries of which two thirds conform, the others are not listed, and every tenth was excluded since."""
    package = here.package()
    with here.journal.database.write() as connection:  # every producer uploaded the same
        for number, named in product(range(ENTRIES), package):
            filing = Filing(bin_of(number), "p")
            record_filing(connection, named.sha256, named.media_type, filing, at=0)
    crowd = included_crowd(here.journal, here.practice, ENTRIES, lambda _number: package)
    listed = [member for number, member in enumerate(crowd) if number % 3]
    gone = crowd[::10]
    here.journal.transact(partial(_list, members=listed))
    here.clock.set(APRIL)
    here.journal.transact(partial(_exclude, members=gone))
    left = {member.entry_id for member in gone}
    conforming = sum(member.entry_id not in left for member in listed)
    return Expected(
        entries=[member.entry_id for member in crowd],
        conforming=conforming,
        excluded=ENTRIES - len(gone) - conforming,
        closed=len(gone),
    )


def _list(work: Work, members: Sequence[Member]) -> None:
    for member in members:
        new = NewListing(f"TR-{member.bin}", member.product_name, member.bin, date(2025, 11, 10), None)
        list_software(work, officer(), new)


def _exclude(work: Work, members: Sequence[Member]) -> None:
    for member in members:
        follow_exclusion(
            work,
            automatic(APRIL),
            entry_id=member.entry_id,
            excluded_on="2026-04-01",
            event_id=new_event_id(),
        )


def killed_half_way(fleet: Fleet, world: World) -> list[int]:
    """Kill the service when the round has come to points chosen at random; returns how far it had come."""
    chance = random.Random(SEED)  # where it dies is no secret
    points = sorted(chance.uniform(0.05, 0.8) for _ in range(KILLS))
    looker = world.as_role("informatization_officer")
    killed = []
    for point in points:
        wanted = int(point * 2 * ENTRIES)
        came = world.eventually(
            partial(_come_to, looker, wanted), f"{wanted} steps", patience=PATIENCE_SECONDS
        )
        if came >= 2 * ENTRIES:
            break
        fleet.kill("verification")
        killed.append(came)
        fleet.start("verification")
    return killed


def _come_to(looker: Person, wanted: int) -> int | None:
    """Cases opened and cases done, once they are as many as wanted."""
    answer = looker.request("GET", "verification", QUARTER)
    if answer.status_code != 200:
        return None
    shown = answer.json()
    come: int = shown["opened"] + shown["concluded"] + shown["closed"]
    return come if come >= wanted else None


def closed(world: World) -> dict[str, Any]:
    looker = world.as_role("informatization_officer")

    def look() -> dict[str, Any] | None:
        answer = looker.request("GET", "verification", QUARTER)
        shown: dict[str, Any] = answer.json()
        return shown if answer.status_code == 200 and shown["status"] == "closed" else None

    return world.eventually(look, "the round closed", patience=PATIENCE_SECONDS)


def of_type(journal: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event["data"] for event in journal if event["type"] == f"kz.verification.{name}"]


def every_entry_has_one_case_with_one_end(journal: list[dict[str, Any]], expected: Expected) -> None:
    assert [event["position"] for event in journal] == list(range(1, len(journal) + 1))
    cases = {
        data["case_id"]: data["entry_id"]
        for data in of_type(journal, "case.opened.v1")
        if data.get("quarter") == "2026-Q1"
    }
    assert Counter(cases.values()) == Counter(expected.entries)
    ends = Counter(
        data["case_id"]
        for name in ("case.notification-issued.v1", "case.closed.v1")
        for data in of_type(journal, name)
    )
    assert ends == Counter(cases.keys())


def the_round_ended_once_with_the_right_tally(
    journal: list[dict[str, Any]], shown: dict[str, Any], expected: Expected
) -> None:
    (opened,) = of_type(journal, "round.opened.v1")
    (end,) = of_type(journal, "round.closed.v1")
    tally = {name: getattr(expected, name) for name in ("conforming", "excluded", "closed")}
    assert opened["entries"] == ENTRIES
    assert {name: end[name] for name in tally} == tally
    assert {name: shown[name] for name in tally} == tally
    assert (shown["opened"], shown["under_way"], shown["percent"]) == (ENTRIES, 0, 100)
    results = Counter(data["result"] for data in of_type(journal, "case.notification-issued.v1"))
    assert results == {"conforms": expected.conforming, "exclude": expected.excluded}
