"""A running installation: from application to webhook, the feed, and the replay of all read models."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import httpx

from bench.report import Report, least, most
from services.commands.demo_receiver import Endpoint, listening
from services.commands.registry import SERVICES, database_of
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.journal.rebuilding import rebuild_read_models
from services.register.journal import open_journal as open_register
from services.verification.journal import open_journal as open_verification
from tests.journeys.world import World
from tests.postgres import running_postgres
from tests.reliability.fleet import Writer, fleet_of
from tests.reliability.test_kill import AUTOMATIC, INCLUDED, subscribed

LIVES: Final = 60
CROWD: Final = 600
OPEN: Final = {"register": open_register, "verification": open_verification}


def measure(report: Report, rounds: int) -> None:
    """Add the latency, feed and replay figures of both databases to `report`."""
    with running_postgres() as server:
        for kind in ("SQLite", "PostgreSQL"):
            urls = {service: server.create_database() for service in SERVICES} if kind == "PostgreSQL" else {}
            with tempfile.TemporaryDirectory() as folder:
                var = Path(folder)
                with fleet_of(var, urls, AUTOMATIC) as fleet, listening() as endpoint:
                    world = World(fleet.installation)
                    _latency(report, kind, world, endpoint)
                    _crowd(world)
                    for _ in range(rounds):
                        _feed(report, kind, world)
                    world.http.close()
                for _ in range(rounds):
                    _replay(report, kind, var, urls)


def _latency(report: Report, kind: str, world: World, endpoint: Endpoint) -> None:
    """From sending an application to the arrival of its product's inclusion, everything automatic."""
    subscribed(world, endpoint)
    writer = Writer(world, 0, threading.Event())
    waits = []
    with httpx.Client(trust_env=False, timeout=10) as client:
        for number in range(LIVES):
            already = len(endpoint.arrived(INCLUDED))
            bin_ = writer.next_bin()
            application = writer.prepare(client, bin_)
            started = time.perf_counter()
            writer.file(client, bin_, application)
            while len(endpoint.arrived(INCLUDED)) == already:
                time.sleep(0.001)
            if number >= LIVES // 6:  # the first ones warm everything up
                waits.append((time.perf_counter() - started) * 1_000)
    waits.sort()
    report.rate(f"application to webhook, p50, {kind}", waits[len(waits) // 2], " ms", most(150))
    report.rate(f"application to webhook, p95, {kind}", waits[len(waits) * 95 // 100], " ms")


def _crowd(world: World) -> None:
    """Enough lives for a journal worth reading."""
    stopping = threading.Event()
    writers = [Writer(world, number * 10_000, stopping) for number in range(1, 5)]
    for writer in writers:
        writer.start()
    while sum(len(writer.acknowledged.applications) for writer in writers) < CROWD:
        if any(writer.trouble for writer in writers):
            raise RuntimeError(f"a writer failed: {[writer.trouble for writer in writers]}")
        time.sleep(0.2)
    stopping.set()
    for writer in writers:
        writer.join()
    applications = [one for writer in writers for one in writer.acknowledged.applications]
    officer = world.as_role("industry_officer")
    world.eventually(
        lambda: (
            officer.get("register", f"/v1/applications/{applications[-1]}")["status"] == "included" or None
        ),
        "the crowd's inclusion",
        patience=300,
    )


def _feed(report: Report, kind: str, world: World) -> None:
    """The whole register journal in pages of 1,000, as an auditor's client reads it."""
    headers = world.as_role("auditor").headers()
    url = f"{world.installation.url('register')}/v1/journal/events"
    position, started = 0, time.perf_counter()
    with httpx.Client(trust_env=False, headers=headers) as client:
        while True:
            page: dict[str, Any] = client.get(url, params={"after": position, "limit": 1_000}).json()
            if not page["events"]:
                break
            position = page["events"][-1]["position"]
    report.rate(f"feed, events read over HTTP, {kind}", position / (time.perf_counter() - started))


def _replay(report: Report, kind: str, var: Path, urls: dict[str, str]) -> None:
    """Every read model of both journals, emptied and folded again."""
    events, seconds = 0, 0.0
    for service, open_journal in OPEN.items():
        database = Database(urls[service]) if urls else database_of(service, var)
        journal = open_journal(database, SystemClock())
        started = time.perf_counter()
        events += rebuild_read_models(journal)
        seconds += time.perf_counter() - started
        journal.close()
        database.close()
    report.rate(f"replay of all read models, {kind}", events / seconds, aim=least(25_000))
