"""Long lists of values looked up a few hundred at a time, so that no statement grows without bound."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

AT_ONCE: Final = 500
ValueT = TypeVar("ValueT", str, UUID, int)


def in_parts(values: Iterable[ValueT]) -> Iterator[list[ValueT]]:
    """The values in lists of at most 500."""
    ordered = sorted(values)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def among(connection: sa.Connection, column: sa.Column[UUID], ids: Sequence[UUID]) -> sa.ColumnElement[bool]:
    """The condition that a column has one of many ids.

    They are one parameter, so that the statement stays the same, and prepared, however many there are.
    """
    if connection.dialect.name == "postgresql":
        return column == sa.any_(sa.literal(ids, postgresql.ARRAY(column.type)))
    each = sa.func.json_each(json.dumps([one.hex for one in ids])).table_valued("value")
    return column.in_(sa.select(each.c.value))
