"""One process on SQLite, one elected on PostgreSQL, background work that outlives trouble, a clean stop."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from joserfc.jwk import OKPKey
from pydantic import ValidationError

from services.kernel import runtime
from services.kernel.clock import SimulatedClockRefused, set_simulated_clock
from services.kernel.database import Database
from services.kernel.identity.tokens import (
    DEVELOPMENT_ISSUER,
    TokenIssuer,
    TokenRefused,
    development_issuer,
)
from services.kernel.journal.signal import JournalSignal
from services.kernel.runtime import (
    AlreadyServed,
    Election,
    Recurring,
    ServingLock,
    edge_of,
    legal_clock,
    tokens_for,
)
from services.kernel.settings import ServiceSettings
from tests.kernel.journal.ledger import NOON, ledger_journal
from tests.kernel.processes import ledger_process

PATIENCE = 20


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


def headers(var: Path, role: str) -> dict[str, str]:
    token = development_issuer(var, ["ledger"]).token(subject=f"a-{role}", roles=[role])
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}


# One process on SQLite.


def test_a_second_holder_of_a_sqlite_database_is_refused_until_the_first_lets_go(sqlite_url: str) -> None:
    first, second = ServingLock(Database(sqlite_url)), ServingLock(Database(sqlite_url))
    first.acquire()
    with pytest.raises(AlreadyServed, match=r"test\.sqlite is already served"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_on_postgresql_any_number_serve(fresh_postgres: str) -> None:
    first, second = ServingLock(Database(fresh_postgres)), ServingLock(Database(fresh_postgres))
    first.acquire()
    second.acquire()
    first.release()
    second.release()


def test_a_second_process_on_the_same_sqlite_database_does_not_start(sqlite_url: str, tmp_path: Path) -> None:
    """The first goes on serving; after its death, even by kill -9, another may."""
    with ledger_journal(sqlite_url):
        pass  # migrated beforehand, as a service's database is
    with ledger_process(sqlite_url, tmp_path) as first, ledger_process(sqlite_url, tmp_path) as second:
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(_ready_or_refused, (first, second)))
        served = [url for url in outcomes if url is not None]
        assert len(served) == 1
        assert httpx.get(f"{served[0]}/healthz", trust_env=False).status_code == 200
        alive, refused = (first, second) if outcomes[0] else (second, first)
        assert refused.ended() != 0
        assert any("already served" in str(line) for line in refused.log)
        alive.tell(signal.SIGKILL)
        alive.ended()
    with ledger_process(sqlite_url, tmp_path) as third:
        assert third.ready()


def _ready_or_refused(process: Any) -> str | None:
    try:
        return str(process.ready())
    except AssertionError:
        return None


# One elected on PostgreSQL.


def test_on_sqlite_the_only_process_is_elected(sqlite_url: str) -> None:
    assert Election(Database(sqlite_url), "follow").won()


def test_only_one_wins_and_the_other_takes_over_when_it_dies(fresh_postgres: str) -> None:
    first_database, second_database = Database(fresh_postgres), Database(fresh_postgres)
    first, second = Election(first_database, "follow"), Election(second_database, "follow")
    other_name = Election(second_database, "watch")
    assert (first.won(), second.won(), first.won(), other_name.won()) == (True, False, True, True)
    terminate_holders(second_database, "follow")
    assert second.won()
    assert not first.won()  # it notices that its connection died, and lost
    second.resign()
    await_released(first_database, "follow")
    assert first.won()
    for election in (first, second, other_name):
        election.resign()
    first_database.close()
    second_database.close()


def test_services_of_one_cluster_elect_apart(fresh_postgres: str) -> None:
    databases = [Database(fresh_postgres, schema=schema) for schema in ("register", "verification")]
    elections = [Election(database, "follow") for database in databases]
    assert [election.won() for election in elections] == [True, True]
    for election, database in zip(elections, databases, strict=True):
        election.resign()
        database.close()


def test_an_election_whose_store_is_away_is_not_won(tmp_path: Path) -> None:
    election = Election(Database(f"postgresql+psycopg://nobody@/none?host={tmp_path}"), "follow")
    assert not election.won()


def _number(name: str) -> str:
    return f"hashtextextended('public.{name}', 1)"


def terminate_holders(database: Database, name: str) -> None:
    """End the sessions that hold the lock, and return when it is free."""
    number = _number(name)
    with database.write() as connection:
        ended = connection.scalar(
            sa.text(
                "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks WHERE locktype = 'advisory' "
                f"AND ((classid::bigint << 32) | objid::bigint) = {number} "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )
    assert ended == 1
    await_released(database, name)


def await_released(database: Database, name: str) -> None:
    """Wait for the lock as the server grants it, and leave it free."""
    with database.write() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_number(name)})")


# Background work.


class Elected:
    """An election as the test decides it."""

    def __init__(self, *, wins: bool) -> None:
        self.wins = wins
        self.asked = threading.Event()
        self.resigned = False

    def won(self) -> bool:
        self.asked.set()
        return self.wins

    def resign(self) -> None:
        self.resigned = True


def recurring(run: Any, election: Elected) -> Recurring:
    made: Any = election
    return Recurring("task", run, made)


def test_a_task_outlives_a_failure_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ELECTION_SECONDS", 0.01)
    runs: list[int] = []
    recovered = threading.Event()

    def run() -> float:
        runs.append(len(runs))
        if len(runs) == 1:
            raise ZeroDivisionError
        recovered.set()
        return 3_600.0

    election = Elected(wins=True)
    task = recurring(run, election)
    task.start()
    assert recovered.wait(PATIENCE)
    task.stop()  # cuts the hour's pause short
    assert not task._thread.is_alive()
    assert election.resigned
    assert runs == [0, 1]


def test_a_task_that_was_not_elected_does_nothing() -> None:
    runs: list[int] = []
    election = Elected(wins=False)

    def run() -> float:
        runs.append(1)
        return 1.0

    task = recurring(run, election)
    task.start()
    assert election.asked.wait(PATIENCE)
    task.stop()
    assert runs == []


def test_a_task_never_started_stops_too() -> None:
    recurring(lambda: 1.0, Elected(wins=True)).stop()


# Stopping.


def test_a_service_told_to_stop_answers_its_long_polls_and_ends_well(
    database_url: str, tmp_path: Path
) -> None:
    with ledger_process(database_url, tmp_path) as process, httpx.Client(trust_env=False) as client:
        url = process.ready()
        opened = client.post(f"{url}/v1/ledgers", json={"owner": "o"}, headers=headers(tmp_path, "producer"))
        assert opened.status_code == 201
        with closing(HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)) as poll:
            poll.request("GET", "/v1/journal/events?after=1&wait=30", headers=headers(tmp_path, "service"))
            await_polling(client, url)  # the poll was sent before these
            process.tell(signal.SIGTERM)
            answer = poll.getresponse()
            assert json.loads(answer.read()) == {"events": [], "head": 1}
        assert process.ended() in {0, -signal.SIGTERM}
    assert not [line for line in process.log if line["level"] == "error"]
    with ledger_process(database_url, tmp_path) as process, httpx.Client(trust_env=False) as client:
        url = process.ready()  # it resumes where it was, and knows the key of before
        again = client.post(f"{url}/v1/ledgers", json={"owner": "o"}, headers=headers(tmp_path, "producer"))
        assert (again.status_code, again.content) == (201, opened.content)
        assert again.headers["Journal-Position"] == "1"


def await_polling(client: httpx.Client, url: str) -> None:
    """Return when a poll was surely taken in: a request sent after it has been answered."""
    for _ in range(20):
        assert client.get(f"{url}/healthz").status_code == 200


def test_a_signal_that_meets_a_reader_about_to_wait_does_not_lock_the_process() -> None:
    """A handler runs between two steps of the main thread, which may just hold what the hook needs."""
    signals = JournalSignal()
    server = runtime._Server(uvicorn.Config(lambda: None), [signals.close])

    def signalled() -> None:
        with signals._mutex:
            server.handle_exit(signal.SIGTERM, None)

    thread = threading.Thread(target=signalled, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert server.should_exit


# Who calls.


@pytest.mark.parametrize(
    ("trusted", "connected", "seen"),
    [
        ("", "127.0.0.1", "127.0.0.1"),
        ("10.1.0.7", "10.1.0.8", "10.1.0.8"),
        ("10.1.0.7", "10.1.0.7", "203.0.113.5"),
        ("10.2.0.1, 10.1.0.0/16", "10.1.0.7", "203.0.113.5"),
    ],
)
def test_a_forwarded_address_is_believed_only_from_a_proxy_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str, connected: str, seen: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable counts for nothing
    app = FastAPI()

    @app.get("/caller", response_class=PlainTextResponse)
    def caller(request: Request) -> str:
        return request.client.host if request.client else "nobody"

    config = runtime._server_config(app, development(tmp_path, forwarded_allow_ips=trusted))
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(connected, 1))

    async def asked() -> str:
        async with httpx.AsyncClient(transport=transport, base_url="http://register") as client:
            answer = await client.get("/caller", headers={"X-Forwarded-For": "203.0.113.5"})
        return answer.text

    assert asyncio.run(asked()) == seen


# Keys and clocks.


def development(var: Path, **more: Any) -> ServiceSettings:
    return ServiceSettings(var=var, _env_file=None, **more)


def production(tmp_path: Path, issuers: str = "{}") -> ServiceSettings:
    (tmp_path / "issuers.json").write_text(issuers)
    (tmp_path / "secret").write_text("s" * 64)
    return development(
        tmp_path,
        environment="production",
        trusted_issuers=tmp_path / "issuers.json",
        client_key=tmp_path / "client.jwk",
        idempotency_secret_file=tmp_path / "secret",
        personal_wrapping_key_file=tmp_path / "wrapping",
        personal_keys_url="sqlite:////keys/personal.db",
        database_url="postgresql+psycopg://x@/y",
    )


def test_development_trusts_its_own_issuer_and_keeps_its_body_key(tmp_path: Path) -> None:
    settings = development(tmp_path)
    first, second = (edge_of("ledger", settings, legal_clock(settings), str) for _ in range(2))
    assert first.body_key == second.body_key
    token = tokens_for("ledger", "register", settings)()
    assert second.verifier.verify(token).subject == "register"
    assert (tmp_path / "body-digest.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("with_own_key", [True, False])
def test_a_services_token_for_one_neighbour_is_good_at_no_other(tmp_path: Path, with_own_key: bool) -> None:
    """A neighbour that is taken over must not read the others' journals with what it was shown."""
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    (tmp_path / "client.jwk").write_text(json.dumps(key.as_dict(private=True)))
    public = {"keys": [key.as_dict(private=False)]}
    (tmp_path / "issuers.json").write_text(json.dumps({"urn:tizilim:notifications": public}))
    settings = development(
        tmp_path,
        trusted_issuers=tmp_path / "issuers.json",
        client_key=tmp_path / "client.jwk" if with_own_key else None,
    )
    token = tokens_for("register", "notifications", settings)()
    clock = legal_clock(settings)
    assert edge_of("register", settings, clock, str).verifier.verify(token).roles == {"service"}
    for other in ("verification", "notifications"):
        with pytest.raises(TokenRefused, match="audience"):
            edge_of(other, settings, clock, str).verifier.verify(token)


