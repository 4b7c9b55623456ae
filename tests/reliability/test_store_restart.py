"""A PostgreSQL that ends its connections: reads go on, commands are answered or may be sent again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from starlette.testclient import TestClient

from services.commands.registry import SERVICES
from services.kernel.identity.tokens import TokenIssuer, development_issuer
from services.register.api.forms import ApplicationForm
from tests.contract.apps import A_BIN, served
from tests.postgres import PostgresServer
from tests.prepared import copied_postgres

AN_ID = "0191f3c0-0000-7000-8000-000000000000"
PATIENCE = 20


def _application() -> dict[str, Any]:
    extra: Any = ApplicationForm.model_config["json_schema_extra"]
    example: dict[str, Any] = extra["examples"][0]
    return {**example, "producer": {**example["producer"], "bin": A_BIN}, "product": _product(example)}


def _product(example: dict[str, Any]) -> dict[str, Any]:
    name = uuid4().hex
    return {**example["product"], "name": {"kk": name, "ru": name}}


def _listing() -> dict[str, Any]:
    name = uuid4().hex
    named = {"reference": name[:20], "product_name": {"kk": name, "ru": name}}
    return {**named, "holder": A_BIN, "listed_on": "2025-11-10"}


COMMANDS: dict[str, tuple[str, str, Any]] = {
    "register": ("producer", "/v1/applications", _application),
    "verification": ("informatization_officer", "/v1/trusted-software", _listing),
    "notifications": (
        "integrator",
        "/v1/subscriptions",
        lambda: {"url": "https://hooks.example.kz/register"},
    ),
}
"""Of each service a command that records or stores something: role, path and a new body."""


@dataclass
class Served:
    """One service on PostgreSQL, and the server's way of ending its connections."""

    service: str
    client: TestClient
    document: dict[str, Any]
    issuer: TokenIssuer
    server: PostgresServer
    database: str

    def headers(self, role: str) -> dict[str, str]:
        if role == "public":
            return {}
        number = A_BIN if role == "producer" else None
        return {"Authorization": f"Bearer {self.issuer.token(subject=role, roles=[role], producer=number)}"}

    def end_connections(self) -> int:
        """End every connection to the service's database, as a restart does."""
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            ended = connection.execute(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s",
                [self.database],
            ).fetchone()
        assert ended is not None
        return int(ended[0])

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Within, the server takes no connection to the service's database."""
        name = sql.Identifier(self.database)
        self.server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        self.end_connections()
        try:
            yield
        finally:
            self.server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))

    def reads(self) -> list[tuple[str, str]]:
        """Role and path of every read that asks the store, of an id that is not there where it has one."""
        return [
            (operation["x-roles"][0], re.sub(r"\{[^}]+\}", AN_ID, path))
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if method == "get" and path.startswith("/v1/") and "/log/" not in path  # which are files
        ]

    def read(self, role: str, path: str) -> httpx2.Response:
        return self.client.get(path, headers=self.headers(role))

    def command(self, key: str, body: Any) -> httpx2.Response:
        role, path, _new = COMMANDS[self.service]
        return self.client.post(path, json=body, headers={**self.headers(role), "Idempotency-Key": key})

    def fill_pool(self) -> None:
        """Have several connections open, so that more than one is found ended."""
        role, path = next((role, path) for role, path in self.reads() if AN_ID not in path)
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda _: self.read(role, path), range(12)))


@pytest.fixture(scope="module", params=SERVICES)
def running(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    var = tmp_path_factory.mktemp(request.param)
    url = copied_postgres(postgres_server, request.param)
    with served(request.param, var, url) as (app, client):
        name = sa.make_url(url).database
        assert name is not None
        issuer = development_issuer(var)
        yield Served(request.param, client, app.openapi(), issuer, postgres_server, name)
    postgres_server.drop_database(url)


def test_the_first_read_after_a_restart_is_answered_as_before(running: Served) -> None:
    before = {(role, path): running.read(role, path).status_code for role, path in running.reads()}
    asking = {read: status for read, status in before.items() if status in {200, 404}}
    assert len(asking) > len(before) / 2
    for (role, path), status in asking.items():
        running.end_connections()
        answer = running.read(role, path)
        assert answer.status_code == status, f"{role} {path}: {answer.text}"


def test_a_command_after_a_restart_is_done_or_told_to_be_sent_again(running: Served) -> None:
    _role, _path, new = COMMANDS[running.service]
    for _ in range(2):
        running.fill_pool()
        assert running.end_connections() > 1
        key, body = uuid4().hex, new()
        answer = running.command(key, body)
        if running.service == "notifications" and answer.status_code != 201:  # it writes without a journal
            assert_may_be_sent_again(answer)
            answer = running.command(key, body)
        assert answer.status_code == 201, answer.text


def test_while_the_store_takes_nobody_each_answer_says_to_ask_again(running: Served) -> None:
    _role, _path, new = COMMANDS[running.service]
    reads, key, body = running.reads(), uuid4().hex, new()
    answered = [running.read(*read).status_code for read in reads]
    with running.closed():
        answers = [running.read(*read) for read in reads]
        assert_may_be_sent_again(running.command(key, body))
        health = running.client.get("/readyz")
    for status, answer in zip(answered, answers, strict=True):
        if answer.status_code != status:
            assert_may_be_sent_again(answer)
    assert sum(answer.status_code == 503 for answer in answers) > len(reads) / 3
    assert health.status_code == 503
    assert [running.read(*read).status_code for read in reads] == answered
    assert running.command(key, body).status_code == 201


def test_under_load_each_answer_is_right_or_says_to_ask_again(running: Served) -> None:
    _role, _path, new = COMMANDS[running.service]
    over = threading.Event()
    ended = 0

    def reading(number: int) -> list[httpx2.Response]:
        found = []
        while not over.is_set():
            role, path = running.reads()[number % len(running.reads())]
            found.append(running.read(role, path))
            number += 3
        return found

    def commanding() -> list[tuple[str, Any, httpx2.Response]]:
        found = []
        while not over.is_set():
            key, body = uuid4().hex, new()
            found.append((key, body, running.command(key, body)))
        return found

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(reading, number) for number in range(2)]
        writers = [threads.submit(commanding) for _ in range(2)]
        for _ in range(4):
            ended += running.end_connections()
            time.sleep(0.05)
        over.set()
    assert ended > 4
    for answer in (answer for reader in readers for answer in reader.result(PATIENCE)):
        if answer.status_code not in {200, 404, 422}:
            assert_may_be_sent_again(answer)
    for key, body, answer in (one for writer in writers for one in writer.result(PATIENCE)):
        if answer.status_code != 201:
            assert_may_be_sent_again(answer)
            assert running.command(key, body).status_code == 201
        else:
            once = {name: value for name, value in answer.json().items() if name != "secret"}
            assert running.command(key, body).json() == once


def assert_may_be_sent_again(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "psycopg" not in answer.text
