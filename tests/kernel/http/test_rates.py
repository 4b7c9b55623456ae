"""One caller's haste is its own: it is told when to come back, and nobody else waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from services.commands.registry import SERVICES, application_of, settings_of
from services.kernel.http.context import RequestContext
from services.kernel.http.problems import ProblemCatalogue
from services.kernel.http.rates import Buckets, Rate, RateLimit
from services.kernel.identity.tokens import TokenIssuer, TokenVerifier, development_issuer

RATE = Rate(per_second=2, burst=3)


class Clock:
    """Seconds that stand until they are moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Door:
    """The edge's limit around an application that answers 204 to everything."""

    def __init__(self, issuer: TokenIssuer, rate: Rate) -> None:
        self.issuer = issuer
        self.clock = Clock()
        self._limit = RateLimit(
            rate,
            TokenVerifier({issuer.issuer: issuer.public_keys()}, audiences=["urn:tizilim:register"]),
            clock=self.clock,
        )

    def ask(
        self,
        subject: str | None = None,
        *,
        role: str = "producer",
        address: str = "192.0.2.1",
        path: str = "/x",
    ) -> Any:
        async def through(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        app = RequestContext(through, service="test", catalogue=ProblemCatalogue(), rates=self._limit)
        headers = {"Accept-Language": "en"}
        if subject is not None:
            token = "forged" if subject == "forged" else self.issuer.token(subject=subject, roles=[role])
            headers["Authorization"] = f"Bearer {token}"
        return TestClient(app, client=(address, 1)).get(path, headers=headers)

    def statuses(self, times: int, subject: str | None = None, **given: Any) -> list[int]:
        return [self.ask(subject, **given).status_code for _ in range(times)]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(development_issuer(tmp_path), RATE)


def test_a_burst_passes_and_what_is_beyond_it_is_told_when_to_come_back(door: Door) -> None:
    assert door.statuses(3, "a") == [204, 204, 204]
    refused = door.ask("a")
    assert refused.status_code == 429
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_requests"
    assert refused.json()["title"] == "Too many requests"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Policy"] == '"caller";q=3;w=2'
    assert refused.headers["RateLimit"] == '"caller";r=0;t=1'
    assert refused.headers["Request-Id"] in refused.json()["instance"]


def test_who_waits_as_told_passes_and_refusals_cost_nothing(door: Door) -> None:
    door.statuses(3, "a")
    assert door.statuses(5, "a") == [429] * 5
    door.clock.now += 0.5
    assert door.statuses(2, "a") == [204, 429]
    door.clock.now += 60
    assert door.statuses(4, "a") == [204, 204, 204, 429]


def test_a_caller_is_its_principal_wherever_it_comes_from_and_whatever_token_it_shows(door: Door) -> None:
    assert door.statuses(2, "a", address="192.0.2.1") == [204, 204]
    assert door.statuses(2, "a", address="192.0.2.2") == [204, 429]
    assert door.statuses(1, "b", address="192.0.2.1") == [204]


def test_without_a_token_that_holds_a_caller_is_its_address(door: Door) -> None:
    assert door.statuses(2) == [204, 204]
    assert door.statuses(2, "forged") == [204, 429]
    assert door.statuses(1, address="192.0.2.2") == [204]
    assert door.statuses(1, "a") == [204]


def test_one_network_of_ipv6_is_one_caller(door: Door) -> None:
    assert door.statuses(3, address="2001:db8::1") == [204] * 3
    assert door.statuses(1, address="2001:db8::ffff:1") == [429]
    assert door.statuses(1, address="2001:db8:0:1::1") == [204]


def test_ipv4_clients_of_an_ipv6_socket_are_callers_of_their_own(door: Door) -> None:
    """A dual-stack socket names them `::ffff:192.0.2.1`."""
    assert door.statuses(4, address="::ffff:192.0.2.1") == [204, 204, 204, 429]
    assert door.statuses(1, address="192.0.2.1") == [429]
    assert door.statuses(1, address="::ffff:192.0.2.2") == [204]


def test_the_services_themselves_and_the_sign_of_life_have_no_limit(door: Door) -> None:
    assert door.statuses(20, "register", role="service") == [204] * 20
    assert door.statuses(20, path="/healthz") == [204] * 20


def test_no_rate_is_no_limit(tmp_path: Path) -> None:
    door = Door(development_issuer(tmp_path), Rate(per_second=0, burst=1))
    assert door.statuses(20) == [204] * 20


def test_memory_is_bounded_and_the_caller_heard_of_longest_ago_is_forgotten() -> None:
    buckets = Buckets(Rate(per_second=1, burst=1), size=100)
    buckets.take("busy", 0.0)
    for number in range(1_000):
        buckets.take(f"caller-{number}", 0.0)
        assert buckets.take("busy", 0.0) > 0
    assert len(buckets) <= 101
    assert buckets.take("caller-0", 0.0) == 0.0


@given(
    per_second=st.floats(0.1, 1_000),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 10), min_size=1, max_size=60),
)
def test_in_no_span_of_time_does_more_than_burst_and_rate_pass(
    per_second: float, burst: int, pauses: list[float]
) -> None:
    buckets = Buckets(Rate(per_second, burst))
    now, passed = 1_000_000.0, []
    for pause in pauses:
        now += pause
        wait = buckets.take("a", now)
        if wait == 0.0:
            passed.append(now)
        else:
            assert wait <= 1 / per_second + 1e-5
            assert buckets.take("a", now + wait + 1e-5) == 0.0
            now += wait + 1e-5
            passed.append(now)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - start) * per_second + 1e-3


@pytest.fixture(params=SERVICES)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> TestClient:
    settings = settings_of(request.param, var=tmp_path, rate_per_second=0.001, rate_burst=1, _env_file=None)
    return TestClient(application_of(request.param, settings), raise_server_exceptions=False)


def test_every_service_limits_by_its_settings_and_says_so_in_its_openapi(client: TestClient) -> None:
    first = client.get("/problems/too_many_requests")
    assert first.status_code == 200
    assert client.get("/problems/too_many_requests").status_code == 429
    document = client.app.openapi()  # type: ignore[attr-defined]  # the application is FastAPI's
    for methods in document["paths"].values():
        for operation in methods.values():
            if operation["operationId"] == "is_alive":
                assert "429" not in operation["responses"]
                continue
            assert set(operation["responses"]["429"]["headers"]) == {
                "Retry-After",
                "RateLimit-Policy",
                "RateLimit",
            }
