"""Explaining a decision over HTTP, as JSON and as a page, beside reading the same case."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import httpx

from bench.report import Report
from services.commands.registry import SERVICES
from tests.journeys.world import World
from tests.postgres import running_postgres
from tests.reliability.fleet import Writer, fleet_of
from tests.reliability.test_kill import AUTOMATIC

READS: Final = 300
WAYS: Final = {
    "case read": ("", "application/json"),
    "explained, JSON": ("/explanation", "application/json"),
    "explained, page": ("/explanation", "text/html"),
}


def measure(report: Report, rounds: int) -> None:
    """Add p50 and p95 of both databases to `report`."""
    with running_postgres() as server:
        for kind in ("SQLite", "PostgreSQL"):
            urls = {service: server.create_database() for service in SERVICES} if kind == "PostgreSQL" else {}
            with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder), urls, AUTOMATIC) as fleet:
                world = World(fleet.installation)
                case = _decided(world)
                for _ in range(rounds):
                    for name, (path, media_type) in WAYS.items():
                        _reads(report, f"{name}, {kind}", world, f"{case}{path}", media_type)
                world.http.close()


def _decided(world: World) -> str:
    """The URL of a concluded case, everything automatic."""
    writer = Writer(world, 0, threading.Event())
    with httpx.Client(trust_env=False, timeout=10) as client:
        bin_ = writer.next_bin()
        writer.file(client, bin_, writer.prepare(client, bin_))
    officer = world.as_role("informatization_officer")
    while not (found := officer.get("verification", "/v1/cases", state="concluded")["items"]):
        time.sleep(0.02)
    return f"{world.installation.url('verification')}/v1/cases/{found[0]['case_id']}"


def _reads(report: Report, name: str, world: World, url: str, media_type: str) -> None:
    waits = []
    headers = {**world.as_role("informatization_officer").headers(), "Accept": media_type}
    with httpx.Client(trust_env=False, headers=headers) as client:
        for number in range(READS + 20):
            started = time.perf_counter()
            answer = client.get(url)
            if answer.status_code != httpx.codes.OK:
                raise RuntimeError(f"{url}: {answer.status_code} {answer.text[:200]}")
            if number >= 20:  # the first ones warm it up
                waits.append((time.perf_counter() - started) * 1_000)
    waits.sort()
    report.rate(f"{name}, p50", waits[len(waits) // 2], " ms")
    report.rate(f"{name}, p95", waits[len(waits) * 95 // 100], " ms")
