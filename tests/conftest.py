"""Fixtures every test may ask for: databases of both kinds, without a row and of the test's own.

One PostgreSQL cluster serves a whole run, all xdist workers together. It is started by the first
test that needs it and stopped by the process that started the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.memory import files_in_memory
from tests.postgres import WITHOUT_FLUSHES, PostgresServer, running_postgres, shared_directory
from tests.prepared import copied_postgres, copied_sqlite

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
    run.enter_context(files_in_memory())
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
    with running_postgres(pytestconfig.stash[CLUSTER_DIRECTORY], WITHOUT_FLUSHES) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """URL of the server's maintenance database, as superuser; tests leave nothing in it."""
    return postgres_server.url()


@pytest.fixture
def tables() -> str | None:
    """The service whose tables a test's databases have from the start; None leaves them empty."""
    return None


@pytest.fixture
def fresh_postgres(postgres_server: PostgresServer, tables: str | None) -> Iterator[str]:
    """URL of a PostgreSQL database of this test's own, without a row, dropped afterwards."""
    url = copied_postgres(postgres_server, tables) if tables else postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path, pytestconfig: pytest.Config, tables: str | None) -> str:
    """URL of a SQLite file of this test's own, without a row; the file does not exist yet if no tables do."""
    file = tmp_path / "test.sqlite"
    if tables is None:
        return f"sqlite:///{file}"
    return copied_sqlite(pytestconfig.stash[CLUSTER_DIRECTORY], tables, file)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test twice: on a SQLite file and in a PostgreSQL database, both without a row."""
    kind = "sqlite_url" if request.param == "sqlite" else "fresh_postgres"
    url: str = request.getfixturevalue(kind)
    return url
