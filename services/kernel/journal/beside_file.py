"""SQLite read models made beside the live ones, whose rows then take the place of the old in one transaction.

They are folded in a file of their own, to which the live one is attached: a read model's name means the table
that is being made, any other name the live one. Writers wait only while what came since is folded and the
rows are put in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from services.kernel.database import Database, sqlite_url

Fold = Callable[[sa.Connection, int, int], int]
_INDEXES: Final = (
    "SELECT name, sql FROM live.sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql <> ''"
)


class Beside:
    """The read models' tables in the making; `fold` folds the events between two positions."""

    def __init__(self, connection: sa.Connection, tables: Sequence[sa.Table], fold: Fold) -> None:
        self._connection = connection
        self._tables = tables
        self._fold = fold

    def make(self) -> None:
        """Make empty tables in the file beside, without the indexes that folding needs not."""
        with self._transaction():
            for table in self._tables:
                self._connection.execute(sa.schema.CreateTable(table))

    def fold(self, after: int, to: int) -> int:
        """Fold events; writers are not hindered. Returns how many."""
        with self._transaction():
            return self._fold(self._connection, after, to)

    def put_in_place(self, hold_order: Callable[[sa.Connection], int], count: int) -> int:
        """With no one writing, fold the rest and replace the old rows; returns how many events.

        Readers see the old ones until it commits.
        """
        with self._transaction(write=True):
            count += self._fold(self._connection, count, hold_order(self._connection))
            for table in self._tables:
                self.replace(table)
        return count

    def replace(self, table: sa.Table) -> None:
        """The rows of one table, and its indexes made anew: cheaper than keeping them up for each row."""
        run = self._connection.exec_driver_sql
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        indexes = run(_INDEXES, (table.name,)).all()
        for name, _ in indexes:
            run(f'DROP INDEX live."{name}"')
        run(f'DELETE FROM live."{table.name}"')  # noqa: S608  # the names are ours
        run(f'INSERT INTO live."{table.name}" ({columns}) SELECT {columns} FROM main."{table.name}"')  # noqa: S608
        for _, made_by in indexes:
            run(_in_live(made_by))

    @contextmanager
    def _transaction(self, *, write: bool = False) -> Iterator[None]:
        """One that takes the live file's writer's lock at its start, or writes only into the file beside."""
        self._connection.execution_options(tizilim_write=write)
        with self._connection.begin():
            yield


@contextmanager
def beside(database: Database, tables: Sequence[sa.Table], fold: Fold) -> Iterator[Beside]:
    """Tables in a file beside a SQLite database's own, which is thrown away at the end."""
    live = database.url.database or ""
    file = Path(f"{live}.next")
    _throw_away(file)
    made = Database(sqlite_url(file), personal=database.personal)

    @sa_event.listens_for(made.engine.pool, "connect")
    def attach(connection: Any, _entry: object) -> None:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("ATTACH DATABASE ? AS live", (live,))
        connection.execute("PRAGMA live.synchronous=FULL")
        connection.execute("PRAGMA live.secure_delete=ON")

    try:
        with made.engine.connect() as connection:
            yield Beside(connection, tables, fold)
    finally:
        made.engine.dispose()
        _throw_away(file)


def _throw_away(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        file.with_name(f"{file.name}{ending}").unlink(missing_ok=True)


def _in_live(made_by: str) -> str:
    """The words that made an index, naming the live file: else SQLite would make one in the main file."""
    words, _, rest = made_by.partition(" INDEX ")
    return f"{words} INDEX live.{rest}"
