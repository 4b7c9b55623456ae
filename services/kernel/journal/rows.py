"""Writing many rows in few statements, and few statements in one round trip.

On PostgreSQL what a batch writes waits in `Outgoing` until something is read or the batch commits, and then
goes out in one pipeline. Every round trip saved is also one time less that the leader of a group commit hands
the interpreter's lock to the threads that serve requests.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from services.kernel.database import OUTGOING, executed, psycopg_connection

Row = dict[str, Any]
_SPLIT: Final = "string_to_array(%b, ',', '')"
FEW_ROWS: Final = 16
"""Up to so many rows are written with a parameter for each value, more with an array for each column."""


class Outgoing:
    """The statements of one PostgreSQL transaction that were not sent yet, in their order."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, Any]] = []

    def add(self, query: str, parameters: Any) -> None:
        """Send this with those that wait."""
        self._waiting.append((query, parameters))

    def send(self) -> None:
        """Send what waits. Raises what any of the statements raises."""
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            self._connection.execute(*waiting[0])
        elif waiting:
            with self._connection.pipeline(), self._connection.cursor() as cursor:
                for query, parameters in waiting:
                    cursor.execute(query, parameters)

    def commit(self) -> None:
        """Send what waits and the commit together."""
        if len(self._waiting) < 2:  # a pipeline costs more than the one round trip it saves
            self.send()
            self._connection.commit()
            return
        with self._connection.pipeline():
            self.send()
            self._connection.commit()


@contextmanager
def outgoing(connection: sa.Connection) -> Iterator[Outgoing | None]:
    """Hold back what is written on `connection` for as long as possible; None on SQLite, where it is not.

    Any statement executed through SQLAlchemy sends what waits before it (`Database` sees to that).
    """
    if connection.dialect.name != "postgresql":
        yield None
        return
    held = Outgoing(psycopg_connection(connection))
    info = connection.info  # asked of a connection that was lost meanwhile, it would raise what hides that
    info[OUTGOING] = held
    try:
        yield held
        held.send()
    finally:
        info.pop(OUTGOING, None)


