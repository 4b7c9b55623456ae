"""Extracts over HTTP: issued, read, sealed, verified; what typesetting and sealing one takes of a core."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import msgspec

from bench.report import Report
from services.commands.registry import SERVICES
from services.register.adapters.seals import Seal, development_seal_key
from services.register.adapters.typesetting import Typesetter
from services.register.domain.extract import ExtractFile
from tests.journeys.world import World
from tests.postgres import running_postgres
from tests.register.api.test_extract_pdf import file, product
from tests.reliability.fleet import Writer, fleet_of
from tests.reliability.test_kill import AUTOMATIC

TIMES: Final = 100
DOCUMENTS: Final = 20
PRODUCTS: Final = (1, 10, 100)


def measure(report: Report, rounds: int) -> None:
    """Add p50 and p95 of both databases, and milliseconds a document, to `report`."""
    with running_postgres() as server:
        for kind in ("SQLite", "PostgreSQL"):
            urls = {service: server.create_database() for service in SERVICES} if kind == "PostgreSQL" else {}
            with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder), urls, AUTOMATIC) as fleet:
                world = World(fleet.installation)
                bin_ = _included(world)
                for _ in range(rounds):
                    _over_http(report, kind, world, bin_)
                world.http.close()
    for _ in range(rounds):
        _documents(report)


def _included(world: World) -> str:
    """The BIN of a producer with a product in the register, everything automatic."""
    writer = Writer(world, 0, threading.Event())
    with httpx.Client(trust_env=False, timeout=10) as client:
        bin_ = writer.next_bin()
        writer.file(client, bin_, writer.prepare(client, bin_))
    while not world.public().get("register", "/v1/entries", bin=bin_)["items"]:
        time.sleep(0.02)
    return bin_


def _over_http(report: Report, kind: str, world: World, bin_: str) -> None:
    url = f"{world.installation.url('register')}/v1/extracts"
    headers = world.as_role("industry_officer").headers()
    with httpx.Client(trust_env=False, headers=headers, timeout=10) as client:

        def issued() -> httpx.Response:
            return client.post(url, json={"producer": bin_}, headers={"Idempotency-Key": uuid4().hex})

        one = f"{url}/{issued().json()['extract_id']}"
        pdf = client.get(one, params={"format": "pdf"}).content
        text = json.dumps(client.get(one).json(), ensure_ascii=False).encode()
        ways: dict[str, Callable[[], httpx.Response]] = {
            "issued": issued,
            "read, JSON": lambda: client.get(one),
            "read, sealed PDF": lambda: client.get(one, params={"format": "pdf"}),
            "verified, JSON": lambda: _given(client, url, text, "application/json"),
            "verified, PDF": lambda: _given(client, url, pdf, "application/pdf"),
        }
        for name, way in ways.items():
            _timed(report, f"extract {name}, {kind}", way)


def _given(client: httpx.Client, url: str, content: bytes, kind: str) -> httpx.Response:
    return client.post(f"{url}/verification", content=content, headers={"Content-Type": kind})


def _timed(report: Report, name: str, way: Callable[[], httpx.Response]) -> None:
    waits = []
    for number in range(TIMES + 10):
        started = time.perf_counter()
        answer = way()
        if answer.status_code not in {200, 201}:
            raise RuntimeError(f"{name}: {answer.status_code} {answer.text[:200]}")
        if number >= 10:  # the first ones warm it up
            waits.append((time.perf_counter() - started) * 1_000)
    report.rate(f"{name}, one client", TIMES * 1_000 / sum(waits))
    waits.sort()
    report.rate(f"{name}, p50", waits[len(waits) // 2], " ms")
    report.rate(f"{name}, p95", waits[len(waits) * 95 // 100], " ms")


def _documents(report: Report) -> None:
    """Each document another one, so that no cache of the typesetter answers for it; other work counts not."""
    typesetter, now = Typesetter(), datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        seal = Seal(development_seal_key(Path(folder), now))
        for count in PRODUCTS:
            whole = file(*map(product, range(1, count + 1)))
            pdf = typesetter.pdf(whole, "kk", now)
            seal.sealed(pdf)  # loads the key
            started = time.process_time()
            for number in range(DOCUMENTS):
                pdf = typesetter.pdf(_another(whole, number), "kk", now)
            typeset = time.process_time()
            for _ in range(DOCUMENTS):
                seal.sealed(pdf)
            sealed = time.process_time()
            report.rate(
                f"typesetting {count} products", (typeset - started) * 1_000 / DOCUMENTS, " ms of CPU"
            )
            report.rate(f"sealing {count} products", (sealed - typeset) * 1_000 / DOCUMENTS, " ms of CPU")


def _another(whole: ExtractFile, number: int) -> ExtractFile:
    day = f"2026-03-{number % 28 + 1:02d}"
    content = msgspec.structs.replace(whole.content, issued_on=day, known_at=number)
    return msgspec.structs.replace(whole, number=f"{number:010d}", content=content)
