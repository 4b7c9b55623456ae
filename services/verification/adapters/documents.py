"""Documents by digest: their bytes in a backend, one row each in the database, and one for each who filed it.

A document is written to a draft on the local disk, looked at and flushed, and only then kept under its
digest. The rows follow the bytes; the same content again finds them there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import ClassVar, Final, Literal
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.clock import Clock, SystemClock
from services.kernel.contract import DocumentRef
from services.kernel.database import BigInt, Database
from services.kernel.errors import DomainError, Invalid, Unavailable
from services.kernel.journal.events import microseconds
from services.kernel.telemetry import logger
from services.verification.adapters.document_backends import DocumentBackend, DocumentFolder, store_trouble
from services.verification.adapters.document_content import (
    HEAD_BYTES,
    MEDIA_TYPES,
    Seen,
    TextWatch,
    is_as_named,
)
from services.verification.adapters.filings import FILINGS, Filing, record_filing
from services.verification.adapters.malware import Scanner
from services.verification.schema import METADATA

MAX_DOCUMENT_BYTES: Final = 50 * 1024 * 1024
STALE_DRAFT_SECONDS: Final = 24 * 3600
_REMEMBERED: Final = 100_000
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

Fault = Literal["missing", "altered", "not_filed"]
"""`not_filed`: nobody uploaded it for those whose evidence it would be, whoever else may have."""


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


class Draft:
    """A document on its way in: takes its bytes as they come, and knows when they are too many."""

    def __init__(self, path: Path, media_type: str) -> None:
        self.path = path
        self.media_type = media_type
        self.size = 0
        self.head = b""
        self._text = TextWatch()
        self._digest = hashlib.sha256()
        self._file = path.open("xb")

    def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `DocumentTooLarge` (`body_too_large`) as soon as they exceed 50 MiB."""
        self.size += len(chunk)
        if self.size > MAX_DOCUMENT_BYTES:
            raise DocumentTooLarge("body_too_large", limit=str(MAX_DOCUMENT_BYTES))
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        self._text.see(chunk)
        self._digest.update(chunk)
        with store_trouble():
            self._file.write(chunk)

    def flush(self) -> KeptDocument:
        """Bring it to the disk. Raises `Invalid` when it is empty or not what its media type says."""
        if not self.size:
            raise Invalid("document_empty")
        with store_trouble():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._text.see(b"", last=True)
        if not is_as_named(self.media_type, Seen(self.head, self._text.is_text), self.path):
            raise Invalid("document_content_mismatch", media_type=self.media_type)
        return KeptDocument(self._digest.hexdigest(), self.media_type, self.size)

    def discard(self) -> None:
        """Leave nothing behind; harmless after it was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class DocumentStore:
    """The documents of the authority: one backend for bytes, one table, one folder for what comes in."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        *,
        backend: DocumentBackend | None = None,
        scanner: Scanner | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._incoming = folder / "incoming"
        self._backend = backend or DocumentFolder(folder)
        self._scanner = scanner
        self._database = database
        self._clock = clock or SystemClock()
        self._verified = _Remembered()

    def prepare(self) -> None:
        """Make the folder and clear away drafts that a killed process left more than a day ago."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._backend.prepare()
        oldest = self._clock.now().timestamp() - STALE_DRAFT_SECONDS
        for draft in self._incoming.iterdir():
            if draft.stat().st_mtime < oldest:
                draft.unlink(missing_ok=True)

    def draft(self, media_type: str) -> Draft:
        """Begin to take a document. Raises `MediaTypeRefused` (`document_media_type_unsupported`)."""
        plain = media_type.partition(";")[0].strip().lower()
        if plain not in MEDIA_TYPES:
            raise MediaTypeRefused("document_media_type_unsupported", allowed=", ".join(sorted(MEDIA_TYPES)))
        with store_trouble():
            self._incoming.mkdir(parents=True, exist_ok=True)
            return Draft(self._incoming / uuid4().hex, plain)

    def keep(self, draft: Draft, filing: Filing) -> KeptDocument:
        """Keep a whole, clean draft under its digest, and for whom it was uploaded, in one transaction.

        Content that the same one filed before answers as it did then; the answer tells nothing of others.
        Raises `Invalid` (`document_infected`), and `Unavailable` when the scanner or the store does not
        answer.
        """
        document = draft.flush()
        found = self._scanner.scan(draft.path) if self._scanner is not None else None
        if found is not None:
            logger.warning("infected document refused", extra={"sha256": document.sha256, "malware": found})
            raise Invalid("document_infected", malware=found[:100])
        if self._fault_of(document) is not None:
            there = self._backend.standing(document.sha256) is not None
            self._backend.put(draft.path, document.sha256, replace=there)
        dialect = postgresql if self._database.is_postgresql else sqlite
        now = microseconds(self._clock.now())
        row = {
            "sha256": document.sha256,
            "media_type": document.media_type,
            "size": document.size,
            "kept_at": now,
        }
        with self._database.write() as connection:
            connection.execute(dialect.insert(DOCUMENTS).values(row).on_conflict_do_nothing())
            filed_as = record_filing(connection, document.sha256, document.media_type, filing, at=now)
        return KeptDocument(document.sha256, filed_as, document.size)

    def find(
        self, connection: sa.Connection, digests: Iterable[str], owners: Collection[str]
    ) -> dict[str, KeptDocument]:
        """Those documents that were uploaded for one of `owners`, by digest, as they filed it last.

        `owners` as `document_filings.uploader` has them (`projections.identifiers.owners_of`).
        """
        documents, filings = DOCUMENTS.c, FILINGS.c
        rows = connection.execute(
            sa.select(documents.sha256, filings.media_type, documents.size)
            .join_from(DOCUMENTS, FILINGS, documents.sha256 == filings.sha256)
            .where(
                documents.sha256.in_([digest for digest in digests if _DIGEST.fullmatch(digest)]),
                filings.uploader.in_(sorted(owners)),
            )
            .order_by(filings.recorded_at, filings.uploader)
        )
        return {row.sha256: KeptDocument(row.sha256, row.media_type, row.size) for row in rows}

    def faults(
        self, connection: sa.Connection, named: Iterable[DocumentRef], owners: Collection[str]
    ) -> dict[str, Fault]:
        """What is wrong with documents named as evidence of `owners`, by digest; sound ones are left out."""
        references = list(named)
        found = self.find(connection, [reference.sha256 for reference in references], owners)
        faults: dict[str, Fault] = {}
        for reference in references:
            fault = self._fault_in(reference, found.get(reference.sha256))
            if fault is not None:
                faults[reference.sha256] = fault
        return faults

    def _fault_in(self, reference: DocumentRef, kept: KeptDocument | None) -> Fault | None:
        if kept is None:
            return "not_filed"
        return "missing" if kept.size != reference.size else self._fault_of(kept)

    def read(self, sha256: str) -> bytes | None:
        """The bytes of a document; None when the store has lost or altered it."""
        standing = self._backend.standing(sha256)
        if standing is None or standing.size > MAX_DOCUMENT_BYTES:
            content = b""
        else:
            content = b"".join(self._backend.stream(sha256))
        if hashlib.sha256(content).hexdigest() != sha256:
            logger.error("document missing or altered", extra={"sha256": sha256})
            return None
        return content

    def require_whole(self, document: KeptDocument) -> None:
        """Raise `Unavailable` (`document_damaged`) when the store has lost or altered a document."""
        if self._fault_of(document) is not None:
            logger.error("document missing or altered", extra={"sha256": document.sha256})
            raise Unavailable("document_damaged", sha256=document.sha256)

    def stream(self, document: KeptDocument) -> Iterator[bytes]:
        """The bytes of a document in pieces; the last is only given when all of them have the digest.

        Raises `Unavailable` (`document_damaged`) otherwise, so that the answer breaks off.
        """
        digest = hashlib.sha256()
        held = b""
        for chunk in self._backend.stream(document.sha256):
            digest.update(chunk)
            if held:
                yield held
            held = chunk
        if digest.hexdigest() != document.sha256:
            logger.error("document altered while it was read", extra={"sha256": document.sha256})
            raise Unavailable("document_damaged", sha256=document.sha256)
        yield held

    def _fault_of(self, document: KeptDocument) -> Fault | None:
        """Whether the backend's bytes have the digest; read once for each state the backend shows."""
        standing = self._backend.standing(document.sha256)
        if standing is None:
            return "missing"
        if standing.size != document.size:
            return "altered"
        if self._verified.has(document.sha256, standing.mark):
            return None
        digest = hashlib.sha256()
        for chunk in self._backend.stream(document.sha256):
            digest.update(chunk)
        if digest.hexdigest() != document.sha256:
            return "altered"
        self._verified.add(document.sha256, standing.mark)
        return None


class _Remembered:
    """The latest documents found whole, each with the mark it had then."""

    def __init__(self) -> None:
        self._marks: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def has(self, sha256: str, mark: str) -> bool:
        with self._lock:
            return self._marks.get(sha256) == mark

    def add(self, sha256: str, mark: str) -> None:
        with self._lock:
            self._marks[sha256] = mark
            self._marks.move_to_end(sha256)
            if len(self._marks) > _REMEMBERED:
                self._marks.popitem(last=False)
