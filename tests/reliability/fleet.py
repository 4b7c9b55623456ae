"""Three service processes that are killed at random points and started again, and writers who bear it."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from services.commands.registry import SERVICES, Installation, database_of
from services.commands.up import Process, free_installation
from services.kernel import identifiers
from services.kernel.migrating import upgrade
from tests.journeys.life import stories
from tests.journeys.world import World

PATIENCE_SECONDS: Final = 60.0
RETRIED: Final = frozenset({409, 502, 503})  # 409: the key's first use is still under way


class Fleet:
    """The processes of an installation; only they are ever killed, by their own process id."""

    def __init__(self, installation: Installation, settings: Mapping[str, str]) -> None:
        self.installation = installation
        self._settings = settings
        self._processes: dict[str, Process] = {}

    def start(self, service: str) -> None:
        """Start a service and wait until it is ready."""
        process = Process(service, self.installation, self._settings)
        self._processes[service] = process
        deadline = time.monotonic() + PATIENCE_SECONDS
        url = f"{self.installation.url(service)}/readyz"
        while not _answers(url):
            if process.ended() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{service} did not start again:\n{process.last_lines()}")
            time.sleep(0.02)

    def kill(self, service: str) -> None:
        """End a service with SIGKILL, as a power cut would."""
        process = self._processes[service]
        os.kill(process.pid, signal.SIGKILL)
        process.wait_until_stopped()

    def stop(self) -> None:
        """Stop all in order."""
        for process in self._processes.values():
            process.ask_to_stop()
        for process in self._processes.values():
            process.wait_until_stopped()


_ASKING: Final = httpx.Client(trust_env=False, timeout=2)
"""One for all: each client reads every certificate authority of the machine when it is made."""


def _answers(url: str) -> bool:
    try:
        return _ASKING.get(url).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def fleet_of(
    var: Path,
    database_urls: Mapping[str, str],
    settings: Mapping[str, str],
    *,
    services: Sequence[str] = SERVICES,
) -> Iterator[Fleet]:
    """Running services on migrated databases."""
    installation = free_installation(var)
    environment = {
        **settings,
        **{f"TIZILIM_{service.upper()}_DATABASE_URL": url for service, url in database_urls.items()},
    }
    for service in services:
        with _environment(environment):
            database = database_of(service, var)
        upgrade(service, database)
        database.close()
    fleet = Fleet(installation, environment)
    with ExitStack() as stack:
        stack.callback(fleet.stop)
        for service in services:
            fleet.start(service)
        yield fleet


@contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def bin_of(number: int) -> str:
    """A BIN with a right check digit, another for every number from 0 to 99,999 (some have none)."""
    first = f"180140{number:05d}"
    digit = identifiers.check_digit(first)
    return bin_of(number + 50_000) if digit is None else f"{first}{digit}"


def application_of(bin_: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The application of a conforming product by the producer with that BIN."""
    story = stories()["clean"]
    given = story["producer"]
    return {
        "producer": {"bin": bin_, "name": given["name"], "registration_number": f"GU-{bin_}"},
        "contacts": {name: story["contacts"][name] for name in ("address", "email", "telephone")},
        "activity": {name: given[name] for name in ("oked_primary", "oked_secondary", "kato")},
        "product": story["product"],
        "reporting_year": story["report"]["reporting_year"],
        "documents": documents,
        "language": story["contacts"]["language"],
        "consent_to_data_processing": True,
    }


@dataclass
class Acknowledged:
    """What a writer was told is recorded."""

    listings: list[str] = field(default_factory=list)
    applications: list[str] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 0))


class Writer(threading.Thread):
    """A producer after another applies; every command is repeated with its key until it is acknowledged."""

    def __init__(self, world: World, first: int, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._numbers = iter(range(first, first + 10_000))
        self._stopping = stopping
        self.acknowledged = Acknowledged()
        self.trouble: BaseException | None = None

    def run(self) -> None:
        """Apply until told to stop."""
        try:
            with httpx.Client(trust_env=False, timeout=10) as client:
                while not self._stopping.is_set():
                    bin_ = self.next_bin()
                    self.file(client, bin_, self.prepare(client, bin_))
        except BaseException as error:  # noqa: BLE001  # the test reads it: a writer must not die silently
            self.trouble = error

    def next_bin(self) -> str:
        """Another producer's BIN."""
        return bin_of(next(self._numbers))

    def prepare(self, client: httpx.Client, bin_: str) -> dict[str, Any]:
        """Upload the evidence, have the product listed; returns the application to file."""
        story = stories()["clean"]
        producer = self._world.as_role("producer", subject=f"producer-{bin_}", producer=bin_)
        officer = self._world.as_role("informatization_officer", subject="daniyar")
        report = json.dumps(story["report"], ensure_ascii=False).encode()
        documents: list[dict[str, Any]] = [
            {"kind": "localisation_report", "media_type": "application/json", "text": report}
        ]
        documents += [{**one, "text": one["text"].encode()} for one in story["documents"]]
        kept = []
        for document in documents:
            headers = {**producer.headers(), "Content-Type": document["media_type"]}
            answer = self._until_acknowledged(
                client, "verification", "/v1/documents", headers, content=document["text"]
            )
            kept.append({"kind": document["kind"], **answer.json()})
        listing = {
            **story["trusted_software"],
            "reference": f"ДПО-{bin_}",
            "product_name": story["product"]["name"],
            "holder": bin_,
        }
        answer = self._command(client, "verification", "/v1/trusted-software", officer.headers(), listing)
        self.acknowledged.listings.append(answer["listing_id"])
        return application_of(bin_, kept)

    def file(self, client: httpx.Client, bin_: str, application: Mapping[str, Any]) -> None:
        """File an application."""
        producer = self._world.as_role("producer", subject=f"producer-{bin_}", producer=bin_)
        answer = self._command(client, "register", "/v1/applications", producer.headers(), application)
        self.acknowledged.applications.append(answer["application_id"])

    def _command(
        self, client: httpx.Client, service: str, path: str, headers: Mapping[str, str], body: Any
    ) -> Any:
        given = {**headers, "Idempotency-Key": uuid4().hex}
        answer = self._until_acknowledged(client, service, path, given, json=body)
        position = int(answer.headers["journal-position"])
        known = self.acknowledged.position
        known[service] = max(known[service], position)
        return answer.json()

    def _until_acknowledged(
        self, client: httpx.Client, service: str, path: str, headers: Mapping[str, str], **body: Any
    ) -> httpx.Response:
        url = f"{self._world.installation.url(service)}{path}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = client.post(url, headers=headers, **body)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code == 201:
                    return answer
                if answer.status_code not in RETRIED or time.monotonic() > deadline:
                    raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            time.sleep(0.05)


def rounds_of_killing(fleet: Fleet, rounds: int, pause: Callable[[], float], seed: int) -> list[str]:
    """Kill one service after another at random points and start each again at once; returns the order."""
    chance = random.Random(seed)  # which service dies is no secret
    killed = []
    for number in range(rounds):
        service = SERVICES[number % len(SERVICES)] if number < len(SERVICES) else chance.choice(SERVICES)
        time.sleep(pause())
        fleet.kill(service)
        killed.append(service)
        fleet.start(service)
    return killed
