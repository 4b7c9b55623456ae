"""What a backup says of itself, and how a journal is held against what was signed of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.journal.sealing.files import write_durably
from services.kernel.journal.sealing.opening import checkpoint_in
from services.kernel.migrating import metadata_of
from services.proof.checkpoints import Checkpoint
from services.proof.notes import VerifierKey
from services.proof.refusals import Malformed, Refused
from services.proof.tree import GrowingRoot, leaf_hash

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
ROWS_AT_ONCE: Final = 2_000


class CopyRefused(ValueError):
    """A backup or restore is not what was signed, or not as it was made; the text says what is wrong."""


class BehindTheLog(CopyRefused):
    """A backup is older than what the log signed."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.

    `head` is the last position (0 without a journal), `last_sha256` the digest of its record, `root` the root
    hash of all records (RFC 6962, hexadecimal), `checkpoint` the newest signed note. `file` is the copy, and
    `sha256` its digest; `made_at` an instant (RFC 3339, UTC).
    """

    format: int
    service: str
    kind: Literal["sqlite", "postgresql"]
    schema: str | None
    made_at: str
    head: int
    last_sha256: str | None
    root: str | None
    checkpoint: str | None
    file: str
    sha256: str

    def write(self, folder: Path) -> None:
        """Write it into a backup's folder."""
        write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Read a backup's. Raises `CopyRefused` when it is none."""
        try:
            found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=cls)
        except FileNotFoundError:
            raise CopyRefused(f"{folder} is no backup: it has no {MANIFEST}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CopyRefused(f"{folder / MANIFEST} cannot be read: {error}") from None
        if found.format != FORMAT:
            raise CopyRefused(f"the backup's format is {found.format}; this program reads {FORMAT}")
        return found


@dataclass(frozen=True, slots=True)
class Contents:
    """The end of a journal: its last position, the digest of that record, and the root over all."""

    head: int = 0
    last_sha256: str | None = None
    root: str | None = None


def contents_of(
    service: str, connection: sa.Connection, signed: Mapping[str, Checkpoint], *, may_lack: bool = False
) -> Contents:
    """Walk a whole journal in one moment and hold it against checkpoints, given by where they are from.

    Raises `CopyRefused` for a missing position or records that are not those signed, and `BehindTheLog` when
    more was signed than there is, unless it `may_lack`.
    """
    events = metadata_of(service).tables.get("events")
    if events is None:
        return Contents()
    tree, record = GrowingRoot(), b""
    sizes = {checkpoint.size for checkpoint in signed.values()}
    streaming = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
    query = sa.select(events.c.position, events.c.record).order_by(events.c.position)
    with streaming.execute(query) as rows:
        for position, found in rows:
            if position != tree.size + 1:
                raise CopyRefused(f"position {tree.size + 1} is missing")
            if not isinstance(found, bytes | memoryview):
                raise CopyRefused(f"position {position} holds no record")
            record = bytes(found)
            tree.add(leaf_hash(record))
            if position in sizes:
                _check(tree, signed)
    for whose, checkpoint in signed.items():
        if checkpoint.size > tree.size and not may_lack:
            raise BehindTheLog(
                f"it ends at position {tree.size}, and {checkpoint.size} records were signed ({whose})"
            )
    last = hashlib.sha256(record).hexdigest() if tree.size else None
    return Contents(tree.size, last, tree.root().hex())


def _check(tree: GrowingRoot, signed: Mapping[str, Checkpoint]) -> None:
    for whose, checkpoint in signed.items():
        if checkpoint.size == tree.size and checkpoint.root != tree.root():
            raise CopyRefused(f"the records up to position {tree.size} are not those signed ({whose})")


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def schema_of(database: Database) -> str | None:
    """The PostgreSQL schema a service's tables are in; None on SQLite."""
    if not database.is_postgresql:
        return None
    with database.read() as connection:
        found: str | None = connection.execute(sa.text("SELECT current_schema()")).scalar_one()
    return found or database.schema


def distinct(
    notes: Iterable[tuple[str, bytes | str | None]], key: VerifierKey | None
) -> dict[str, Checkpoint]:
    """What notes sign, by where they are from; None is no note.

    Raises `CopyRefused` for one that is none, and for one that the log's `key`, where known, did not sign.
    """
    found: dict[str, Checkpoint] = {}
    for whose, note in notes:
        if note is None:
            continue
        try:
            raw = note if isinstance(note, bytes) else note.encode()
            found[whose] = checkpoint_in(raw, key)
        except Malformed as refused:
            raise CopyRefused(f"{whose} is none: {refused}") from None
        except Refused as refused:
            raise CopyRefused(f"{whose} is refused: {refused}") from None
    return found
