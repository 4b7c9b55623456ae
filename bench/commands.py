"""Applications filed and withdrawn over HTTP against a bare FastAPI app that inserts one row: 8 clients.

Filing is the largest command. It is measured twice: each by a producer never met, with a token never seen,
and by eight producers, a client each, that file for one product after another. A withdrawal is small, of a
caller already known.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from bench.load import request_bytes, sent
from bench.report import Report, least
from services.kernel.identity.tokens import TokenIssuer, development_issuer
from tests.journeys.life import stories
from tests.postgres import running_postgres
from tests.reliability.fleet import Fleet, application_of, bin_of, fleet_of

CLIENTS: Final = 8
REQUESTS: Final = 1_600
AIM: Final = least(0.5)
WITHDRAWN: Final = "Өтінім қайтарып алынды."
JSON: Final = {"Content-Type": "application/json"}


def measure(report: Report, rounds: int) -> None:
    """Add both databases' rates of both applications to `report`, in interleaved rounds."""
    with running_postgres() as server:
        for kind in ("PostgreSQL", "SQLite"):
            with tempfile.TemporaryDirectory() as folder:
                var = Path(folder)
                postgresql = kind == "PostgreSQL"
                urls = {"register": server.create_database()} if postgresql else {}
                bare_url = server.create_database() if postgresql else f"sqlite:///{var / 'bare.db'}"
                with (
                    fleet_of(var, urls, {}, services=("register",)) as fleet,
                    bare_app(bare_url) as bare_port,
                ):
                    _compare(report, rounds, kind, fleet, bare_port)


def _compare(report: Report, rounds: int, kind: str, fleet: Fleet, bare_port: int) -> None:
    issuer = development_issuer(fleet.installation.var)
    for number in range(rounds + 1):
        first = number * REQUESTS
        bodies = [application(bin_of(first + index)) for index in range(REQUESTS)]
        rows = [
            request_bytes("POST", f"http://127.0.0.1:{bare_port}/rows", JSON, json.dumps(body).encode())
            for body in bodies
        ]
        url = f"{fleet.installation.url('register')}/v1/applications"
        tokens = {body["producer"]["bin"]: _token(issuer, body["producer"]["bin"]) for body in bodies}
        filings = [
            request_bytes("POST", url, _headers(tokens[body["producer"]["bin"]]), json.dumps(body).encode())
            for body in bodies
        ]
        floor = sent(bare_port, rows, clients=CLIENTS, status=201)
        answers: list[bytes] = []
        port = fleet.installation.port("register")
        filed = sent(port, filings, clients=CLIENTS, status=201, answers=answers)
        withdrawals = [
            request_bytes(
                "POST",
                f"{url}/{shown['application_id']}/withdrawal",
                _headers(tokens[shown["producer"]["bin"]]),
                json.dumps({"reason": WITHDRAWN}).encode(),
            )
            for shown in map(json.loads, answers)
        ]
        withdrawn = sent(port, withdrawals, clients=CLIENTS, status=201)
        further = [
            request_bytes("POST", url, _headers(tokens[body["producer"]["bin"]]), json.dumps(body).encode())
            for body in (_further(bodies[index % CLIENTS], index) for index in range(REQUESTS))
        ]
        filed_again = sent(port, further, clients=CLIENTS, status=201)
        if number:  # the first round warms both up
            report.rate(f"bare FastAPI, one row, {kind}", floor)
            report.ratio(f"POST /v1/applications, producers never met, {kind}", filed, floor, AIM)
            report.ratio(f"POST /v1/applications, eight producers, {kind}", filed_again, floor, AIM)
            report.ratio(f"POST .../withdrawal, {kind}", withdrawn, floor, AIM)


def _further(body: dict[str, Any], number: int) -> dict[str, Any]:
    """An application of the same producer for another product."""
    names = {language: f"{name} {number}" for language, name in body["product"]["name"].items()}
    return {**body, "product": {**body["product"], "name": names}}


def _token(issuer: TokenIssuer, bin_: str) -> str:
    return issuer.token(subject=f"producer-{bin_}", roles=["producer"], producer=bin_)


def _headers(token: str) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}


def application(bin_: str) -> dict[str, Any]:
    """A full application of the producer with that BIN."""
    story = stories()["clean"]
    kinds = ["localisation_report", *(document["kind"] for document in story["documents"])]
    documents = [
        {"kind": kind, "media_type": "application/pdf", "size": 4_096, "sha256": uuid4().hex * 2}
        for kind in kinds
    ]
    return application_of(bin_, documents)


@contextmanager
def bare_app(database_url: str) -> Iterator[int]:
    """The floor, served by uvicorn in a process of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # our own module under our own interpreter
        [
            sys.executable,
            "-m",
            "uvicorn",
            "bench.bare_app:app",
            "--port",
            str(port),
            "--log-level",
            "warning",
            "--no-access-log",
        ],
        env={**os.environ, "BARE_DATABASE_URL": database_url},
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/openapi.json")
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")
