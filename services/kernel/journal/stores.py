"""What the recorder says differently to PostgreSQL and to SQLite: taking the ordering lock.

On PostgreSQL the lock, the head and the numbers come with the transaction's beginning in one round trip; all
that the batch writes and the commit can then share another (`services.kernel.journal.rows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import psycopg
import sqlalchemy as sa
from psycopg import pq

from services.kernel.database import psycopg_connection
from services.kernel.journal.tables import JournalTables

_HEAD: Final = "BEGIN; SELECT head_position, head_recorded_at, numbers FROM journal_head('{%s}', '{%s}')"


@dataclass(frozen=True, slots=True)
class Head:
    """The journal's end under the ordering lock, and the last number used of each sequence asked for."""

    position: int
    recorded_at: int
    numbers: dict[str, int]


class Store(Protocol):
    """One dialect's way of beginning a batch."""

    def lock(self, connection: sa.Connection, wanted: Mapping[str, int]) -> Head:
        """Take the ordering lock; reserve `wanted` numbers of each sequence."""


class PostgreSQLStore:
    """Speaks libpq through psycopg: the library would begin the transaction in a round trip of its own."""

    def lock(self, connection: sa.Connection, wanted: Mapping[str, int]) -> Head:
        """See `Store`. Sequences are named in code, in letters, so their names need no quoting."""
        raw = psycopg_connection(connection)
        begun = raw.info.transaction_status != pq.TransactionStatus.IDLE
        query = _HEAD % (",".join(wanted), ",".join(map(str, wanted.values())))
        answer = raw.pgconn.exec_(query.removeprefix("BEGIN; ").encode() if begun else query.encode())
        if answer.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(answer)
        position, recorded_at, numbers = (answer.get_value(0, column) for column in range(3))
        return Head(
            int(position or 0),
            int(recorded_at or 0),
            dict(zip(wanted, map(int, (numbers or b"").strip(b"{}").split(b",")), strict=True))
            if wanted
            else {},
        )


class SQLiteStore:
    """Speaks SQLAlchemy Core; `BEGIN IMMEDIATE` already holds the only writer's lock."""

    def __init__(self, tables: JournalTables) -> None:
        events, self._sequences = tables.events, tables.sequences
        self._head = (
            sa.select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
        )

    def lock(self, connection: sa.Connection, wanted: Mapping[str, int]) -> Head:
        """See `Store`."""
        found = connection.execute(self._head).one_or_none()
        position, recorded_at = (found[0], found[1]) if found is not None else (0, 0)
        return Head(position, recorded_at, self._reserve(connection, wanted))

    def _reserve(self, connection: sa.Connection, wanted: Mapping[str, int]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        sequences = self._sequences
        for name, count in wanted.items():
            raised = connection.execute(
                sa.update(sequences)
                .where(sequences.c.name == name)
                .values(last_value=sequences.c.last_value + count)
                .returning(sequences.c.last_value)
            ).scalar_one_or_none()
            if raised is None:
                connection.execute(sa.insert(sequences).values(name=name, last_value=count))
                raised = count
            numbers[name] = raised - count
        return numbers