def test_an_identity_provider_may_know_a_service_by_another_name(tmp_path: Path) -> None:
    settings = development(tmp_path, audience="https://register.example")
    verifier = edge_of("register", settings, legal_clock(settings), str).verifier
    named = json.loads((tmp_path / "development-issuer.jwk").read_text())
    issuer = TokenIssuer(DEVELOPMENT_ISSUER, OKPKey.import_key(named), audience="https://register.example")
    assert verifier.verify(issuer.token(subject="x", roles=["auditor"])).subject == "x"
    assert verifier.verify(tokens_for("register", "verification", settings)()).subject == "verification"


def test_a_service_is_not_known_by_its_neighbours_name(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="another name"):
        development(tmp_path, audience="urn:tizilim:verification")


def test_production_trusts_no_development_issuer(tmp_path: Path) -> None:
    settings = production(tmp_path)
    edge = edge_of("ledger", settings, legal_clock(settings), str)
    with pytest.raises(TokenRefused):
        edge.verifier.verify(development_issuer(tmp_path).token(subject="x", roles=["service"]))
    assert edge.body_key == b"s" * 64
    keys = development_issuer(tmp_path).public_keys().as_dict()
    smuggled = production(tmp_path, json.dumps({DEVELOPMENT_ISSUER: keys}))
    with pytest.raises(ValueError, match="development issuer"):
        edge_of("ledger", smuggled, legal_clock(smuggled), str)


