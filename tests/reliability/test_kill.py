"""Each service killed with -9 at random points under four writers: nothing lost, nothing twice, all agree.

`make chaos` runs the long form: CHAOS_KILLS sets how many kills, CHAOS_SEED which.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from services.commands.demo_receiver import Endpoint, listening
from services.commands.registry import SERVICES
from services.notifications.usecases.deliver import LEASE
from services.proof.checkpoints import Trust
from services.proof.logs import read_checkpoint, verify_log
from services.proof.notes import VerifierKey
from services.proof.sources import Web
from tests.journeys.world import World
from tests.postgres import PostgresServer
from tests.reliability.fleet import Acknowledged, Writer, fleet_of, rounds_of_killing

KILLS: Final = int(os.environ.get("CHAOS_KILLS", "6"))
SEED: Final = int(os.environ.get("CHAOS_SEED", "20260302"))
WRITERS: Final = 4
AUTOMATIC: Final = {
    "TIZILIM_REGISTER_AUTOMATIC": '["review", "exclusion", "reinstatement", "own_request"]',
    "TIZILIM_VERIFICATION_AUTOMATIC": '["confirmation", "monitoring", "resubmission"]',
}
INCLUDED: Final = "kz.register.entry.included.v1"
TEMPLATES: Final = [
    "application_filed",
    "confirmation_case_opened",
    "included",
    "inclusion_notification_received",
    "notification_issued",
]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_urls(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    if request.param == "sqlite":
        yield {}
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    urls = {service: server.create_database() for service in SERVICES}
    yield urls
    for url in urls.values():
        server.drop_database(url)


def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    database_urls: Mapping[str, str], tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    stopping = threading.Event()
    with fleet_of(tmp_path, database_urls, AUTOMATIC) as fleet, listening() as endpoint:
        world = World(fleet.installation)
        secret = subscribed(world, endpoint)
        writers = [Writer(world, number * 10_000, stopping) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        killed = rounds_of_killing(fleet, KILLS, lambda: chance.uniform(0.1, 0.9), SEED)
        stopping.set()
        for writer in writers:
            writer.join(timeout=90)
        assert [writer.trouble for writer in writers] == [None] * WRITERS
        told = [writer.acknowledged for writer in writers]
        applications = [one for acknowledged in told for one in acknowledged.applications]
        assert applications, f"killed {killed}: no application was acknowledged at all"
        settle(world, applications)
        register = journal_of(world, "register", told)
        verification = journal_of(world, "verification", told)
        the_register_holds_each_application_once(register, applications)
        verification_holds_each_listing_and_case_once(verification, told, applications)
        the_log_holds_every_record(world, "register", register)
        the_log_holds_every_record(world, "verification", verification)
        the_accounts_hold_each_message_once(world, register)
        the_endpoint_got_each_inclusion(world, endpoint, secret, register)
        world.http.close()


def subscribed(world: World, endpoint: Endpoint) -> str:
    integrator = world.as_role("integrator", subject="procurement")
    subscription = integrator.done(
        "notifications", "/v1/subscriptions", {"url": endpoint.url, "event_types": [INCLUDED]}
    )
    path = f"/v1/subscriptions/{subscription['subscription_id']}"
    world.eventually(lambda: integrator.get("notifications", path)["state"] == "active" or None, "active")
    secret: str = subscription["secret"]
    return secret


def settle(world: World, applications: list[str]) -> None:
    """Wait until what the authorities owe each other is done: every application is included."""
    industry = world.as_role("industry_officer")
    for application_id in applications:
        world.eventually(
            lambda path=f"/v1/applications/{application_id}": (  # type: ignore[misc]
                industry.get("register", path)["status"] == "included" or None
            ),
            f"application {application_id} included",
        )


def journal_of(world: World, service: str, told: list[Acknowledged]) -> list[dict[str, Any]]:
    """A service's journal, which is contiguous and holds every acknowledged position."""
    events = world.journal(service)
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    assert max(acknowledged.position[service] for acknowledged in told) <= len(events)
    return events


def the_log_holds_every_record(world: World, service: str, events: list[dict[str, Any]]) -> None:
    """What the killed sealers published verifies from outside, up to the last record."""
    token = world.as_role("auditor").headers()["Authorization"].removeprefix("Bearer ")
    log = Web(f"{world.installation.url(service)}/v1/journal/log", token)
    trust = Trust(VerifierKey.parse((log.read("key") or b"").decode()))
    world.eventually(
        lambda: read_checkpoint(log, trust).checkpoint.size >= len(events) or None, f"{service} is sealed"
    )
    assert verify_log(log, trust).checkpoint.size >= len(events)


def of_type(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == name]


def the_register_holds_each_application_once(register: list[dict[str, Any]], applications: list[str]) -> None:
    filed = Counter(event["subject"] for event in of_type(register, "kz.register.application.filed.v2"))
    assert filed == Counter(applications)
    included = Counter(event["data"]["application_id"] for event in of_type(register, INCLUDED))
    assert included == Counter(applications)


def verification_holds_each_listing_and_case_once(
    verification: list[dict[str, Any]], told: list[Acknowledged], applications: list[str]
) -> None:
    listed = of_type(verification, "kz.verification.trusted-software.listed.v1")
    expected = [one for acknowledged in told for one in acknowledged.listings]
    assert Counter(event["subject"] for event in listed) == Counter(expected)
    opened = of_type(verification, "kz.verification.case.opened.v1")
    assert Counter(event["data"]["application_id"] for event in opened) == Counter(applications)
    assert len(of_type(verification, "kz.verification.case.notification-issued.v1")) == len(applications)


def the_accounts_hold_each_message_once(world: World, register: list[dict[str, Any]]) -> None:
    auditor = world.as_role("auditor")
    for event in of_type(register, "kz.register.application.filed.v2"):
        bin_ = event["data"]["producer"]["bin"]

        def complete(path: str = f"/v1/accounts/{bin_}/messages") -> list[str] | None:
            page = auditor.get("notifications", path, limit=500)["items"]
            # A listing tells the holder only where the holder is known already: it may come before or after.
            found = [one["template"] for one in page if one["template"] != "trusted_software_listed"]
            return sorted(found) if len(found) >= len(TEMPLATES) else None

        assert world.eventually(complete, f"the messages of {bin_}") == TEMPLATES


def the_endpoint_got_each_inclusion(
    world: World, endpoint: Endpoint, secret: str, register: list[dict[str, Any]]
) -> None:
    """At least once each, always under the same id and with the recorded bytes; nothing else."""
    recorded = {event["id"]: event for event in of_type(register, INCLUDED)}

    def received() -> dict[str, Any] | None:
        got = {event["id"]: event for event in endpoint.verified(secret) if event["type"] == INCLUDED}
        return got if len(got) >= len(recorded) else None

    # What was under way in a killed process does not wait for the end of its lease.
    patience = LEASE.total_seconds() / 2
    got = world.eventually(received, "every inclusion as a webhook", patience=patience)
    assert got == {
        id_: {name: value for name, value in event.items() if name != "position"}
        for id_, event in recorded.items()
    }
