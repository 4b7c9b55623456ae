"""Personal values, kept outside the journal and bound to it by salted commitments.

An event holds `HMAC-SHA256(salt, field || 0x00 || value)` with a random 32-byte salt; the value and its salt
stand here, encrypted under a key that can be destroyed (`kernel.personal_keys`). Erasing leaves every earlier
commitment and proof valid, and no one can guess a twelve-digit number from a commitment without the salt
(law 418-V art. 36).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.journal.rows import BulkInsert, BulkUpsert, Row
from services.kernel.journal.units import Recorded
from services.kernel.personal_keys import keys_of

SALT_BYTES: Final = 32
ROWS_AT_ONCE: Final = 500
LOOKED_UP: Final = frozenset({"iin", "holder_iin"})
"""Fields whose value is a number by which its row can be found: `lookup` holds its pseudonym."""


class PersonalValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value with the salt that opens its commitment (both as text; the salt in hexadecimal)."""

    value: str
    salt: str


class Kept(NamedTuple):
    """Where a personal value stands, and the id of the key that opens it."""

    event_id: str
    field: str
    key_id: str


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


class Vault:
    """One service's personal values: a row for each personal field of each event, by event or subject."""

    def __init__(self, metadata: sa.MetaData) -> None:
        self.table = sa.Table(
            "personal_values",
            metadata,
            sa.Column("event_id", sa.Text, primary_key=True),
            sa.Column("field", sa.Text, primary_key=True),
            sa.Column("subject_id", sa.Text, nullable=False, index=True),
            sa.Column("lookup", sa.Text, nullable=True, index=True),
            sa.Column("key_id", sa.Text, nullable=False),
            sa.Column("sealed", sa.LargeBinary, nullable=False),
        )
        self.doomed = sa.Table(
            "keys_to_destroy",
            metadata,
            sa.Column("key_id", sa.Text, primary_key=True),
        )
        self._insert = BulkInsert(self.table)
        self._doom = BulkUpsert(self.doomed, replace=False)

    def keeping(self, event_index: int, subject_id: str, sealed: Sealed) -> _Keep:
        """A unit's write that stores `sealed` beside the unit's event at `event_index`."""
        return _Keep(self._insert, event_index, subject_id, sealed)

    def put(self, connection: sa.Connection, newest: Mapping[str, Mapping[str, str]]) -> None:
        """Keep the newest values of subjects, by subject and field; what stood there before is erased."""
        if not newest:
            return
        columns = self.table.c
        own = [(subject_id, field) for subject_id, values in newest.items() for field in values]
        given = sa.tuple_(columns.event_id, columns.field).in_(own)
        gone = set(connection.execute(sa.delete(self.table).where(given).returning(columns.key_id)).scalars())
        used = sa.select(columns.key_id).where(columns.event_id.in_(list(newest)), columns.key_id.in_(gone))
        gone -= set(connection.execute(used).scalars())  # what was not given again is still under it
        self._doom(connection, [{"key_id": key_id} for key_id in gone])
        rows = [_rows(connection, one, one, seal(values)) for one, values in newest.items()]
        self._insert(connection, [row for of_one in rows for row in of_one])

    def of_events(
        self, connection: sa.Connection, event_ids: Iterable[str]
    ) -> dict[str, dict[str, PersonalValue]]:
        """The personal values of events, by event id and field; erased ones are absent."""
        found: dict[str, dict[str, PersonalValue]] = {}
        for row, value in self._opened(connection, self.table.c.event_id.in_(list(event_ids))):
            found.setdefault(row.event_id, {})[row.field] = value
        return found

    def of_subjects(self, connection: sa.Connection, subject_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """The newest personal values of subjects (a producer), by subject id and field.

        Event ids are UUIDv7, so the greatest id is the newest event.
        """
        found: dict[str, dict[str, str]] = {}
        for row, value in self._opened(connection, self.table.c.subject_id.in_(list(subject_ids))):
            found.setdefault(row.subject_id, {})[row.field] = value.value
        return found

    def numbers_of(self, connection: sa.Connection, subject_ids: Iterable[str]) -> dict[str, str]:
        """The pseudonym of each subject's IIN, by subject id; erased ones are absent."""
        columns = self.table.c
        rows = connection.execute(
            sa.select(columns.subject_id, columns.lookup).where(
                columns.subject_id.in_(list(subject_ids)), columns.lookup.is_not(None)
            )
        )
        return {row.subject_id: row.lookup for row in rows}

    def subjects_with(self, connection: sa.Connection, numbers: Iterable[str]) -> set[str]:
        """The subjects whose IIN has one of these pseudonyms."""
        columns = self.table.c
        query = sa.select(columns.subject_id).where(columns.lookup.in_(list(numbers)))
        return set(connection.execute(query).scalars())

    def fields_of(self, connection: sa.Connection, subject_id: str) -> tuple[str, ...]:
        """The names of what is kept of a subject, in order."""
        return fields_in(self.kept_of(connection, subject_id))

    def kept_of(self, connection: sa.Connection, subject_id: str) -> tuple[Kept, ...]:
        """What is kept of a subject, in the order of its events; of values that nothing opens, too."""
        columns = self.table.c
        query = sa.select(columns.event_id, columns.field, columns.key_id)
        own = query.where(columns.subject_id == subject_id).order_by(columns.event_id, columns.field)
        return tuple(Kept(*row) for row in connection.execute(own))

    def keys_of(self, connection: sa.Connection, subject_id: str) -> set[str]:
        """The ids of the keys that open what is kept of a subject."""
        query = sa.select(self.table.c.key_id).where(self.table.c.subject_id == subject_id)
        return set(connection.execute(query).scalars())

    def erase(
        self, connection: sa.Connection, subject_id: str, *, keys: Collection[str] | None = None
    ) -> None:
        """Delete what is kept of a subject and doom its keys, in the transaction of the fact that says so.

        With `keys` only what stands under these. The keys are in another store: `destroy_doomed` destroys
        them once this has committed.
        """
        columns = self.table.c
        own = columns.subject_id == subject_id
        if keys is not None:
            own &= columns.key_id.in_(list(keys))
        gone = connection.execute(sa.delete(self.table).where(own).returning(columns.key_id))
        self._doom(connection, [{"key_id": key_id} for key_id in set(gone.scalars())])

    def keys_by_subject(self, connection: sa.Connection) -> Iterator[list[tuple[str, str]]]:
        """Every subject with the id of a key that opens something of it, page by page."""
        columns = self.table.c
        query = sa.select(columns.subject_id, columns.key_id).distinct().order_by(columns.subject_id)
        streaming = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
        with streaming.execute(query) as rows:
            for page in rows.partitions():
                yield [(row.subject_id, row.key_id) for row in page]

    def destroy_doomed(self, database: Database) -> int:
        """Destroy the keys of what was erased; returns how many. Goes on where a crash left off."""
        doomed = self.doomed.c.key_id
        with database.read() as connection:
            found = list(connection.execute(sa.select(doomed)).scalars())
            if not found:
                return 0
            keys_of(connection).destroy(found)
        with database.write() as connection:
            connection.execute(sa.delete(self.doomed).where(doomed.in_(found)))
        database.forget_deleted()
        return len(found)

    def _opened(
        self, connection: sa.Connection, condition: sa.ColumnElement[bool]
    ) -> Iterator[tuple[sa.Row[tuple[object, ...]], PersonalValue]]:
        """The rows that can be opened: after a restore older than an erasure there are some that cannot."""
        query = sa.select(self.table).where(condition).order_by(self.table.c.event_id)
        rows = connection.execute(query).all()
        keys = keys_of(connection).of({row.key_id for row in rows}) if rows else {}
        for row in rows:
            if (key := keys.get(row.key_id)) is not None:
                opened = key.open(bytes(row.sealed), _place(row.event_id, row.field))
                yield row, msgspec.json.decode(opened, type=PersonalValue)


def fields_in(kept: Iterable[Kept]) -> tuple[str, ...]:
    """The names of what is kept, in order."""
    return tuple(sorted({one.field for one in kept}))


def _place(event_id: str, field: str) -> str:
    return f"{event_id} {field}"


class _Keep:
    def __init__(self, insert: BulkInsert, event_index: int, subject_id: str, sealed: Sealed) -> None:
        self._insert = insert
        self._event_index = event_index
        self._subject_id = subject_id
        self._sealed = sealed

    def __call__(self, connection: sa.Connection, recorded: Sequence[Recorded]) -> None:
        if not self._sealed.values:
            return
        event_id = recorded[self._event_index].fact.id
        self._insert(connection, _rows(connection, event_id, self._subject_id, self._sealed))


def _rows(connection: sa.Connection, event_id: str, subject_id: str, sealed: Sealed) -> list[Row]:
    """The rows of one key that nothing else is encrypted under."""
    keys = keys_of(connection)
    key = keys.fresh()
    return [
        {
            "event_id": event_id,
            "field": field,
            "subject_id": subject_id,
            "lookup": keys.pseudonym(opened.value) if field in LOOKED_UP else None,
            "key_id": key.key_id,
            "sealed": key.seal(msgspec.json.encode(opened), _place(event_id, field)),
        }
        for field, opened in sealed.values.items()
    ]
