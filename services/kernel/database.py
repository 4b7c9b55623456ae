"""One database of one service: SQLite (embedded default) or PostgreSQL, behind the same two verbs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import pq
from sqlalchemy import event as sa_event

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    from services.kernel.personal_keys import PersonalKeys

BUSY_TIMEOUT_SECONDS: Final = 30

OUTGOING: Final = "outgoing"
"""Under this name a connection's `info` holds writes that were not sent yet (`kernel.journal.rows`)."""

_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE events IN ACCESS SHARE MODE"

PERSONAL_KEYS: Final = "tizilim_personal_keys"
"""Under this execution option a connection has the keys of personal values (`kernel.personal_keys`)."""

BigInt: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64-bit integers everywhere; SQLite needs the name INTEGER for an explicit rowid."""


UNFINISHED: Final = sa.Table("restore_unfinished", sa.MetaData(), sa.Column("since", sa.Text, nullable=False))
"""Stands beside the tables of a copy until that was found to be whole, and what it says to be true."""


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file, whatever characters its path holds."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


class RestoreUnfinished(RuntimeError):
    """The database holds a copy that was not looked at yet; nobody may serve it."""


class _SharedReading(threading.local):
    """What one thread's reads share while they are together, and how many of them are under way."""

    held: ExitStack | None = None
    connection: sa.Connection | None = None
    depth: int = 0


class Database:
    """Connections to the one database (or PostgreSQL schema) that a service owns.

    `url` is SQLAlchemy's (`sqlite:////path/file.db`, `postgresql+psycopg://...`). `schema` is the
    PostgreSQL schema the service's tables live in; it becomes the connection's search path, so that no
    statement names it. `personal` are the keys of what the service keeps of persons; what reads or writes
    such a value finds them by its connection.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str | None = None,
        pool_size: int = 12,
        personal: PersonalKeys | None = None,
    ) -> None:
        self.url = sa.make_url(url)
        self.schema = schema
        self.is_postgresql = self.url.get_backend_name() == "postgresql"
        self.personal = personal
        engine = self._postgresql(pool_size) if self.is_postgresql else self._sqlite(pool_size)
        self.engine = engine.execution_options(**{PERSONAL_KEYS: personal})
        self._reading = (
            self.engine.execution_options(isolation_level="AUTOCOMMIT") if self.is_postgresql else self.engine
        )
        self._writing = self.engine.execution_options(tizilim_write=True)
        self._shared = _SharedReading()

    def _postgresql(self, pool_size: int) -> sa.Engine:
        options = "-c timezone=UTC"
        if self.schema:
            options += f" -c search_path={self.schema}"
        engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=BUSY_TIMEOUT_SECONDS,
            hide_parameters=True,  # an error is logged with its statement, never with what it was given
            connect_args={"options": options, "application_name": f"tizilim-{self.schema or 'tool'}"},
        )

        @sa_event.listens_for(engine, "before_cursor_execute")
        def send_first(connection: sa.Connection, *_statement: object) -> None:
            held = connection.info.get(OUTGOING)
            if held is not None:
                held.send()

        return engine

    def _sqlite(self, pool_size: int) -> sa.Engine:
        engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            hide_parameters=True,
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )

        @sa_event.listens_for(engine, "connect")
        def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            connection.isolation_level = None  # sqlite3 then leaves every BEGIN to us
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only unlinked
            cursor.close()

        @sa_event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            write = connection.get_execution_options().get("tizilim_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for reading: autocommit on PostgreSQL, one snapshot on SQLite."""
        shared = self._shared
        if shared.held is None:
            with self._reading.connect() as connection:
                yield connection
            return
        if shared.connection is None:
            shared.connection = shared.held.enter_context(self._reading.connect())
        shared.depth += 1
        try:
            yield shared.connection
        finally:
            shared.depth -= 1

    @contextmanager
    def reading_together(self) -> Iterator[None]:
        """Within, this thread's reads share one connection, taken for the first of them.

        Taking a connection from the pool and giving it back costs as much as a small read does. It is given
        back before a transaction of its own begins, so that no thread waits for a second one while it holds
        the first.
        """
        shared = self._shared
        if shared.held is not None:
            yield
            return
        with ExitStack() as held:
            shared.held = held
            try:
                yield
            finally:
                shared.held = shared.connection = None

    def _give_back(self) -> None:
        shared = self._shared
        if shared.held is not None and shared.connection is not None and not shared.depth:
            shared.connection = None
            shared.held.close()

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection whose several reads all see one moment.

        On PostgreSQL it first locks `events` as a reader does: PostgreSQL shows a table that was put in
        place of another to snapshots from before, but none of its rows. So a rebuild, which locks `events`
        when it puts read models in place, comes wholly before a snapshot or waits for its end.
        """
        self._give_back()
        if not self.is_postgresql:
            with self.engine.begin() as connection:
                yield connection
            return
        fixed = self.engine.execution_options(isolation_level="REPEATABLE READ")
        with fixed.begin() as connection:
            _run(psycopg_connection(connection), _SNAPSHOT)
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction; on SQLite it takes the only writer's lock at its start."""
        self._give_back()
        with self._writing.begin() as connection:
            yield connection

    def open(self) -> None:
        """Before serving: make the store of personal keys on the first start.

        Raises `KeysUnusable`, and `RestoreUnfinished` where a restore into this database was cut short.
        """
        with self.read() as connection:
            if sa.inspect(connection).has_table(UNFINISHED.name):
                raise RestoreUnfinished("a restore into this database was cut short: run it again")
        if self.personal is not None:
            self.personal.prepare()

    def forget_deleted(self) -> None:
        """On SQLite bring what was deleted out of the write-ahead log too, unless a reader still needs it.

        PostgreSQL's own log and dead rows go by its checkpoints and vacuum.
        """
        if not self.is_postgresql:
            with self.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        if self.personal is not None:
            self.personal.close()


def psycopg_connection(connection: sa.Connection) -> psycopg.Connection[tuple[Any, ...]]:
    """The psycopg connection under SQLAlchemy's, for the few statements whose overhead counts."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError("not a PostgreSQL connection")
    return raw


def executed(
    connection: sa.Connection, query: str, parameters: Sequence[Any] | Mapping[str, Any]
) -> psycopg.Cursor[tuple[Any, ...]]:
    """The rows of a statement, in binary and past SQLAlchemy, which still hears of a lost connection.

    It then gives up every pooled connection of that age, and raises its own error with `connection_lost`.
    """
    raw = psycopg_connection(connection)
    try:
        return raw.execute(query, parameters, binary=True)
    except psycopg.OperationalError:
        if raw.closed:
            connection.exec_driver_sql("SELECT 1")
        raise


def _run(connection: psycopg.Connection[tuple[Any, ...]], statements: bytes) -> None:
    """Run statements in one round trip; a library would begin the transaction in one of its own."""
    answer = connection.pgconn.exec_(statements)
    if answer.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(answer)
