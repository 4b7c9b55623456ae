"""Wakes those who wait for the journal to grow: long-polling feeds and `min_position` reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

import psycopg
import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.telemetry import logger

POLL_SECONDS: Final = 1.0
NOTIFY_INTERVAL_SECONDS: Final = 0.02


class JournalSignal:
    """The highest position known to be committed, and the tasks that wait for one beyond theirs."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._head = 0
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._grew = threading.Condition()
        self._closing = False

    @property
    def head(self) -> int:
        """The highest position announced so far in this process."""
        return self._head

    def announce(self, position: int) -> None:
        """Tell everyone who waits that the journal reaches `position`; callable from any thread."""
        with self._mutex:
            if position <= self._head:
                return
            self._head = position
            waiters, self._waiters = self._waiters, set()
        with self._grew:
            self._grew.notify_all()
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Let everyone who waits go at once; for a process that is stopping."""
        with self._mutex:
            self._closing = True
            waiters, self._waiters = self._waiters, set()
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def beyond(self, position: int, *, seconds: float) -> bool:
        """Wait up to `seconds` for a head beyond `position`; holds neither thread nor connection."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._head <= position:
            remaining = deadline - loop.time()
            if remaining <= 0:
                return False
            event = asyncio.Event()
            waiter = (loop, event)
            with self._mutex:
                if self._closing or self._head > position:
                    return self._head > position
                self._waiters.add(waiter)
            try:
                await asyncio.wait_for(event.wait(), remaining)
            except TimeoutError:
                return self._head > position
            finally:
                with self._mutex:
                    self._waiters.discard(waiter)
        return True

    def wait(self, position: int, *, timeout: float) -> int:
        """Block a thread up to `timeout` seconds for a head beyond `position`; returns the head."""
        with self._grew:
            self._grew.wait_for(lambda: self._head > position, timeout)
        return self._head


class HeadWatcher:
    """Keeps a signal true when other processes write: LISTEN on PostgreSQL, a look at the head everywhere.

    Also sends this process's own announcements to the others, at most once in twenty milliseconds, outside
    the writer's transaction, because NOTIFY takes a cluster-wide lock at commit.
    """

    def __init__(self, database: Database, signal: JournalSignal, head: Callable[[], int | None]) -> None:
        self._database = database
        self._signal = signal
        self._head = head
        self._stopped = threading.Event()
        self._told = 0
        names = [self._watch] + ([self._tell] if database.is_postgresql else [])
        self._threads = [threading.Thread(target=run, name=run.__name__, daemon=True) for run in names]

    def start(self) -> None:
        """Read the head once, then keep watching in the background."""
        self._signal.announce(self._head() or 0)
        self._told = self._signal.head
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the threads have ended."""
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=2 * POLL_SECONDS)

    def _channel(self) -> str:
        return f"{self._database.schema or 'public'}_journal"

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._database.is_postgresql:
                    self._listen()
                else:
                    self._stopped.wait(POLL_SECONDS)
                    self._signal.announce(self._head() or 0)
            except (sa.exc.SQLAlchemyError, psycopg.Error) as error:
                logger.warning("journal watch interrupted", extra={"error": type(error).__name__})
                self._stopped.wait(POLL_SECONDS)

    def _listen(self) -> None:
        with self._database.read() as connection:
            connection.exec_driver_sql(f'LISTEN "{self._channel()}"')
            raw = connection.connection.driver_connection
            if not isinstance(raw, psycopg.Connection):
                raise TypeError("LISTEN needs a psycopg connection")
            self._signal.announce(self._head() or 0)  # what was committed before LISTEN took effect
            try:
                while not self._stopped.is_set():
                    notices = raw.notifies(timeout=POLL_SECONDS, stop_after=1)
                    heads = [int(notice.payload) for notice in notices if notice.payload.isdigit()]
                    self._signal.announce(max(heads) if heads else self._head() or 0)
            finally:
                connection.invalidate()

    def _tell(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._database.read() as connection:
                    self._tell_over(connection)
            except sa.exc.SQLAlchemyError as error:
                logger.warning("journal notice not sent", extra={"error": type(error).__name__})
                self._stopped.wait(POLL_SECONDS)

    def _tell_over(self, connection: sa.Connection) -> None:
        while not self._stopped.is_set():
            if self._signal.wait(self._told, timeout=POLL_SECONDS) <= self._told:
                continue
            self._told = self._signal.head
            connection.exec_driver_sql(f"NOTIFY \"{self._channel()}\", '{self._told}'")
            self._stopped.wait(NOTIFY_INTERVAL_SECONDS)