def test_in_production_every_issuer_names_the_roles_it_may_grant(tmp_path: Path) -> None:
    keys = development_issuer(tmp_path).public_keys().as_dict()
    for named, told in (
        ({}, "needs the roles that https://id.example may grant"),
        ({"roles": ["king"]}, "there are not: king"),
    ):
        settings = production(tmp_path, json.dumps({"https://id.example": {**keys, **named}}))
        with pytest.raises(ValueError, match=told):
            edge_of("ledger", settings, legal_clock(settings), str)
    bound = {"https://id.example": {**keys, "roles": ["producer"]}, "urn:tizilim:register": keys}
    settings = production(tmp_path, json.dumps(bound))
    edge_of("ledger", settings, legal_clock(settings), str)


@pytest.mark.parametrize("secret", ["", "secret", "s" * 31 + "\n"])
def test_a_secret_that_could_be_guessed_stops_the_start(tmp_path: Path, secret: str) -> None:
    settings = production(tmp_path)
    (tmp_path / "secret").write_text(secret)
    with pytest.raises(ValueError, match="fewer than 32 bytes"):
        edge_of("ledger", settings, legal_clock(settings), str)


def test_production_refuses_a_simulated_clock(tmp_path: Path) -> None:
    set_simulated_clock(tmp_path / "clock.json", NOON)
    with pytest.raises(SimulatedClockRefused):
        legal_clock(production(tmp_path))
