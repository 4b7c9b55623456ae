"""SQLite read models made beside the live ones, which then take their place while writers wait a moment.

They are folded in a file of their own, to which the live one is attached: a read model's name means the table
that is being made, any other name the live one. Then they are copied into tables beside the live ones, some
rows at a time, so that writers come in between. Under the writer's lock what came since is folded, and the
old and new tables change places: a table of SQLite is the page at which its tree begins, so the two pages are
exchanged in the schema, for each table and each of its indexes, which are made from the same words.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from services.kernel.database import Database, sqlite_url

SUFFIX: Final = "__next"
"""What a rebuild that was killed left behind is called so, and is cleared away by the next one."""
ROWS_AT_ONCE: Final = 1_000
Fold = Callable[[sa.Connection, int, int], int]


class Beside:
    """The read models' tables in the making; `fold` folds the events between two positions."""

    def __init__(self, connection: sa.Connection, tables: Sequence[sa.Table], fold: Fold) -> None:
        self._connection = connection
        self._tables = tables
        self._fold = fold

    def make(self) -> None:
        """Clear away what was left, and make empty tables in the file beside."""
        self.clear()
        with self._transaction():
            for table in self._tables:
                self._connection.execute(sa.schema.CreateTable(table))

    def fold(self, after: int, to: int) -> int:
        """Fold events; writers are not hindered. Returns how many."""
        with self._transaction():
            return self._fold(self._connection, after, to)

    def copy(self) -> None:
        """Copy the tables into the live file, under other names; from now on note which rows change."""
        for table in self._tables:
            with self._transaction(write=True):
                self._note_changes(table)
                self._make_like(table.name)
            self._copy_rows(table)

    def put_in_place(self, hold_order: Callable[[sa.Connection], int], count: int) -> int:
        """With no one writing, fold the rest and let old and new change places; returns how many events."""
        with self._transaction(write=True):
            count += self._fold(self._connection, count, hold_order(self._connection))
            for table in self._tables:
                self._copy_changed(table)
            self._exchange()
        with self._transaction():
            self._run("PRAGMA writable_schema=RESET")
        self.clear()
        return count

    def clear(self) -> None:
        """Drop tables beside the live ones, emptied some rows at a time."""
        query = "SELECT name FROM live.sqlite_master WHERE type = ? AND name GLOB ?"
        for kind in ("index", "table"):
            with self._transaction():
                names = self._connection.exec_driver_sql(query, (kind, f"*{SUFFIX}")).scalars().all()
            for name in names:
                if kind == "table":
                    self._empty(name)
                with self._transaction(write=True):
                    self._run(f'DROP {kind.upper()} live."{name}"')

    def _empty(self, name: str) -> None:
        some = f'SELECT rowid FROM live."{name}" LIMIT {ROWS_AT_ONCE}'  # noqa: S608  # the names are ours
        while True:
            started = time.monotonic()
            with self._transaction(write=True):
                gone = self._run(f'DELETE FROM live."{name}" WHERE rowid IN ({some})').rowcount  # noqa: S608
            if gone < ROWS_AT_ONCE:
                return
            _let_others_write(started)

    def _make_like(self, name: str) -> None:
        """A table of another name from the very words that made the live one, with its indexes."""
        query = "SELECT type, name, sql FROM live.sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
        parts = self._connection.exec_driver_sql(query, (name,)).all()
        for kind, part, sql in sorted(parts, key=lambda row: row.type != "table"):
            self._run(_renamed(sql, kind, part, name))

    def _copy_rows(self, table: sa.Table) -> None:
        columns = _columns(table)
        upto = (
            f'SELECT max(rowid) FROM (SELECT rowid FROM main."{table.name}" '  # noqa: S608  # the names are ours
            f"WHERE rowid > ? ORDER BY rowid LIMIT {ROWS_AT_ONCE})"
        )
        copy = (
            f'INSERT INTO live."{table.name}{SUFFIX}" ({columns}) '  # noqa: S608
            f'SELECT {columns} FROM main."{table.name}" WHERE rowid > ? AND rowid <= ?'
        )
        last = 0
        while True:
            started = time.monotonic()
            with self._transaction(write=True):
                end = self._connection.exec_driver_sql(upto, (last,)).scalar_one()
                if end is None:
                    return
                self._connection.exec_driver_sql(copy, (last, end))
            last = end
            _let_others_write(started)

    def _note_changes(self, table: sa.Table) -> None:
        keys = [f'"{column.name}"' for column in table.primary_key.columns]
        name = f"{table.name}{SUFFIX}_changed"
        self._run(f'CREATE TABLE main."{name}" ({", ".join(keys)})')
        for verb, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
            noted = " ".join(
                f'INSERT INTO "{name}" VALUES ({", ".join(f"{row}.{key}" for key in keys)});'  # noqa: S608
                for row in rows
            )
            trigger = f'main."{name}_{verb.lower()}" AFTER {verb} ON "{table.name}"'
            self._run(f"CREATE TRIGGER {trigger} BEGIN {noted} END")

    def _copy_changed(self, table: sa.Table) -> None:
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
        changed = f'({keys}) IN (SELECT {keys} FROM main."{table.name}{SUFFIX}_changed")'  # noqa: S608
        columns, beside = _columns(table), f'live."{table.name}{SUFFIX}"'
        self._run(f"DELETE FROM {beside} WHERE {changed}")  # noqa: S608
        self._run(
            f'INSERT INTO {beside} ({columns}) SELECT {columns} FROM main."{table.name}" '  # noqa: S608
            f"WHERE {changed}"
        )

    def _exchange(self) -> None:
        """Give each live table and index the page of its counterpart, and the other way round."""
        names = ", ".join(f"'{table.name}', '{table.name}{SUFFIX}'" for table in self._tables)
        query = f"SELECT name, rootpage FROM live.sqlite_master WHERE tbl_name IN ({names})"  # noqa: S608
        pages: dict[str, int] = {row.name: row.rootpage for row in self._run(query)}
        self._run("PRAGMA writable_schema=ON")
        for name, page in pages.items():
            other = pages[_counterpart(name)]
            if page == other:
                raise AssertionError(f"{name} has no counterpart")
            place = (other, name)
            self._connection.exec_driver_sql(
                "UPDATE live.sqlite_master SET rootpage = ? WHERE name = ?", place
            )
        version = self._run("PRAGMA live.schema_version").scalar_one()
        self._run(f"PRAGMA live.schema_version={version + 1}")

    @contextmanager
    def _transaction(self, *, write: bool = False) -> Iterator[None]:
        """One that takes the live file's writer's lock at its start, or writes only into the file beside."""
        self._connection.execution_options(tizilim_write=write)
        with self._connection.begin():
            yield

    def _run(self, statement: str) -> sa.CursorResult[Any]:
        return self._connection.exec_driver_sql(statement)


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


