"""The database fixtures themselves: real, durable, separate per test, gone afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.postgres import (
    OLDEST_MAJOR,
    PostgresServer,
    PostgresUnavailableError,
    ServerUser,
    copy_wheel,
    major_version,
    running_postgres,
    wheel_directories,
)

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0


def setting(url: str, name: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return str(connection.execute(sa.text(f"SHOW {name}")).scalar_one())


def answers(server: PostgresServer) -> bool:
    try:
        psycopg.connect(server.conninfo()).close()
    except psycopg.OperationalError:
        return False
    return True


def wait_for(description: str, happened: Iterator[bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not next(happened):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {description}"
        time.sleep(0.02)


def test_the_server_is_at_least_version_15(postgres_server: PostgresServer) -> None:
    assert postgres_server.major >= OLDEST_MAJOR
    assert int(setting(postgres_server.url(), "server_version_num")) // 10_000 == postgres_server.major


def test_a_server_that_measures_is_as_durable_as_production() -> None:
    with running_postgres() as server:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert setting(server.url(), name) == "on"


def test_a_commit_here_survives_the_end_of_the_server_but_needs_no_flush(postgres_url: str) -> None:
    assert setting(postgres_url, "synchronous_commit") == "on"
    assert setting(postgres_url, "fsync") == "off"


def test_the_server_runs_as_no_root(postgres_server: PostgresServer) -> None:
    data = postgres_server.directory / "data"
    assert data.stat().st_uid != 0
    assert data.stat().st_mode & 0o077 == 0


def test_the_server_listens_on_no_network_address(postgres_url: str) -> None:
    assert setting(postgres_url, "listen_addresses") == ""


@pytest.mark.parametrize("_again", [1, 2])
def test_every_test_gets_an_empty_database(fresh_postgres: str, _again: int) -> None:
    engine = sa.create_engine(fresh_postgres, poolclass=sa.NullPool)
    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE left_behind (id integer)"))


def test_a_dropped_database_is_gone_even_while_connected(postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database()
    engine = sa.create_engine(url)
    with engine.connect():
        postgres_server.drop_database(url)
    engine.dispose()
    with pytest.raises(sa.exc.OperationalError, match="does not exist"):
        sa.create_engine(url).connect()


def test_the_same_test_runs_on_both_databases(database_url: str) -> None:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE word (text varchar(40))"))
        connection.execute(sa.text("INSERT INTO word VALUES ('тізілім')"))
        assert connection.execute(sa.text("SELECT text FROM word")).scalars().all() == ["тізілім"]


def test_both_databases_sort_text_by_code_point(database_url: str) -> None:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    words = ["a", "B", "ә", "б", "Я"]
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE word (text varchar(40))"))
        connection.execute(sa.text("INSERT INTO word VALUES (:text)"), [{"text": word} for word in words])
        found = connection.execute(sa.text("SELECT text FROM word ORDER BY text")).scalars().all()
    assert found == sorted(words)


def test_a_template_is_prepared_once_and_copied(postgres_server: PostgresServer) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE ready_made (id integer)"))

    name = f"template_of_{os.getpid()}"
    for _ in range(2):
        url = postgres_server.create_database(template=postgres_server.template(name, prepare))
        assert sa.inspect(sa.create_engine(url, poolclass=sa.NullPool)).get_table_names() == ["ready_made"]
        postgres_server.drop_database(url)
    assert len(prepared) == 1
    postgres_server.drop_database(postgres_server.url(name))


def test_a_template_that_fails_leaves_nothing(postgres_server: PostgresServer) -> None:
    def fail(url: str) -> None:
        raise ValueError(url)

    name = f"failing_template_of_{os.getpid()}"
    for _ in range(2):
        with pytest.raises(ValueError, match=name):
            postgres_server.template(name, fail)


def test_a_killed_server_comes_back_with_what_was_committed() -> None:
    with running_postgres() as server:
        engine = sa.create_engine(server.url(), poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE kept (id integer)"))
        killed = server.pid
        os.kill(killed, signal.SIGKILL)
        wait_for("an answer", iter(lambda: answers(server) and server.pid != killed, None))
        assert sa.inspect(engine).get_table_names() == ["kept"]


def test_the_server_stops_with_its_last_user() -> None:
    with running_postgres() as server:
        with running_postgres(server.directory) as same:
            assert same.pid == server.pid
        assert answers(server)
    assert not server.directory.exists()
    assert not answers(server)


def test_the_server_stops_even_when_its_user_is_killed() -> None:
    program = (
        "import json, sys, time\n"
        "from tests.postgres import running_postgres\n"
        "with running_postgres() as server:\n"
        "    print(json.dumps([str(server.directory), server.major, str(server.programs)]), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert user.stdout is not None
    directory, major, programs = json.loads(user.stdout.readline())
    server = PostgresServer(Path(directory), major, Path(programs))
    assert answers(server)
    user.kill()
    user.communicate()
    wait_for("the directory to be gone", iter(lambda: not server.directory.exists(), None))
    assert not answers(server)


def test_a_server_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(PostgresUnavailableError, match="shared_buffers"),
        running_postgres(settings={"shared_buffers": "nonsense"}),
    ):
        pytest.fail("it started")


def test_binaries_that_the_server_user_may_not_reach_are_copied_to_where_it_may(
    postgres_server: PostgresServer,
) -> None:
    wheels = wheel_directories()
    assert wheels, "the wheel with PostgreSQL is a test dependency"
    copy = copy_wheel(wheels[0], postgres_server.directory, ServerUser.suitable())
    assert major_version(ServerUser.suitable(), copy, postgres_server.directory) is not None
