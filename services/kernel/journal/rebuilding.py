"""Read models emptied and folded again from the journal, while reads go on from the old ones.

The new ones are made beside the live ones: on PostgreSQL in a schema of their own, on SQLite in a file. Only
for what was recorded meanwhile, and for putting the new tables in the place of the old, writers wait. A
rebuild that is killed leaves the live read models as they were.
"""

from __future__ import annotations

import fcntl
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from services.kernel.journal.beside_file import beside
from services.kernel.journal.journal import Journal
from services.kernel.journal.rows import outgoing
from services.kernel.journal.units import Recorded

PAGE: Final = 5_000
SWAP_TRIES: Final = 150
SWAP_WAIT_MILLISECONDS: Final = 300
_BETWEEN_TRIES_SECONDS: Final = 0.1


class RebuildRefused(RuntimeError):
    """A rebuild that cannot be now; everything is as it was."""


class RebuildUnderWay(RebuildRefused):
    """Another rebuild of the same service has not ended."""


class ReadersInTheWay(RebuildRefused):
    """Readers held the old tables each time the new ones were to take their place."""


def rebuild_read_models(journal: Journal) -> int:
    """Rebuild every read model of a journal; returns how many events were folded.

    Must run as the tables' owner. Raises `RebuildUnderWay` and, on PostgreSQL, `ReadersInTheWay`.
    """
    with _uncollected():
        return _in_a_schema(journal) if journal.database.is_postgresql else _in_a_file(journal)


def fold_all(journal: Journal, connection: sa.Connection, *, after: int, to: int) -> int:
    """Fold the events after one position up to another into read models; returns how many."""
    count = 0
    for page in _ahead(journal.replay(page=PAGE, after=after, to=to)):
        count += len(page)
        with outgoing(connection):
            for projection in journal.projections:
                projection.fold(page, connection)
    return count


def _ahead(pages: Iterator[list[Recorded]]) -> Iterator[list[Recorded]]:
    """The next page is read and decoded while the one before is folded and the database writes."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = reader.submit(next, pages, None)
            yield page


def read_models(journal: Journal) -> list[sa.Table]:
    """Every table that is a fold of the journal."""
    return [table for projection in journal.projections for table in projection.tables]


def _until_few_are_left(journal: Journal, fold: Callable[[int, int], int]) -> int:
    """Fold what is recorded, and what is meanwhile, down to a page; returns how many events are folded."""
    count = 0
    while (head := journal.head()) - count > PAGE:
        count += fold(count, head)
    return count


# --- SQLite ----------------------------------------------------------------------------------------------


def _in_a_file(journal: Journal) -> int:
    def fold(connection: sa.Connection, after: int, to: int) -> int:
        return fold_all(journal, connection, after=after, to=to)

    with (
        _only_one(Path(journal.database.url.database or "")),
        beside(journal.database, read_models(journal), fold) as made,
    ):
        made.make()
        count = _until_few_are_left(journal, made.fold)
        return made.put_in_place(journal.recorder.hold_order, count)


@contextmanager
def _only_one(file: Path) -> Iterator[None]:
    with file.with_name(f"{file.name}.rebuild").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RebuildUnderWay(f"{file} is being rebuilt already") from None
        yield


# --- PostgreSQL ------------------------------------------------------------------------------------------


def _in_a_schema(journal: Journal) -> int:
    with journal.database.write() as connection:
        live = str(connection.execute(sa.text("SELECT current_schema()")).scalar_one())
        key = {"key": f"{live}.rebuild"}
        lock = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
        if not connection.execute(lock, key).scalar_one():
            raise RebuildUnderWay(f"schema {live} is being rebuilt already")
        shadow = _Shadow(journal, connection, live)
        shadow.make()
        count = _until_few_are_left(journal, shadow.fold)
        shadow.finish()
        return shadow.put_in_place(count)


class _Shadow:
    """The read models' tables in schema `<live>_next`, seen by this one transaction until it commits."""

    def __init__(self, journal: Journal, connection: sa.Connection, live: str) -> None:
        self._journal = journal
        self._connection = connection
        self._live = live
        self._next = f"{live}_next"
        self._tables = read_models(journal)

    def make(self) -> None:
        """Create the tables, without the indexes that folding needs not."""
        self._connection.exec_driver_sql(f'CREATE SCHEMA "{self._next}"')
        self._look_in(self._next, self._live)
        for table in self._tables:
            self._connection.execute(sa.schema.CreateTable(table))

    def fold(self, after: int, to: int) -> int:
        """Fold events into the new tables; returns how many."""
        self._look_in(self._next, self._live)
        return fold_all(self._journal, self._connection, after=after, to=to)

    def finish(self) -> None:
        """Make the indexes, let the same roles read and write, and let the planner know the new tables."""
        self._look_in(self._next, self._live)
        for table in self._tables:
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                self._connection.execute(sa.schema.CreateIndex(index))
            self._grant(table.name)
            self._connection.exec_driver_sql(f'ANALYZE "{self._next}"."{table.name}"')

    def put_in_place(self, count: int) -> int:
        """With no one writing, fold the rest and put the new tables where the old ones were.

        Readers hold the old tables for as long as a statement or snapshot of theirs takes. Rather than let
        everyone queue behind them, this gives up after a moment, lets writers go on, and tries again.
        """
        for _ in range(SWAP_TRIES):
            try:
                with self._connection.begin_nested():
                    folded = self._rest(count)
                    self._swap()
            except sa.exc.OperationalError as error:
                if getattr(error.orig, "sqlstate", None) not in {"55P03", "40P01"}:  # lock timeout, deadlock
                    raise
                time.sleep(_BETWEEN_TRIES_SECONDS)
            else:
                self._connection.exec_driver_sql(f'DROP SCHEMA "{self._next}"')
                return folded
        raise ReadersInTheWay(f"{SWAP_TRIES} times someone was reading longer than a moment; try again")

    def _rest(self, count: int) -> int:
        self._look_in(self._live)  # the ordering lock is named for the schema in which the journal is
        head = self._journal.recorder.hold_order(self._connection)
        return count + self.fold(count, head)

    def _swap(self) -> None:
        """The lock on `events` is for snapshots: see `Database.snapshot`."""
        run = self._connection.exec_driver_sql
        events = self._journal.tables.events.name
        every = ", ".join(f'"{self._live}"."{name}"' for name in (events, *(t.name for t in self._tables)))
        run(f"SET LOCAL lock_timeout = {SWAP_WAIT_MILLISECONDS}")
        run(f"LOCK TABLE {every} IN ACCESS EXCLUSIVE MODE")
        for table in self._tables:
            run(f'DROP TABLE "{self._live}"."{table.name}"')
            run(f'ALTER TABLE "{self._next}"."{table.name}" SET SCHEMA "{self._live}"')

    def _look_in(self, *schemas: str) -> None:
        path = ", ".join(f'"{schema}"' for schema in schemas)
        self._connection.exec_driver_sql(f"SET LOCAL search_path = {path}")

    def _grant(self, name: str) -> None:
        """Whoever may use the live table may use the new one."""
        query = sa.text(
            "SELECT privilege_type, grantee::regrole::text FROM pg_class, aclexplode(relacl) "
            "WHERE oid = CAST(:name AS regclass) AND grantee <> relowner AND grantee <> 0"
        )
        for privilege, role in self._connection.execute(query, {"name": f'"{self._live}"."{name}"'}).all():
            self._connection.exec_driver_sql(f'GRANT {privilege} ON "{self._next}"."{name}" TO {role}')


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: facts and rows hold no cycles, and looking for some takes a third more."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
