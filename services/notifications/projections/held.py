"""Rows of one table as a batch of facts leaves them: read once, changed in memory, written together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from services.kernel.journal.rows import BulkUpsert, ByKeys, Row


class Keyed:
    """How the rows of a table whose key is one text are read and written."""

    def __init__(self, table: sa.Table) -> None:
        (key,) = table.primary_key.columns
        self.key: str = key.name
        self.empty: Row = dict.fromkeys(column.name for column in table.columns)
        self.rows = ByKeys(key)
        self.upsert = BulkUpsert(table)


class Held:
    """What a batch knows of one table. Nobody else changes it meanwhile: a follower is its only writer.

    Rows that are read `to_hold` stay as they are until the transaction ends, whoever would change them.
    """

    def __init__(self, connection: sa.Connection, keyed: Keyed, *, to_hold: bool = False) -> None:
        self._connection = connection
        self._keyed = keyed
        self._to_hold = to_hold
        self._rows: dict[str, Row | None] = {}
        self._changed: set[str] = set()

    def expect(self, keys: Iterable[str]) -> None:
        """Read the rows of these keys now, in one statement, so that none of them is read alone later."""
        wanted = sorted(set(keys) - self._rows.keys())
        if not wanted:
            return
        self._rows.update(dict.fromkeys(wanted))
        for row in self._keyed.rows.read(self._connection, wanted, to_hold=self._to_hold):
            self._rows[row[self._keyed.key]] = row

    def get(self, key: str) -> Row | None:
        """The row of a key, None where there is none."""
        if key not in self._rows:
            self.expect((key,))
        return self._rows[key]

    def put(self, key: str, **values: Any) -> None:
        """Set what is named of a row, which is made where there is none."""
        row = self.get(key)
        after = {**(row or {**self._keyed.empty, self._keyed.key: key}), **values}
        if after != row:
            self._rows[key] = after
            self._changed.add(key)

    def change(self, key: str, **values: Any) -> None:
        """Set what is named of a row that there is."""
        if self.get(key) is not None:
            self.put(key, **values)

    def write(self) -> None:
        """Write what was changed, in one statement."""
        rows = [row for key in sorted(self._changed) if (row := self._rows[key]) is not None]
        self._keyed.upsert(self._connection, rows)
        self._changed.clear()
