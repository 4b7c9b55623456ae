"""What the recorder says differently to PostgreSQL and to SQLite: taking the lock, and writing the rows.

On PostgreSQL the hot statements go to psycopg directly, several to a round trip: a batch then takes one for
begin, lock, head and numbers, one or two for each read model, one for events and keys, one for the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import sqlalchemy as sa

from services.kernel.database import psycopg_connection
from services.kernel.journal.tables import JournalTables

Row = Mapping[str, Any]

_HEAD: Final = "SELECT * FROM journal_head(%s, %s)"
_EVENTS: Final = (
    "INSERT INTO events (position, stream_id, stream_version, type, recorded_at, record) VALUES "
    "(%(position)s, %(stream_id)s, %(stream_version)s, %(type)s, %(recorded_at)s, %(record)s)"
)
_KEYS: Final = (
    "INSERT INTO idempotency_keys (principal, operation, key, body_digest, status, resource, "
    "stream_version, position, stored_at) VALUES (%(principal)s, %(operation)s, %(key)s, %(body_digest)s, "
    "%(status)s, %(resource)s, %(stream_version)s, %(position)s, %(stored_at)s)"
)


@dataclass(frozen=True, slots=True)
class Head:
    """The journal's end under the ordering lock, and the last number used of each sequence asked for."""

    position: int
    recorded_at: int
    numbers: dict[str, int]


class Store(Protocol):
    """One dialect's way of writing a batch."""

    def lock(self, connection: sa.Connection, wanted: Mapping[str, int]) -> Head:
        """Take the ordering lock; reserve `wanted` numbers of each sequence."""

    def insert(self, connection: sa.Connection, events: Sequence[Row], keys: Sequence[Row]) -> None:
        """Insert events and idempotency keys."""


class PostgreSQLStore:
    """Speaks psycopg, in pipelines."""

    def lock(self, connection: sa.Connection, wanted: Mapping[str, int]) -> Head:
        """See `Store`. One round trip, the transaction's beginning included."""
        raw = psycopg_connection(connection)
        with raw.pipeline():
            cursor = raw.execute(_HEAD, (list(wanted), list(wanted.values())), prepare=True)
            found = cursor.fetchone()
        position, recorded_at, numbers = found if found is not None else (0, 0, [])
        return Head(position or 0, recorded_at or 0, dict(zip(wanted, numbers or [], strict=True)))

    def insert(self, connection: sa.Connection, events: Sequence[Row], keys: Sequence[Row]) -> None:
        """See `Store`. One round trip."""
        raw = psycopg_connection(connection)
        if len(events) == 1 and not keys:
            raw.execute(_EVENTS, events[0], prepare=True)
            return
        with raw.pipeline(), raw.cursor() as cursor:
            if events:
                cursor.executemany(_EVENTS, events)
            if keys:
                cursor.executemany(_KEYS, keys)


class SQLiteStore:
    """Speaks SQLAlchemy Core; `BEGIN IMMEDIATE` already holds the only writer's lock."""

    def __init__(self, tables: JournalTables) -> None:
        events, self._sequences = tables.events, tables.sequences
        self._insert_events = sa.insert(events)
        self._insert_keys = sa.insert(tables.idempotency_keys)
        self._head = (
            sa.select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
        )

    def lock(self, connection: sa.Connection, wanted: Mapping[str, int]) -> Head:
        """See `Store`."""
        found = connection.execute(self._head).one_or_none()
        position, recorded_at = (found[0], found[1]) if found is not None else (0, 0)
        return Head(position, recorded_at, self._reserve(connection, wanted))

    def insert(self, connection: sa.Connection, events: Sequence[Row], keys: Sequence[Row]) -> None:
        """See `Store`."""
        if events:
            connection.execute(self._insert_events, list(events))
        if keys:
            connection.execute(self._insert_keys, list(keys))

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