def _let_others_write(started: float) -> None:
    """Pause as long as the lock was held: who waits for it only looks now and then whether it is free."""
    time.sleep(time.monotonic() - started)


def _throw_away(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        file.with_name(f"{file.name}{ending}").unlink(missing_ok=True)


def _columns(table: sa.Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _renamed(sql: str, kind: str, name: str, table: str) -> str:
    """The words that made a table or an index, for its counterpart in the live file."""
    if kind == "table":
        words, count = re.subn(rf'^CREATE TABLE "?{table}"?', f'CREATE TABLE live."{table}{SUFFIX}"', sql)
    else:
        words, count = re.subn(
            rf'^CREATE (UNIQUE )?INDEX "?{name}"? ON "?{table}"?',
            rf'CREATE \g<1>INDEX live."{name}{SUFFIX}" ON "{table}{SUFFIX}"',
            sql,
        )
    if count != 1:
        raise ValueError(f"{name} was made in words that are not understood: {sql}")
    return words


_OWN_INDEX: Final = re.compile(r"sqlite_autoindex_(?P<table>.+)_(?P<number>[0-9]+)")


def _counterpart(name: str) -> str:
    """The table or index that changes places with one; SQLite names the indexes of keys itself."""
    found = _OWN_INDEX.fullmatch(name)
    if found is not None:
        return f"sqlite_autoindex_{_counterpart(found['table'])}_{found['number']}"
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else name + SUFFIX
