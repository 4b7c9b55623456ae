"""Two databases of one service, compared table by table, row by row, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

ROWS_AT_ONCE: Final = 2_000
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Compared:
    """A table's rows on the replayed side, and the first difference in words, None where there is none."""

    table: str
    rows: int
    difference: str | None


def compare(live: sa.Connection, replayed: sa.Connection, table: sa.Table) -> Compared:
    """Walk both tables in the order of their keys up to the first difference."""
    theirs, ours = _rows(live, table), _rows(replayed, table)
    count = 0
    while True:
        one, other = next(theirs, None), next(ours, None)
        if one is None and other is None:
            return Compared(table.name, count, None)
        if one != other:
            return Compared(table.name, count, _difference(table, one, other))
        count += 1


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Any, ...]]:
    keys = [_in_byte_order(connection, column) for column in table.primary_key.columns]
    streaming = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
    with streaming.execute(sa.select(table).order_by(*keys)) as rows:
        for row in rows:
            yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _in_byte_order(connection: sa.Connection, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """PostgreSQL may sort texts by a language; SQLite sorts them by their bytes."""
    is_text = isinstance(column.type, sa.Text) and connection.dialect.name == "postgresql"
    return sa.collate(column, "C") if is_text else column


def _difference(table: sa.Table, live: Sequence[Any] | None, replayed: Sequence[Any] | None) -> str:
    names = [column.name for column in table.columns]
    places = [names.index(column.name) for column in table.primary_key.columns]

    def key(row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(row[place] for place in places)

    def told(row: Sequence[Any]) -> str:
        return ", ".join(f"{names[place]} {row[place]}" for place in places)

    if live is None or (replayed is not None and key(replayed) < key(live)):
        return f"live has no row {told(replayed or ())}"
    if replayed is None or key(live) < key(replayed):
        return f"replayed has no row {told(live)}"
    place = next(place for place, value in enumerate(live) if value != replayed[place])
    values = f"{value_shown(live[place])} live, {value_shown(replayed[place])} replayed"
    return f"{told(live)}: {names[place]} is {values}"


def value_shown(value: object) -> str:
    """A value as a difference tells it, not longer than a line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
