"""A monitoring round over many entries on PostgreSQL, and what requests wait meanwhile.

ROUND_ENTRIES sets how many entries (100,000). One serving process with its workers inside, as `make up` runs
it; the readers and commanders of this process share the machine with it and with PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.load import answer_of, request_bytes
from bench.report import Report, most
from services.kernel.clock import FixedClock
from services.kernel.migrating import upgrade
from services.verification.adapters.documents import DocumentStore
from services.verification.domain.judgement import rule_book
from services.verification.journal import open_journal
from services.verification.usecases.practice import Practice
from tests.journeys.world import Person, World
from tests.personal import keyed
from tests.postgres import running_postgres
from tests.reliability.fleet import fleet_of
from tests.verification.crowd import included_crowd

ENTRIES: Final = int(os.environ.get("ROUND_ENTRIES", "100000"))
MARCH: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
APRIL: Final = datetime(2026, 4, 1, 7, 0, tzinfo=UTC)
IDLE_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.02
OFFICERS_ONLY: Final = {"TIZILIM_VERIFICATION_ROUNDS_OPEN_THEMSELVES": "false"}


def measure(report: Report, _rounds: int) -> None:
    """Add the opening's seconds and rate, and the latencies idle and meanwhile, to `report`."""
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create_database()
        started = time.perf_counter()
        known = seeded(url, Path(folder))
        report.rate("entries seeded", ENTRIES / (time.perf_counter() - started))
        with fleet_of(
            Path(folder), {"verification": url}, OFFICERS_ONLY, services=("verification",)
        ) as fleet:
            world = World(fleet.installation)
            world.set_clock(APRIL)
            _opening(report, world, known)
            world.http.close()


def _opening(report: Report, world: World, known: Sequence[str]) -> None:
    asked = Asked(world, known)
    idle_until = time.monotonic() + IDLE_SECONDS
    _told(report, "idle", asked.latencies(lambda: time.monotonic() > idle_until))
    officer = world.as_role("informatization_officer")
    opened = _Opened(officer)
    opened.start()
    _told(report, "meanwhile", asked.latencies(opened.is_over))
    opened.join()
    report.rate(f"a round over {ENTRIES:,} entries opens in", opened.seconds, " s", most(120))
    report.rate("cases opened", ENTRIES / opened.seconds)


class _Opened(threading.Thread):
    """Opens the round and watches its progress until every entry has its case."""

    def __init__(self, officer: Person) -> None:
        super().__init__(daemon=True)
        self._officer = officer
        self._over = threading.Event()
        self.seconds = 0.0

    def run(self) -> None:
        started = time.perf_counter()
        try:
            self._officer.done("verification", "/v1/monitoring-rounds", {"quarter": "2026-Q1"})
            while self._shown()["opened"] < ENTRIES:
                time.sleep(0.25)
            self.seconds = time.perf_counter() - started
        finally:
            self._over.set()

    def _shown(self) -> Any:
        return self._officer.get("verification", "/v1/monitoring-rounds/2026-Q1")

    def is_over(self) -> bool:
        """True once all cases are open."""
        return self._over.is_set()


# --- requests ----------------------------------------------------------------------------------------


@dataclass
class Latencies:
    """Milliseconds of every answer, by what was asked."""

    milliseconds: dict[str, list[float]] = field(
        default_factory=lambda: {"a case read": [], "a page of cases read": [], "a product listed": []}
    )


class Asked:
    """Two readers and a commander, each asking again a fiftieth of a second after its last answer."""

    def __init__(self, world: World, known: Sequence[str]) -> None:
        self._url = world.installation.url("verification")
        self._port = world.installation.port("verification")
        self._officer = world.as_role("informatization_officer")
        self._known = known

    def latencies(self, is_over: Callable[[], bool]) -> Latencies:
        """Ask until it is over; how long each answer took."""
        found = Latencies()
        asyncio.run(self._all(found, is_over))
        return found

    async def _all(self, found: Latencies, is_over: Callable[[], bool]) -> None:
        makers = {
            "a case read": self._case,
            "a page of cases read": self._page,
            "a product listed": self._listing,
        }
        await asyncio.gather(
            *(self._one(make, found.milliseconds[what], is_over) for what, make in makers.items())
        )

    async def _one(
        self, make: Callable[[int], bytes], taken: list[float], is_over: Callable[[], bool]
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        number = 0
        while not is_over():
            request = make(number)
            started = time.perf_counter()
            writer.write(request)
            head, body = await answer_of(reader)
            taken.append((time.perf_counter() - started) * 1_000)
            if not head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 201 ")):
                raise RuntimeError(f"unexpected answer: {head[:200]!r} {body[:500]!r}")
            number += 1
            await asyncio.sleep(PAUSE_SECONDS)
        writer.close()

    def _case(self, number: int) -> bytes:
        case_id = self._known[number * 7_919 % len(self._known)]
        return request_bytes("GET", f"{self._url}/v1/cases/{case_id}", self._officer.headers())

    def _page(self, _number: int) -> bytes:
        return request_bytes("GET", f"{self._url}/v1/cases?state=open", self._officer.headers())

    def _listing(self, _number: int) -> bytes:
        body = {
            "reference": uuid4().hex,
            "product_name": {"kk": "Өнім", "ru": "Продукт"},
            "holder": "181240006529",
            "listed_on": "2026-03-02",
        }
        headers = {
            **self._officer.headers(),
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        }
        return request_bytes("POST", f"{self._url}/v1/trusted-software", headers, json.dumps(body).encode())


def _told(report: Report, when: str, latencies: Latencies) -> None:
    for what, taken in latencies.milliseconds.items():
        taken.sort()
        report.rate(f"{what}, {when}, p50", taken[len(taken) // 2], " ms")
        report.rate(f"{what}, {when}, p95", taken[len(taken) * 95 // 100], " ms")


def seeded(url: str, folder: Path) -> list[str]:
    """The entries of the round; returns the ids of the cases their applications opened."""
    database = keyed(url)
    upgrade("verification", database)
    clock = FixedClock(MARCH)
    journal = open_journal(database, clock)
    practice = Practice(clock, DocumentStore(folder / "documents", database), rule_book())
    crowd = included_crowd(journal, practice, ENTRIES)
    journal.close()
    return [member.case_id for member in crowd]
