"""Personal values, kept outside the journal and bound to it by salted commitments.

An event holds `HMAC-SHA256(salt, field || 0x00 || value)` with a random 32-byte salt; the value and its salt
stand here, where they can be erased. Erasing leaves every earlier commitment and proof valid, and no one can
guess a twelve-digit number from a commitment without the salt (law 418-V art. 36).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import sqlalchemy as sa

from services.kernel.journal.rows import BulkInsert
from services.kernel.journal.units import Recorded

SALT_BYTES: Final = 32


class PersonalValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value with the salt that opens its commitment (both as text; the salt in hexadecimal)."""

    value: str
    salt: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """Personal values about to be stored, and the commitments that go into the event."""

    values: Mapping[str, PersonalValue]
    commitments: dict[str, str]


def commitment(field: str, value: str, salt: bytes) -> str:
    """The hexadecimal commitment to one field's value."""
    return hmac.new(salt, field.encode() + b"\x00" + value.encode(), hashlib.sha256).hexdigest()


def seal(values: Mapping[str, str]) -> Sealed:
    """Salt and commit to each value."""
    sealed: dict[str, PersonalValue] = {}
    commitments: dict[str, str] = {}
    for field, value in values.items():
        salt = os.urandom(SALT_BYTES)
        sealed[field] = PersonalValue(value=value, salt=salt.hex())
        commitments[field] = commitment(field, value, salt)
    return Sealed(sealed, commitments)


def opens(field: str, opened: PersonalValue, committed: str) -> bool:
    """True when the value is the one that was committed to."""
    return hmac.compare_digest(commitment(field, opened.value, bytes.fromhex(opened.salt)), committed)


def vault_table(metadata: sa.MetaData) -> sa.Table:
    """Describe the erasable store: a row for each personal field of each event, by event or subject."""
    return sa.Table(
        "personal_values",
        metadata,
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("subject_id", sa.Text, nullable=False, index=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
    )


class Vault:
    """Reads and writes one service's personal values."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        self._insert = BulkInsert(table)

    def keeping(self, event_index: int, subject_id: str, sealed: Sealed) -> _Keep:
        """A unit's write that stores `sealed` beside the unit's event at `event_index`."""
        return _Keep(self._insert, event_index, subject_id, sealed)

    def of_events(
        self, connection: sa.Connection, event_ids: Iterable[str]
    ) -> dict[str, dict[str, PersonalValue]]:
        """The personal values of events, by event id and field; erased ones are absent."""
        columns = self.table.c
        rows = connection.execute(
            sa.select(columns.event_id, columns.field, columns.value, columns.salt).where(
                columns.event_id.in_(list(event_ids))
            )
        )
        found: dict[str, dict[str, PersonalValue]] = {}
        for row in rows:
            found.setdefault(row.event_id, {})[row.field] = PersonalValue(value=row.value, salt=row.salt)
        return found

    def of_subjects(self, connection: sa.Connection, subject_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """The newest personal values of subjects (a producer), by subject id and field.

        Event ids are UUIDv7, so the greatest id is the newest event.
        """
        columns = self.table.c
        rows = connection.execute(
            sa.select(columns.subject_id, columns.field, columns.value)
            .where(columns.subject_id.in_(list(subject_ids)))
            .order_by(columns.event_id)
        )
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            found.setdefault(row.subject_id, {})[row.field] = row.value
        return found


class _Keep:
    def __init__(self, insert: BulkInsert, event_index: int, subject_id: str, sealed: Sealed) -> None:
        self._insert = insert
        self._event_index = event_index
        self._subject_id = subject_id
        self._sealed = sealed

    def __call__(self, connection: sa.Connection, recorded: Sequence[Recorded]) -> None:
        event_id = recorded[self._event_index].fact.id
        rows = [
            {
                "event_id": event_id,
                "field": field,
                "subject_id": self._subject_id,
                "value": opened.value,
                "salt": opened.salt,
            }
            for field, opened in self._sealed.values.items()
        ]
        self._insert(connection, rows)
