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
from bench.report import Report
from services.kernel.clock import FixedClock
from services.kernel.contract import DocumentRef, OfficialText, ProducerRef
from services.kernel.database import Database
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance, new_event_id, new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.kernel.migrating import upgrade
from services.verification.adapters.documents import DocumentStore
from services.verification.contract.events import CaseOpened
from services.verification.domain.judgement import rule_book
from services.verification.journal import open_journal
from services.verification.projections import included_entries
from services.verification.projections.included_entries import Filing, IncludedEntry, Inclusion
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.practice import Practice
from tests.journeys.world import Person, World
from tests.postgres import running_postgres
from tests.reliability.fleet import bin_of, fleet_of

ENTRIES: Final = int(os.environ.get("ROUND_ENTRIES", "100000"))
MARCH: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
APRIL: Final = datetime(2026, 4, 1, 7, 0, tzinfo=UTC)
IDLE_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.02
SEEDED_A_UNIT: Final = 500
KINDS: Final = (
    "localisation_report",
    "contracts",
    "development_order",
    "terms_of_reference",
    "commissioning_order",
    "copyright_certificate",
    "developers_list",
)
OFFICERS_ONLY: Final = {"TIZILIM_VERIFICATION_ROUNDS_OPEN_THEMSELVES": "false"}


def measure(report: Report, _rounds: int) -> None:
    """Add the opening's seconds and rate, and the latencies idle and meanwhile, to `report`."""
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create_database()
        started = time.perf_counter()
        known = seeded(url, Path(folder), ENTRIES)
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
    report.rate(f"a round over {ENTRIES:,} entries opens in", opened.seconds, " s")
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


# --- entries -----------------------------------------------------------------------------------------


def seeded(url: str, folder: Path, count: int) -> list[str]:
    """Entries as the inbox leaves them: a case opened for each application, a period of inclusion begun.

    Through the service's own units of work, hundreds to a unit; returns the ids of the cases.
    """
    database = Database(url)
    upgrade("verification", database)
    clock = FixedClock(MARCH)
    journal = open_journal(database, clock)
    practice = Practice(clock, DocumentStore(folder / "documents", database), rule_book())
    cases: list[str] = []
    for first in range(0, count, SEEDED_A_UNIT):
        cases += _seed(journal, practice, range(first, min(count, first + SEEDED_A_UNIT)))
    journal.close()
    return cases


def _seed(journal: Journal, practice: Practice, numbers: range) -> list[str]:
    def decide(work: Work) -> list[str]:
        act = Act(MARCH, Provenance(actor="system:seed", decided_by="automatic", correlation_id=uuid4().hex))
        opened = []
        for number in numbers:
            case = begin_case(practice, act, _application(number))
            work.save(case)
            work.write(included_entries.begin(_entry(case.opened), Inclusion(new_event_id(), "2026-03-02")))
            opened.append(str(case.id))
        return opened

    return journal.transact(decide).result or []


def _application(number: int) -> CaseOpened:
    producer = ProducerRef(
        producer_id=str(new_stream_id()),
        kind="legal_entity",
        bin=bin_of(number % 100_000),
        name=OfficialText(kk=f"«Дала {number}» ЖШС", ru=f"ТОО «Дала {number}»"),
    )
    documents = tuple(
        DocumentRef(kind=kind, media_type="application/pdf", size=4_096, sha256=uuid4().hex * 2)
        for kind in KINDS
    )
    return CaseOpened(
        case_id="",
        kind="confirmation",
        producer=producer,
        product_id=str(new_stream_id()),
        product_name=OfficialText(kk=f"Өнім {number}", ru=f"Продукт {number}"),
        legal_date="2026-03-02",
        language="kk",
        application_id=str(new_stream_id()),
        reporting_year=2025,
        filed_on="2026-03-02",
        documents=documents,
    )


def _entry(opened: CaseOpened) -> IncludedEntry:
    filing = Filing(
        application_id=opened.application_id or "",
        filed_on="2026-03-02",
        reporting_year=2025,
        language="kk",
        documents=opened.documents,
    )
    return IncludedEntry(
        entry_id=opened.product_id,
        producer=opened.producer,
        product_name=opened.product_name,
        filing=filing,
    )
