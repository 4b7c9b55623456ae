"""Keys that make personal values erasable from where they cannot be deleted: old backups and logs of a store.

What a service keeps of a person is encrypted, and each encrypted value names the key that opens it. The keys
stand in a store of their own, outside the database and its backups, each wrapped under a wrapping key that
stands in neither. A key opens the values of one fact about one person and no more, so destroying a person's
keys erases that person's values everywhere, and nothing else (docs/decisions/0012).

The same store holds the secret of the lookup: by `HMAC-SHA256(secret, number)` an IIN is found without
standing in a table. Without the secret twelve digits cannot be tried out. By the same secret callers are
known: it outlives every key that is changed, so that an officer stays one person to the rules that want two.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.dialects import postgresql, sqlite
from uuid_utils import uuid4

from services.kernel.database import PERSONAL_KEYS, Database
from services.kernel.identifiers import is_iin

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
POOL: Final = 256
"""Keys made at once: one commit of their store, then as many values without another."""
_MANY: Final = 500
_LOOKUP: Final = "lookup"
_PSEUDONYM: Final = "iin:"

KEYS: Final = sa.Table(
    "personal_keys",
    sa.MetaData(),
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("wrapped_by", sa.Text, nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
"""Keys by their random id; `wrapped_by` names the wrapping key, `wrapped` is AES-256-GCM under it."""


DESTROYED: Final = sa.Table(
    "destroyed_keys",
    KEYS.metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
)
"""The ids of keys that were destroyed, so that a restored backup which still names one is told from one whose
keys were lost. An id is random and says nothing."""


class KeysUnusable(RuntimeError):
    """The keys of personal values cannot be read with the wrapping keys given; the text says which."""


class WrappingKeys:
    """The keys that wrap the keys: the first wraps, all of them unwrap. Each has 32 bytes."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a wrapping key has 64 hexadecimal digits")
        self._ciphers = {hashlib.sha256(key).hexdigest()[:16]: AESGCM(key) for key in keys}
        self.current = next(iter(self._ciphers))

    @classmethod
    def read(cls, file: Path) -> WrappingKeys:
        """The keys of a file, one a line in hexadecimal, the present one first. Raises `ValueError`."""
        return cls([bytes.fromhex(line) for line in file.read_text().split()])

    def wrap(self, key_id: str, key: bytes) -> dict[str, object]:
        """The row that keeps a key."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.current].encrypt(nonce, key, key_id.encode())
        return {"key_id": key_id, "wrapped_by": self.current, "wrapped": nonce + sealed}

    def unwrap(self, key_id: str, wrapped_by: str, wrapped: bytes) -> bytes:
        """The key in a row. Raises `KeysUnusable`."""
        cipher = self._ciphers.get(wrapped_by)
        if cipher is None:
            raise KeysUnusable(f"personal keys are wrapped by {wrapped_by}, which is not among those given")
        try:
            return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode())
        except InvalidTag:
            raise KeysUnusable(f"the personal key {key_id} was altered") from None


@dataclass(frozen=True, slots=True)
class PersonalKey:
    """A key that opens the values of one fact about one person."""

    key_id: str
    cipher: AESGCM

    def seal(self, content: bytes, bound_to: str) -> bytes:
        """Encrypt; what it is `bound_to` must be named again to open it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, content, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt. Raises `cryptography.exceptions.InvalidTag` when it was altered or stood elsewhere."""
        return self.cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())


class PersonalKeys:
    """One service's keys of personal values and its lookup secret."""

    def __init__(self, store: Database, wrapping: WrappingKeys) -> None:
        self._store = store
        self._wrapping = wrapping
        self._pool: list[PersonalKey] = []
        self._mutex = threading.Lock()
        self._secret: bytes | None = None

    def prepare(self) -> None:
        """Make the store and the lookup secret on the first start. Raises `KeysUnusable`."""
        with self._store.write() as connection:
            if self._store.is_postgresql:
                lock = "SELECT pg_advisory_xact_lock(hashtextextended('tizilim.personal_keys', 0))"
                connection.exec_driver_sql(lock)
            for table in (KEYS, DESTROYED):
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        self._lookup_secret()

    def fresh(self) -> PersonalKey:
        """A key that nothing was encrypted with and that is safely kept already."""
        with self._mutex:
            if not self._pool:
                self._pool = self._made()
            return self._pool.pop()

    def of(self, key_ids: Collection[str]) -> Mapping[str, PersonalKey]:
        """Keys by id; destroyed ones are absent. Raises `KeysUnusable`."""
        found: dict[str, PersonalKey] = {}
        wanted = list(set(key_ids))
        with self._store.read() as connection:
            for start in range(0, len(wanted), _MANY):
                some = KEYS.c.key_id.in_(wanted[start : start + _MANY])
                for row in connection.execute(sa.select(KEYS).where(some)):
                    key = self._wrapping.unwrap(row.key_id, row.wrapped_by, bytes(row.wrapped))
                    found[row.key_id] = PersonalKey(row.key_id, AESGCM(key))
        return found

    def destroyed(self, key_ids: Collection[str]) -> set[str]:
        """Those of some keys that were destroyed; one that is lost was not."""
        return destroyed_and_lost(self._store, key_ids)[0]

    def destroy(self, key_ids: Collection[str]) -> None:
        """Destroy keys for good and remember that they were; those destroyed before are passed over."""
        wanted = sorted({*key_ids} - {_LOOKUP})
        if not wanted:
            return
        insert = postgresql.insert if self._store.is_postgresql else sqlite.insert
        with self._store.write() as connection:
            _delete(connection, wanted)
            rows = [{"key_id": key_id} for key_id in wanted]
            connection.execute(insert(DESTROYED).on_conflict_do_nothing(), rows)
        self._store.forget_deleted()

    def rewrap(self) -> int:
        """Wrap every key under the present wrapping key; returns how many were not. Raises `KeysUnusable`."""
        with self._store.write() as connection:
            rows = connection.execute(
                sa.select(KEYS).where(KEYS.c.wrapped_by != self._wrapping.current)
            ).all()
            for row in rows:
                key = self._wrapping.unwrap(row.key_id, row.wrapped_by, bytes(row.wrapped))
                again = self._wrapping.wrap(row.key_id, key)
                connection.execute(sa.update(KEYS).where(KEYS.c.key_id == row.key_id).values(again))
        self._store.forget_deleted()
        return len(rows)

    def pseudonym(self, number: str) -> str:
        """What stands for a BIN or IIN in tables: a BIN itself, which is public; of an IIN a keyed digest.

        Anything else, a pseudonym among it, stands for itself.
        """
        if not is_iin(number):
            return number
        return _PSEUDONYM + hmac.new(self._lookup_secret(), number.encode(), hashlib.sha256).hexdigest()

    def actor_id(self, principal: str) -> str:
        """What facts, stored answers and logs know a caller by: the same for ever, and no name or number."""
        return hmac.digest(self._lookup_secret(), b"actor\x00" + principal.encode(), "sha256").hex()[:32]

    def close(self) -> None:
        """Give up the keys that nothing was encrypted with, and close the store."""
        with self._mutex:
            unused, self._pool = self._pool, []
        if unused:
            with self._store.write() as connection:
                _delete(connection, [key.key_id for key in unused])
            self._store.forget_deleted()
        self._store.close()

    def _made(self) -> list[PersonalKey]:
        made = {str(uuid4()): AESGCM.generate_key(KEY_BYTES * 8) for _ in range(POOL)}
        with self._store.write() as connection:
            connection.execute(sa.insert(KEYS), [self._wrapping.wrap(*one) for one in made.items()])
        return [PersonalKey(key_id, AESGCM(key)) for key_id, key in made.items()]

    def _lookup_secret(self) -> bytes:
        """The secret of the lookup; made by whichever process asks first."""
        if self._secret is None:
            insert = postgresql.insert if self._store.is_postgresql else sqlite.insert
            made = insert(KEYS).values(self._wrapping.wrap(_LOOKUP, os.urandom(KEY_BYTES)))
            query = sa.select(KEYS).where(KEYS.c.key_id == _LOOKUP)
            with self._store.write() as connection:
                row = connection.execute(query).one_or_none()
                if row is None:
                    connection.execute(made.on_conflict_do_nothing())
                    row = connection.execute(query).one()
            self._secret = self._wrapping.unwrap(row.key_id, row.wrapped_by, bytes(row.wrapped))
        return self._secret