class Ahead(Outgoing):
    """Sends each statement as it comes; answers are awaited when something is read, or at the end.

    So PostgreSQL writes while we prepare what comes next. What a statement raises comes with a later one.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        super().__init__(connection)
        self._pipeline = ExitStack()
        self._is_open = False

    def add(self, query: str, parameters: Any) -> None:
        """Send this now."""
        if not self._is_open:
            self._pipeline.enter_context(self._connection.pipeline())
            self._is_open = True
        self._connection.execute(query, parameters)

    def send(self) -> None:
        """Wait for the answers. Raises what any of the statements raises."""
        self._is_open = False
        self._pipeline.close()

    def give_up(self, error: BaseException) -> None:
        """Wait for the answers after `error`, which counts for more than what they say."""
        self._is_open = False
        self._pipeline.__exit__(type(error), error, error.__traceback__)


@contextmanager
def sent_ahead(connection: sa.Connection) -> Iterator[None]:
    """Let PostgreSQL work on what is written while more is prepared; SQLite writes at once."""
    if connection.dialect.name != "postgresql":
        yield
        return
    held = Ahead(psycopg_connection(connection))
    info = connection.info  # as above
    info[OUTGOING] = held
    try:
        yield
        held.send()
    except BaseException as error:
        held.give_up(error)
        raise
    finally:
        info.pop(OUTGOING, None)


def _send(connection: sa.Connection, query: str, parameters: list[Any]) -> None:
    """Run a statement on PostgreSQL, or let it wait with those that are held back."""
    held: Outgoing | None = connection.info.get(OUTGOING)
    if held is not None:
        held.add(query, parameters)
    else:
        psycopg_connection(connection).execute(query, parameters)


def _unnested(columns: Iterable[sa.Column[Any]], plain: Collection[str] = ()) -> str:
    """Rows from an array for each column; arrays in binary take a sixth of the time they take as text.

    Those of `plain` columns come as one text, which takes a third of that again.
    """
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it unannotated
    arrays = (
        f"CAST({_SPLIT if column.name in plain else '%b'} AS {column.type.compile(dialect)}[])"
        for column in columns
    )
    return f"unnest({', '.join(arrays)})"


class BulkInsert:
    """Insert many rows of one table in one statement; a key that exists is a conflict.

    Columns that have the `same` value in every row stand in the statement. Values of `plain` columns are
    texts of ours without a comma, never empty (ids, names of states).
    """

    def __init__(
        self,
        table: sa.Table,
        *,
        same: Mapping[str, str | int | None] | None = None,
        plain: Collection[str] = (),
    ) -> None:
        self.table = table
        same = same or {}
        given = [column for column in table.columns if column.name not in same]
        self._columns = [column.name for column in given]
        self._plain = plain
        self._same = [_literal(value) for value in same.values()]
        self._insert = f"INSERT INTO {table.name} ({', '.join([*self._columns, *same])})"
        self._sqlite = f"{self._insert} VALUES {self._marks('?')} {self.conflict_clause()}"
        dialect = sqlite.dialect()
        bound = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in given]
        self._bound = [(place, bind) for place, bind in enumerate(bound) if bind is not None]
        self._values_of = itemgetter(*self._columns) if len(self._columns) > 1 else _only(self._columns[0])
        selected = f"SELECT {', '.join(['*', *self._same])} FROM {_unnested(given, plain)}"  # noqa: S608  # our names
        self._many = f"{self._insert} {selected} {self.conflict_clause()}"
        self._few: dict[int, str] = {}

    def conflict_clause(self) -> str:
        """What is done about a key that exists, in the words both dialects share."""
        return ""

    def _marks(self, mark: str) -> str:
        return f"({', '.join([mark] * len(self._columns) + self._same)})"

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Write `rows`, each with a value for every column that is not the same in all of them."""
        if not rows:
            return
        if connection.dialect.name != "postgresql":
            connection.exec_driver_sql(self._sqlite, [self._tuple(row) for row in rows])
            return
        _send(connection, *self._statement(rows))

    def _tuple(self, row: Row) -> tuple[Any, ...]:
        values = list(self._values_of(row))
        for place, bind in self._bound:
            values[place] = bind(values[place])
        return tuple(values)

    def _statement(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        count = len(rows)
        if count > FEW_ROWS:
            return self._many, [self._column(name, rows) for name in self._columns]
        query = self._few.get(count)
        if query is None:
            values = ", ".join([self._marks("%s")] * count)
            query = self._few[count] = f"{self._insert} VALUES {values} {self.conflict_clause()}"
        return query, [row[name] for row in rows for name in self._columns]

    def _column(self, name: str, rows: Sequence[Row]) -> str | list[Any]:
        values = [row[name] for row in rows]
        return ",".join([value or "" for value in values]) if name in self._plain else values


def _literal(value: str | int | None) -> str:
    """A value of ours as SQL writes it."""
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _only(name: str) -> Callable[[Row], tuple[Any]]:
    """The one value of a row, as `itemgetter` gives several."""
    return lambda row: (row[name],)


class BulkUpsert(BulkInsert):
    """Insert many rows or replace those whose key exists; with `replace=False` such a row stays as it was."""

    def __init__(self, table: sa.Table, *, replace: bool = True) -> None:
        self._replaced = [c.name for c in table.columns if replace and not c.primary_key]
        super().__init__(table)

    def conflict_clause(self) -> str:
        """See `BulkInsert`."""
        keys = ", ".join(column.name for column in self.table.primary_key.columns)
        updates = ", ".join(f"{name} = excluded.{name}" for name in self._replaced)
        return f"ON CONFLICT ({keys}) DO {f'UPDATE SET {updates}' if updates else 'NOTHING'}"


class BulkUpdate:
    """Set some columns of many rows, each found by its primary key; a row that is not there is left out."""

    def __init__(self, table: sa.Table, *columns: str) -> None:
        (self._key,) = table.primary_key.columns
        self._columns = columns
        self._on_sqlite = (
            sa.update(table)
            .where(self._key == sa.bindparam("found_by"))
            .values({name: sa.bindparam(name) for name in columns})
        )
        changed = ", ".join(f"{name} = changed.{name}" for name in columns)
        source = _unnested([self._key, *(table.columns[name] for name in columns)])
        names = ", ".join([self._key.name, *columns])
        self._on_postgresql = (
            f"UPDATE {table.name} SET {changed} FROM {source} AS changed ({names}) "  # noqa: S608  # our names
            f"WHERE {table.name}.{self._key.name} = changed.{self._key.name}"
        )

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Write `rows`, each with the key and the changed columns; of one key only one row."""
        if not rows:
            return
        names = (self._key.name, *self._columns)
        if connection.dialect.name == "postgresql":
            _send(connection, self._on_postgresql, [[row[name] for row in rows] for name in names])
            return
        given = [{"found_by": row[names[0]], **{name: row[name] for name in self._columns}} for row in rows]
        connection.execute(self._on_sqlite, given)


class ByKeys:
    """The rows of a table with one of many values in a column: read or deleted, all in one statement.

    What is read `to_hold` stays as it is until the transaction ends (on SQLite everything does).
    """

    def __init__(self, column: sa.Column[Any]) -> None:
        table = column.table
        if not isinstance(table, sa.Table):
            raise TypeError(f"{column} is no table's")
        among = column.in_(sa.bindparam("keys", expanding=True))
        self._names = [one.name for one in table.columns]
        self._select = sa.select(table).where(among)
        self._delete = sa.delete(table).where(among)
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it unannotated
        found = f"FROM {table.name} WHERE {column.name} = ANY(CAST(%b AS {column.type.compile(dialect)}[]))"
        self._selected = f"SELECT {', '.join(self._names)} {found}"
        self._held = (
            f"{self._selected} ORDER BY {column.name} FOR SHARE"  # in one order: nobody waits in a circle
        )
        self._deleted = f"DELETE {found}"

    def read(self, connection: sa.Connection, keys: Collection[Any], *, to_hold: bool = False) -> list[Row]:
        """The rows, in no order."""
        if connection.dialect.name != "postgresql":
            return [dict(row) for row in connection.execute(self._select, {"keys": list(keys)}).mappings()]
        if (held := connection.info.get(OUTGOING)) is not None:
            held.send()
        query = self._held if to_hold else self._selected
        rows = executed(connection, query, [list(keys)])
        return [dict(zip(self._names, row, strict=True)) for row in rows]

    def delete(self, connection: sa.Connection, keys: Collection[Any]) -> None:
        """Delete the rows."""
        if connection.dialect.name == "postgresql":
            _send(connection, self._deleted, [list(keys)])
        else:
            connection.execute(self._delete, {"keys": list(keys)})


class Prepared:
    """A query asked often, with a value for each named parameter; compiled once where that saves most.

    On PostgreSQL it goes to the driver as it was compiled, which prepares it: SQLAlchemy's way there costs
    more of the interpreter than the driver's own. For columns that the driver reads without conversion.
    """

    def __init__(self, query: sa.Select[Any]) -> None:
        self._query = query
        compiled = query.compile(dialect=psycopg_dialect.dialect())  # type: ignore[no-untyped-call]  # as above
        self._text, self._fixed = str(compiled), dict(compiled.params)
        self._row = namedtuple("Row", query.selected_columns.keys())  # type: ignore[misc]  # names of this query

    def all(self, connection: sa.Connection, **values: object) -> Sequence[Any]:
        """The rows, their columns by name."""
        if connection.dialect.name != "postgresql":
            return connection.execute(self._query, values).all()
        if (held := connection.info.get(OUTGOING)) is not None:
            held.send()
        return [self._row(*row) for row in executed(connection, self._text, {**self._fixed, **values})]

    def first_column(self, connection: sa.Connection, **values: object) -> list[Any]:
        """The first value of each row."""
        return [row[0] for row in self.all(connection, **values)]


class Stored:
    """The records of a journal, as few steps from the database as there can be."""

    def __init__(self, events: sa.Table) -> None:
        query = f"SELECT position, recorded_at, record, type FROM {events.name} WHERE position"  # noqa: S608  # ours
        self._between = f"{query} > ? AND position <= ? ORDER BY position"
        query = f"SELECT stream_version, type, record FROM {events.name} WHERE stream_id = ?"  # noqa: S608  # ours
        self._stream = f"{query} AND stream_version > ? AND stream_version <= ? ORDER BY stream_version"
        query = f"SELECT stream_id, position, type, record FROM {events.name}"  # noqa: S608  # ours
        order = "AND position <= ? ORDER BY position"
        self._streams = f"{query} WHERE stream_id = ANY(?) {order}"
        some = "IN (SELECT value FROM json_each(?))"
        self._streams_on_sqlite = f"{query} WHERE stream_id {some} {order}"

    def between(self, connection: sa.Connection, after: int, to: int) -> Sequence[Sequence[Any]]:
        """Position, instant (microseconds), record and type of the events after a position up to another."""
        return _fetched(connection, self._between, (after, to))

    def stream(
        self, connection: sa.Connection, stream_id: UUID, after: int, to: int
    ) -> Sequence[Sequence[Any]]:
        """Version, type and record of a stream's events after a version up to another, oldest first."""
        key = stream_id if connection.dialect.name == "postgresql" else stream_id.hex
        return _fetched(connection, self._stream, (key, after, to))

    def streams(
        self, connection: sa.Connection, stream_ids: Sequence[UUID], to: int
    ) -> Iterator[Sequence[Any]]:
        """Stream, position, type and record of several streams' events up to a position, oldest first."""
        if connection.dialect.name == "postgresql":
            yield from _fetched(connection, self._streams, (list(stream_ids), to))
            return
        by_hex = {stream_id.hex: stream_id for stream_id in stream_ids}  # one object for all rows of a stream
        rows = _fetched(connection, self._streams_on_sqlite, (json.dumps(list(by_hex)), to))
        for stream_id, position, name, record in rows:
            yield by_hex[stream_id], position, name, record


def _fetched(connection: sa.Connection, query: str, parameters: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
    if connection.dialect.name != "postgresql":
        return connection.exec_driver_sql(query, parameters).all()
    return executed(connection, query.replace("?", "%s"), parameters).fetchall()
