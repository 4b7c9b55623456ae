"""Documents by digest: files in a local folder named for their SHA-256, and one row each in the database.

A document is written to a draft, flushed to the disk, and renamed to its digest; so a file under a digest is
always whole, whatever was killed when. The row follows the file; the same content again finds both there.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.clock import Clock, SystemClock
from services.kernel.contract import DocumentRef
from services.kernel.database import BigInt, Database
from services.kernel.errors import DomainError, Invalid, Unavailable
from services.kernel.journal.events import microseconds
from services.kernel.telemetry import logger
from services.verification.schema import METADATA

MAX_DOCUMENT_BYTES: Final = 50 * 1024 * 1024
STALE_DRAFT_SECONDS: Final = 24 * 3600
_HEAD_BYTES: Final = 4_096
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

DOCUMENTS: Final = sa.Table(
    "documents",
    METADATA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", BigInt, nullable=False),
    sa.Column("kept_at", BigInt, nullable=False),
)
"""`kept_at` in microseconds since 1970 (UTC)."""


class DocumentTooLarge(DomainError):
    """The document exceeds 50 MiB (413)."""

    status: ClassVar[int] = 413


class MediaTypeRefused(DomainError):
    """Documents of this media type are not taken (415)."""

    status: ClassVar[int] = 415


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document the authority holds: digest (64 hexadecimal digits), media type, size in bytes."""

    sha256: str
    media_type: str
    size: int


def _begins_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\x00" not in head


def _is_json(head: bytes) -> bool:
    return _is_text(head) and head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


_ZIP: Final = _begins_with(b"PK\x03\x04")
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES: Final[dict[str, Callable[[bytes], bool]]] = {
    "application/pdf": _begins_with(b"%PDF-"),
    "application/json": _is_json,
    "application/zip": _ZIP,
    f"{_OFFICE}.wordprocessingml.document": _ZIP,
    f"{_OFFICE}.spreadsheetml.sheet": _ZIP,
    "image/jpeg": _begins_with(b"\xff\xd8\xff"),
    "image/png": _begins_with(b"\x89PNG\r\n\x1a\n"),
    "text/csv": _is_text,
    "text/plain": _is_text,
}
"""What is taken, and how its first bytes look."""


class Draft:
    """A document on its way in: takes its bytes as they come, and knows when they are too many."""

    def __init__(self, path: Path, media_type: str) -> None:
        self.path = path
        self.media_type = media_type
        self.size = 0
        self.head = b""
        self._digest = hashlib.sha256()
        self._file = path.open("xb")

    def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `DocumentTooLarge` (`body_too_large`) as soon as they exceed 50 MiB."""
        self.size += len(chunk)
        if self.size > MAX_DOCUMENT_BYTES:
            raise DocumentTooLarge("body_too_large", limit=str(MAX_DOCUMENT_BYTES))
        if len(self.head) < _HEAD_BYTES:
            self.head += chunk[: _HEAD_BYTES - len(self.head)]
        self._digest.update(chunk)
        with _store_trouble():
            self._file.write(chunk)

    def flush(self) -> KeptDocument:
        """Bring it to the disk. Raises `Invalid` when it is empty or not what its media type says."""
        if not self.size:
            raise Invalid("document_empty")
        if not MEDIA_TYPES[self.media_type](self.head):
            raise Invalid("document_content_mismatch", media_type=self.media_type)
        with _store_trouble():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return KeptDocument(self._digest.hexdigest(), self.media_type, self.size)

    def discard(self) -> None:
        """Leave nothing behind; harmless after it was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class DocumentStore:
    """The documents of the authority, in a local folder and one table."""

    def __init__(self, folder: Path, database: Database, *, clock: Clock | None = None) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._database = database
        self._clock = clock or SystemClock()

    def prepare(self) -> None:
        """Make the folder and clear away drafts that a killed process left more than a day ago."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        oldest = self._clock.now().timestamp() - STALE_DRAFT_SECONDS
        for draft in self._incoming.iterdir():
            if draft.stat().st_mtime < oldest:
                draft.unlink(missing_ok=True)

    def draft(self, media_type: str) -> Draft:
        """Begin to take a document. Raises `MediaTypeRefused` (`document_media_type_unsupported`)."""
        plain = media_type.partition(";")[0].strip().lower()
        if plain not in MEDIA_TYPES:
            raise MediaTypeRefused("document_media_type_unsupported", allowed=", ".join(sorted(MEDIA_TYPES)))
        with _store_trouble():
            self._incoming.mkdir(parents=True, exist_ok=True)
            return Draft(self._incoming / uuid4().hex, plain)

    def keep(self, draft: Draft) -> KeptDocument:
        """Keep a whole draft under its digest; content already here answers as it did the first time."""
        document = draft.flush()
        target = self._path(document.sha256)
        with _store_trouble():
            if not target.exists() or target.stat().st_size != document.size:
                target.parent.mkdir(parents=True, exist_ok=True)
                draft.path.replace(target)
                _sync_folder(target.parent)
                _sync_folder(target.parent.parent)
        dialect = postgresql if self._database.is_postgresql else sqlite
        row = {
            "sha256": document.sha256,
            "media_type": document.media_type,
            "size": document.size,
            "kept_at": microseconds(self._clock.now()),
        }
        with self._database.write() as connection:
            connection.execute(dialect.insert(DOCUMENTS).values(row).on_conflict_do_nothing())
            return self.find(connection, [document.sha256])[document.sha256]

    def find(self, connection: sa.Connection, digests: Iterable[str]) -> dict[str, KeptDocument]:
        """The documents that are here, by digest."""
        columns = DOCUMENTS.c
        rows = connection.execute(
            sa.select(columns.sha256, columns.media_type, columns.size).where(
                columns.sha256.in_([digest for digest in digests if _DIGEST.fullmatch(digest)])
            )
        )
        return {row.sha256: KeptDocument(row.sha256, row.media_type, row.size) for row in rows}

    def at_hand(self, connection: sa.Connection, named: Iterable[DocumentRef]) -> frozenset[str]:
        """The digests of the named documents that are here, whole and of the size stated."""
        references = list(named)
        found = self.find(connection, [reference.sha256 for reference in references])
        return frozenset(
            reference.sha256
            for reference in references
            if (kept := found.get(reference.sha256)) is not None
            and kept.size == reference.size
            and self._is_whole(kept)
        )

    def path_of(self, sha256: str) -> Path:
        """The file of a document that was found. Raises `Unavailable` when the folder has lost it."""
        path = self._path(sha256)
        if not path.is_file():
            logger.error("document file missing", extra={"sha256": sha256})
            raise Unavailable("document_store_unavailable")
        return path

    def read(self, sha256: str) -> bytes | None:
        """The bytes of a document; None when the folder has lost or altered it."""
        path = self._path(sha256)
        with _store_trouble():
            content = path.read_bytes() if path.is_file() else None
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            logger.error("document file missing or altered", extra={"sha256": sha256})
            return None
        return content

    def _is_whole(self, document: KeptDocument) -> bool:
        path = self._path(document.sha256)
        with _store_trouble():
            return path.is_file() and path.stat().st_size == document.size

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:4] / sha256


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _store_trouble() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        logger.error("document store failed", extra={"error": error.strerror or type(error).__name__})
        raise Unavailable("document_store_unavailable") from error
