"""Running a service: its keys and clocks, one process on SQLite, background work, and a clean stop."""

from __future__ import annotations

import fcntl
import gc
import os
import secrets
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import IO, Final

import psycopg
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from services.kernel.clock import Clock, LegalClock
from services.kernel.database import Database
from services.kernel.http.connections import Connection
from services.kernel.http.rates import Rate
from services.kernel.http.requests import Edge
from services.kernel.http.xroad import XRoad
from services.kernel.identity.tokens import (
    DEVELOPMENT_ISSUER,
    ROLES,
    TokenVerifier,
    bound,
    development_issuer,
    service_issuer,
    service_name,
)
from services.kernel.identity.trust import Issuers, Renewal, trusted_issuers
from services.kernel.personal_keys import PersonalKeys, WrappingKeys
from services.kernel.settings import ServiceSettings
from services.kernel.telemetry import logger

GRACE_SECONDS: Final = 5
ELECTION_SECONDS: Final = 2.0
MIN_SECRET_BYTES: Final = 32


class AlreadyServed(RuntimeError):
    """Another process serves this SQLite database; a second one would break its ordering in memory."""


def legal_clock(settings: ServiceSettings) -> Clock:
    """The clock of legal facts: the system's, or in development the simulated one of the data folder."""
    return LegalClock(settings.var / "clock.json", production=settings.production)


def tokens_for(neighbour: str, service: str, settings: ServiceSettings) -> Callable[[], str]:
    """Makes fresh tokens with which `service` reads `neighbour`, and that no other service accepts.

    They are signed with the service's own key, or in development with the local issuer's.
    """
    if settings.client_key is not None:
        issuer = service_issuer(service, settings.client_key, neighbour)
    else:
        issuer = development_issuer(settings.var, [neighbour])
    return partial(issuer.token, subject=service, roles=["service"])


def edge_of(service: str, settings: ServiceSettings, clock: Clock, actor_id: Callable[[str], str]) -> Edge:
    """The HTTP edge's verifier, clock, body key and rate. Raises `ValueError` for keys not to be used."""
    read = partial(_trusted, settings)
    renewal = Renewal(settings.trusted_issuers, read) if settings.trusted_issuers else None
    issuers, granted = read()
    audiences = {service_name(service), settings.audience or service_name(service)}
    verifier = TokenVerifier(issuers, audiences=audiences, granted=granted, renewal=renewal)
    rate = Rate(settings.rate_per_second, settings.rate_burst)
    return Edge(verifier, clock, _body_key(settings), rate, actor_id, XRoad(settings.xroad_servers))


def _trusted(settings: ServiceSettings) -> Issuers:
    """The issuers that the settings trust, with the local one in development. Raises `ValueError`."""
    issuers, granted = trusted_issuers(settings.trusted_issuers) if settings.trusted_issuers else ({}, {})
    if settings.production and DEVELOPMENT_ISSUER in issuers:
        raise ValueError("production does not trust the development issuer")
    if unknown := set[str]().union(*granted.values()) - set(ROLES):
        raise ValueError(f"a trusted issuer names roles that there are not: {', '.join(sorted(unknown))}")
    if settings.production and (unbound := [name for name in issuers if not bound(name, granted)]):
        raise ValueError(f"production needs the roles that {', '.join(unbound)} may grant")
    if not settings.production:
        issuers[DEVELOPMENT_ISSUER] = development_issuer(settings.var).public_keys()
    return issuers, granted


def _body_key(settings: ServiceSettings) -> bytes:
    """The key of the HMAC over request bodies; in development made once and kept in the data folder.

    Raises `ValueError` for one that could be guessed: cursors rest on it too.
    """
    if settings.idempotency_secret_file is not None:
        key = settings.idempotency_secret_file.read_bytes().strip()
        if len(key) < MIN_SECRET_BYTES:
            raise ValueError(f"{settings.idempotency_secret_file} holds fewer than {MIN_SECRET_BYTES} bytes")
        return key
    return _made_once(settings.var / "body-digest.key").read_bytes().strip()


def personal_keys(service: str, settings: ServiceSettings) -> PersonalKeys:
    """The keys of what a service keeps of persons; in development both store and wrapping key are made."""
    url = sa.make_url(settings.personal_keys(service))
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    wrapping = settings.personal_wrapping_key_file
    if wrapping is None:
        wrapping = _made_once(settings.var / "keys" / f"{service}.wrapping-key")
    store = Database(settings.personal_keys(service), pool_size=4)
    return PersonalKeys(store, WrappingKeys.read(wrapping))


def open_database(service: str, settings: ServiceSettings) -> Database:
    """A service's database with the keys of what it keeps of persons; connects when first used."""
    return Database(
        settings.database(service),
        schema=settings.database_schema,
        personal=personal_keys(service, settings),
    )