def _delete(connection: sa.Connection, key_ids: Sequence[str]) -> None:
    for start in range(0, len(key_ids), _MANY):
        some = KEYS.c.key_id.in_(key_ids[start : start + _MANY])
        connection.execute(sa.delete(KEYS).where(some))


def destroyed_and_lost(store: Database, key_ids: Collection[str]) -> tuple[set[str], set[str]]:
    """Of some keys those that were destroyed, and those that a store neither holds nor destroyed."""
    wanted, found = sorted(set(key_ids)), (set[str](), set[str]())
    with store.read() as connection:
        there = set(sa.inspect(connection).get_table_names())
        for table, ids in zip((DESTROYED, KEYS), found, strict=True):
            for start in range(0, len(wanted) if table.name in there else 0, _MANY):
                query = sa.select(table.c.key_id).where(table.c.key_id.in_(wanted[start : start + _MANY]))
                ids.update(connection.execute(query).scalars())
    destroyed, kept = found
    return destroyed, set(wanted) - destroyed - kept


def keys_of(connection: sa.Connection) -> PersonalKeys:
    """The keys with which the database of a connection was opened."""
    keys = connection.get_execution_options().get(PERSONAL_KEYS)
    if not isinstance(keys, PersonalKeys):
        raise TypeError("this database was opened without the keys of personal values")
    return keys


def pseudonym(connection: sa.Connection, number: str) -> str:
    """See `PersonalKeys.pseudonym`."""
    return keys_of(connection).pseudonym(number) if is_iin(number) else number
