"""Fixtures every test may ask for: databases of both kinds, empty and of the test's own.

One PostgreSQL cluster serves a whole run, all xdist workers together. It is started by the first
test that needs it and stopped by the process that started the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.postgres import PostgresServer, running_postgres, shared_directory

RUN = pytest.StashKey[ExitStack]()
CLUSTER_DIRECTORY = pytest.StashKey[Path]()
WORKER_INPUT = "postgres_directory"


class Worker(Protocol):
    """What xdist hands to ``pytest_configure_node``, as far as it is used here."""

    config: pytest.Config
    workerinput: dict[str, str]


def pytest_configure(config: pytest.Config) -> None:
    """Name the directory of this run's cluster; a worker is told it by the process that started it."""
    told: dict[str, str] | None = getattr(config, "workerinput", None)
    if told is not None:
        config.stash[CLUSTER_DIRECTORY] = Path(told[WORKER_INPUT])
        return
    config.stash[RUN] = run = ExitStack()
    config.stash[CLUSTER_DIRECTORY] = run.enter_context(shared_directory())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Worker) -> None:
    """Tell an xdist worker, before it starts, where the cluster is."""
    node.workerinput[WORKER_INPUT] = str(node.config.stash[CLUSTER_DIRECTORY])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Wait, in the process that started the run, until the cluster has stopped."""
    run = config.stash.get(RUN, None)
    if run is not None:
        run.close()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """The run's PostgreSQL server (15 or later), started now if no other worker has."""
    with running_postgres(pytestconfig.stash[CLUSTER_DIRECTORY]) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """URL of the server's maintenance database, as superuser; tests leave nothing in it."""
    return postgres_server.url()


@pytest.fixture
def fresh_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty PostgreSQL database of this test's own, dropped afterwards."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite file of this test's own; the file does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test twice: with an empty SQLite file and with an empty PostgreSQL database."""
    kind = "sqlite_url" if request.param == "sqlite" else "fresh_postgres"
    url: str = request.getfixturevalue(kind)
    return url
