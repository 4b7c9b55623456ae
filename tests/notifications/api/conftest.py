"""The notifications service over HTTP: the application in this process, its neighbours not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.testclient import TestClient

from services.kernel.clock import FixedClock, set_simulated_clock
from services.kernel.identity.tokens import TokenIssuer, development_issuer
from services.notifications.adapters.sealing import secret_box
from services.notifications.domain.endpoint import PRODUCTION_URLS
from services.notifications.main import create_app
from services.notifications.schema import (
    DELIVERIES,
    EVENTS,
    IDEMPOTENCY_KEYS,
    MESSAGES,
    RECEIPTS,
    SUBSCRIPTIONS,
)
from services.notifications.settings import NotificationsSettings
from tests.notifications.given import BIN, filed, producer
from tests.notifications.office import NOON, Office
from tests.personal import keyed
from tests.prepared import migrate

HOOK = "https://hooks.example.kz/register"


@dataclass
class Api:
    """A client with tokens for every role, and the service's tables behind it; nothing is delivered."""

    client: TestClient
    issuer: TokenIssuer
    office: Office

    def headers(self, role: str | None, who: str = "a", number: str | None = None) -> dict[str, str]:
        if role is None:
            return {}
        number = number or (BIN if role == "producer" else None)
        token = self.issuer.token(subject=f"{role}-{who}-{number}", roles=[role], producer=number)
        return {"Authorization": f"Bearer {token}"}

    def get(
        self, path: str, role: str | None = "integrator", who: str = "a", **given: Any
    ) -> httpx2.Response:
        headers = {**self.headers(role, who, given.pop("number", None)), **given.pop("headers", {})}
        return self.client.get(path, headers=headers, params=given)

    def post(  # one keyword for each thing that a test varies
        self,
        path: str,
        json: Any = None,
        role: str | None = "integrator",
        who: str = "a",
        key: str | None = None,
        number: str | None = None,
    ) -> httpx2.Response:
        headers = {**self.headers(role, who, number), "Idempotency-Key": key or uuid4().hex}
        return self.client.post(path, json={} if json is None else json, headers=headers)

    def delete(self, path: str, who: str = "a", key: str | None = None) -> httpx2.Response:
        headers = {**self.headers("integrator", who), "Idempotency-Key": key or uuid4().hex}
        return self.client.delete(path, headers=headers)

    def change(  # one keyword for each thing that a test varies
        self,
        subscription: dict[str, Any],
        rest: str = "",
        json: Any = None,
        who: str = "a",
        key: str | None = None,
        version: str | None = None,
    ) -> httpx2.Response:
        """PATCH the subscription, or POST to what is below it, on the version it was shown with."""
        path = f"/v1/subscriptions/{subscription['subscription_id']}{rest}"
        headers = {
            **self.headers("integrator", who),
            "Idempotency-Key": key or uuid4().hex,
            "If-Match": version or f'"{subscription["version"]}"',
        }
        given = {"headers": headers} if json is None else {"headers": headers, "json": json}
        return self.client.request("POST" if rest else "PATCH", path, **given)

    def subscribed(self, who: str = "a", **body: Any) -> dict[str, Any]:
        answer = self.post("/v1/subscriptions", {"url": HOOK, **body}, who=who)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def told(self, number: str = BIN, count: int = 1) -> list[str]:
        """Put messages into an account; returns their ids, oldest first."""
        for _ in range(count):
            self.office.register.publish(filed(producer(number)))
        self.office.follow()
        return [row["message_id"] for row in self.office.rows(MESSAGES, recipient=number)]

    def stored(self) -> tuple[int, ...]:
        """How many rows each table that a request can write to has."""
        tables = (SUBSCRIPTIONS, DELIVERIES, EVENTS, MESSAGES, RECEIPTS, IDEMPOTENCY_KEYS)
        return tuple(len(self.office.rows(table)) for table in tables)


def refused(api: Api, answer: Any, status: int, code: str, before: tuple[int, ...]) -> dict[str, Any]:
    """The problem document, after making sure of its form and that nothing was stored."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["code"], problem["type"]) == (code, f"/problems/{code}")
    assert problem["title"]
    assert api.stored() == before
    return problem


def serve(url: str, var: Path) -> Iterator[Api]:
    """The service, accepting the endpoints that production accepts."""
    database = keyed(url)
    migrate("notifications", database)
    set_simulated_clock(var / "clock.json", NOON)
    settings = NotificationsSettings(var=var, database_url=url, workers="separate", _env_file=None)
    app = create_app(settings)
    app.state.desk = replace(app.state.desk, urls=PRODUCTION_URLS)
    office = Office(database, FixedClock(NOON), secret_box(None, var))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Api(client, development_issuer(var), office)
    database.close()


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """The service on each database."""
    yield from serve(database_url, tmp_path)


@pytest.fixture
def embedded(sqlite_url: str, tmp_path: Path) -> Iterator[Api]:
    """The service on SQLite, for what is refused before any store is asked."""
    yield from serve(sqlite_url, tmp_path)
