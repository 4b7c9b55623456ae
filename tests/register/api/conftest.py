"""The register over HTTP: the application in this process, its neighbour not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.testclient import TestClient

from services.kernel.clock import FixedClock, set_simulated_clock
from services.kernel.identity.tokens import TokenIssuer, development_issuer
from services.register.api.forms import ApplicationForm
from services.register.main import create_app
from services.register.settings import RegisterSettings
from tests.personal import keyed
from tests.prepared import migrate
from tests.register.desk import Desk
from tests.register.given import BIN, NOON

NOBODY = "http://127.0.0.1:9"


def body(**changes: Any) -> dict[str, Any]:
    """The form that the API shows as its example, for the usual producer."""
    extra: Any = ApplicationForm.model_config["json_schema_extra"]
    example: dict[str, Any] = extra["examples"][0]
    return {**example, "producer": {**example["producer"], "bin": BIN}, **changes}


@dataclass
class Api:
    """A client with tokens for every role, and the register behind it."""

    client: TestClient
    issuer: TokenIssuer
    desk: Desk

    def headers(self, role: str | None, producer: str | None = None) -> dict[str, str]:
        if role is None:
            return {}
        number = producer or (BIN if role == "producer" else None)
        token = self.issuer.token(subject=f"{role}-{number}", roles=[role], producer=number)
        return {"Authorization": f"Bearer {token}"}

    def get(
        self,
        path: str,
        role: str | None = None,
        producer: str | None = None,
        headers: Any = None,
        **query: Any,
    ) -> httpx2.Response:
        given = {**self.headers(role, producer), **(headers or {})}
        return self.client.get(path, headers=given, params=query)

    def post(  # one keyword for each thing that a test varies
        self,
        path: str,
        json: Any = None,
        role: str | None = "producer",
        producer: str | None = None,
        key: str | None = None,
        if_match: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        given = {**self.headers(role, producer), "Idempotency-Key": key or uuid4().hex, **(headers or {})}
        if if_match is not None:
            given["If-Match"] = if_match
        return self.client.post(path, json={} if json is None else json, headers=given)

    def raw(self, path: str, content: bytes, **headers: str) -> httpx2.Response:
        given = {
            **self.headers("producer"),
            "Idempotency-Key": uuid4().hex,
            "Content-Type": "application/json",
            **headers,
        }
        return self.client.post(path, content=content, headers=given)

    def second(self) -> dict[str, str]:
        """The headers of another industry officer than `headers` names."""
        token = self.issuer.token(subject="another officer", roles=["industry_officer"], producer=None)
        return {"Authorization": f"Bearer {token}"}

    def filed(self, **changes: Any) -> dict[str, Any]:
        answer = self.post("/v1/applications", body(**changes))
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def head(self) -> int:
        return self.desk.journal.head()


def serve(url: str, var: Path, **settings: Any) -> Iterator[Api]:
    database = keyed(url)
    migrate("register", database)
    database.close()
    set_simulated_clock(var / "clock.json", NOON)
    made = RegisterSettings(var=var, database_url=url, verification_url=NOBODY, _env_file=None, **settings)
    app = create_app(made)
    with TestClient(app, raise_server_exceptions=False) as client:
        desk = Desk(app.state.journal, made.procedure(), FixedClock(NOON))
        yield Api(client, development_issuer(var), desk)


@pytest.fixture
def api(sqlite_url: str, tmp_path: Path) -> Iterator[Api]:
    """The register on SQLite, every step waiting for an officer."""
    yield from serve(sqlite_url, tmp_path)


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """The register on each database, every step waiting for an officer."""
    yield from serve(database_url, tmp_path)


@pytest.fixture
def quick(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """The register on each database, no step waiting for an officer."""
    steps = ["review", "exclusion", "reinstatement", "own_request"]
    yield from serve(database_url, tmp_path, automatic=steps)
