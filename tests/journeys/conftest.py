"""Installations as journeys need them: everything automatic or by officers, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.journeys.world import SERVICES, World, installation_of
from tests.postgres import PostgresServer

WATCHERS = {
    "TIZILIM_REGISTER_MISSED_TERMS_SECONDS": "0.2",
    "TIZILIM_VERIFICATION_MISSED_TERMS_SECONDS": "0.2",
    "TIZILIM_VERIFICATION_ROUNDS_SECONDS": "0.1",
}
AUTOMATIC = {
    "TIZILIM_REGISTER_AUTOMATIC": '["review", "exclusion", "reinstatement", "own_request"]',
    "TIZILIM_VERIFICATION_AUTOMATIC": '["confirmation", "monitoring", "resubmission"]',
}
SPRING = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def world_of(
    kind: str, request: pytest.FixtureRequest, var: Path, settings: dict[str, str]
) -> Iterator[World]:
    server: PostgresServer | None = None
    urls: dict[str, str] = {}
    if kind == "postgresql":
        server = request.getfixturevalue("postgres_server")
        urls = {service: server.create_database() for service in SERVICES}
    with installation_of(var, database_urls=urls, settings={**WATCHERS, **settings}) as world:
        world.set_clock(SPRING)
        yield world
    if server is not None:
        for url in urls.values():
            server.drop_database(url)


@pytest.fixture(scope="module")
def automatic(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    yield from world_of(kind, request, tmp_path_factory.mktemp("automatic"), AUTOMATIC)


@pytest.fixture(scope="module")
def officers(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    yield from world_of(kind, request, tmp_path_factory.mktemp("officers"), {})
