"""Where the bytes of documents are: a local folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from services.kernel.errors import Unavailable
from services.kernel.telemetry import logger

CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as it stands in a backend: its size, and a mark that changes whenever its bytes may have."""

    size: int
    mark: str


class DocumentBackend(Protocol):
    """Bytes by digest. Each method raises `Unavailable` (`document_store_unavailable`) in trouble."""

    def prepare(self) -> None:
        """Make ready what can be made ready at start."""

    def put(self, draft: Path, sha256: str, *, replace: bool) -> None:
        """Keep a flushed file under its digest; with `replace`, over what stands there already."""

    def standing(self, sha256: str) -> Standing | None:
        """How a document stands; None when it is not here."""

    def stream(self, sha256: str) -> Iterator[bytes]:
        """The bytes of a document that stands here, in pieces."""


class DocumentFolder:
    """Files named for their SHA-256 in two levels of folders.

    A flushed draft is renamed to its digest, so a file under a digest is always whole, whatever was killed
    when.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder."""
        with store_trouble():
            self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, draft: Path, sha256: str, *, replace: bool) -> None:
        """Rename the draft, which is on the same file system, and make the rename last."""
        target = self.path_of(sha256)
        with store_trouble():
            if target.exists() and not replace:
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
            _sync_folder(target.parent)
            _sync_folder(target.parent.parent)

    def standing(self, sha256: str) -> Standing | None:
        """By the file's size, number and time of change."""
        with store_trouble():
            try:
                found = self.path_of(sha256).stat()
            except FileNotFoundError:
                return None
        return Standing(found.st_size, f"{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}")

    def stream(self, sha256: str) -> Iterator[bytes]:
        """From the file."""
        with store_trouble(), self.path_of(sha256).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def path_of(self, sha256: str) -> Path:
        """Where a document's file is."""
        return self._folder / sha256[:2] / sha256[2:4] / sha256


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def store_trouble(*kinds: type[Exception]) -> Iterator[None]:
    """Turn an error of the file system, or one of `kinds`, into 503."""
    caught: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except caught as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        logger.error("document store failed", extra={"error": reason})
        raise Unavailable("document_store_unavailable") from error