def actor_ids(database: Database) -> Callable[[str], str]:
    """How callers are known by the database's keys of persons, which no rotation changes."""
    if database.personal is None:
        raise TypeError("this database was opened without the keys of personal values")
    return database.personal.actor_id


def _made_once(path: Path) -> Path:
    """A file of 64 hexadecimal digits, made once even when several processes start together."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            logger.debug("another process made the key first")
        finally:
            draft.unlink()
    return path


class ServingLock:
    """Held by the one process that serves a SQLite database; on PostgreSQL it is not needed."""

    def __init__(self, database: Database) -> None:
        file = database.url.database
        self._path = Path(f"{file}.serving") if not database.is_postgresql and file else None
        self._held: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `AlreadyServed`."""
        if self._path is None:
            return
        held = self._path.open("w")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.close()
            raise AlreadyServed(f"{self._path.stem} is already served by another process") from None
        self._held = held

    def release(self) -> None:
        """Give the lock back."""
        if self._held is not None:
            self._held.close()
            self._held = None


class Election:
    """At most one process is elected for a name: by advisory lock on PostgreSQL, always on SQLite.

    Tasks that must run in the same process share one; it may be asked from any thread.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = _lock_name(database, name)
        self._connection: sa.Connection | None = None
        self._mutex = threading.RLock()

    def won(self) -> bool:
        """True while this process is the elected one; tries to become it otherwise."""
        if not self._database.is_postgresql:
            return True
        with self._mutex:
            return self._holds()

    def _holds(self) -> bool:
        try:
            if self._connection is None:
                connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not connection.scalar(
                    sa.text("SELECT pg_try_advisory_lock(hashtextextended(:name, 1))"), {"name": self._name}
                ):
                    connection.close()
                    return False
                self._connection = connection
            self._connection.exec_driver_sql("SELECT 1")
        except (sa.exc.SQLAlchemyError, psycopg.Error):
            self.resign()
            return False
        return True

    def resign(self) -> None:
        """Give up the election."""
        with self._mutex:
            if self._connection is not None:
                self._connection.invalidate()
                self._connection.close()
                self._connection = None


def nobody_holds(connection: sa.Connection, database: Database, name: str) -> bool:
    """True when no living process is the elected one for a name; none becomes it before the transaction ends.

    Always true on SQLite, whose only process asks for the names of others.
    """
    if not database.is_postgresql:
        return True
    taken = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 1))")
    return bool(connection.scalar(taken, {"name": _lock_name(database, name)}))


def _lock_name(database: Database, name: str) -> str:
    return f"{database.schema or 'public'}.{name}"


class Recurring:
    """A background task run again and again in its own thread by the elected process, until stopped.

    `run` returns the seconds to wait before the next run. An error is logged and the task goes on.
    """

    def __init__(self, name: str, run: Callable[[], float], election: Election) -> None:
        self._name = name
        self._run = run
        self._election = election
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the run in hand."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=GRACE_SECONDS)

    def _loop(self) -> None:
        while not self._stopped.is_set():
            pause = ELECTION_SECONDS
            try:
                if self._election.won():
                    pause = self._run()
            except Exception as error:  # noqa: BLE001  # the task must outlive one failure; it is logged and tried again
                logger.error("background task failed", exc_info=error, extra={"task": self._name})
            self._stopped.wait(pause)
        self._election.resign()


class _Server(uvicorn.Server):
    """uvicorn that wakes long-polls as soon as it is asked to stop."""

    def __init__(self, config: uvicorn.Config, on_exit: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop.

        The hooks run in threads: the signal may have met this one while it holds a lock that they need.
        """
        for hook in self._on_exit:
            threading.Thread(target=hook, name="on-exit").start()
        super().handle_exit(sig, frame)


def quiet_collector() -> None:
    """Let the collector not look again and again at all that was imported, which a request would wait for."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def serve(app: FastAPI, settings: ServiceSettings, *, on_exit: Sequence[Callable[[], None]] = ()) -> None:
    """Serve until SIGINT or SIGTERM."""
    quiet_collector()
    _Server(_server_config(app, settings), on_exit).run()


def _server_config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips or [],  # else uvicorn reads a variable of its own
        date_header=True,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
    )


def run_until_stopped(start: Sequence[Callable[[], None]], stop: Sequence[Callable[[], None]]) -> None:
    """The main of a worker process: start everything, wait for SIGINT or SIGTERM, stop everything."""
    # An event's lock may be held by the very thread that the signal interrupts; this queue is reentrant.
    stopped: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda told, _frame: stopped.put(told))
    for begin in start:
        begin()
    stopped.get()
    for end in stop:
        end()
