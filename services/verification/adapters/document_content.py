"""Whether a document's content is what its media type says, told from its bytes; nothing is ever unpacked."""

from __future__ import annotations

import codecs
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

HEAD_BYTES: Final = 4_096
MAX_DIRECTORY_BYTES: Final = 1024 * 1024
"""The longest list of an archive's files that is read: some ten thousand names."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
DOCX: Final = f"{_OFFICE}.wordprocessingml.document"
XLSX: Final = f"{_OFFICE}.spreadsheetml.sheet"
ZIP: Final = "application/zip"
JSON: Final = "application/json"
CSV: Final = "text/csv"

_SIGNATURES: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    ZIP: b"PK\x03\x04",
}
_TEXTS: Final = frozenset({JSON, CSV, "text/plain"})
_ARCHIVES: Final = frozenset({ZIP, DOCX, XLSX})
MEDIA_TYPES: Final = frozenset({*_SIGNATURES, *_TEXTS, *_ARCHIVES})
"""What is taken as evidence."""

_END: Final = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 65_535
_LOCATOR_BYTES: Final = 20


class ArchiveRefused(ValueError):
    """No ZIP archive, or one whose list of files is too long or in the 64-bit form."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a document on its way in: its first bytes, and whether all of it is UTF-8 text."""

    head: bytes
    is_text: bool


class TextWatch:
    """Says of bytes that come in pieces whether they are UTF-8 text without NUL."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.is_text = True

    def see(self, chunk: bytes, *, last: bool = False) -> None:
        """Look at the next piece; nothing more once it is known to be no text."""
        if not self.is_text:
            return
        try:
            self.is_text = "\x00" not in self._decoder.decode(chunk, final=last)
        except UnicodeDecodeError:
            self.is_text = False


def is_as_named(media_type: str, seen: Seen, path: Path) -> bool:
    """True when content is of its media type: an office document is no plain archive, and no text a PDF."""
    if media_type in _TEXTS:
        binary = any(seen.head.startswith(signature) for signature in _SIGNATURES.values())
        return seen.is_text and not binary and (media_type != JSON or _begins_as_json(seen.head))
    if media_type in _ARCHIVES:
        return seen.head.startswith(_SIGNATURES[ZIP]) and _kind_of_archive(path) == media_type
    return seen.head.startswith(_SIGNATURES[media_type])


def _begins_as_json(head: bytes) -> bool:
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


def _kind_of_archive(path: Path) -> str | None:
    """Which of the three archives a file is, by the names in it; None for a broken one."""
    try:
        with path.open("rb") as file, open_archive(file) as archive:
            names = set(archive.namelist())
    except ArchiveRefused:
        return None
    if "[Content_Types].xml" in names:
        for kind, main in ((XLSX, "xl/workbook.xml"), (DOCX, "word/document.xml")):
            if main in names:
                return kind
    return ZIP


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a ZIP archive whose list of files is short enough to read. Raises `ArchiveRefused`."""
    _check_directory(file)
    try:
        return zipfile.ZipFile(file)
    except BROKEN_ARCHIVE as error:
        raise ArchiveRefused("no archive") from error


BROKEN_ARCHIVE: Final[tuple[type[Exception], ...]] = (
    zipfile.BadZipFile,
    NotImplementedError,  # zipfile: a compression or encryption that it does not read
    UnicodeDecodeError,
    ValueError,
    struct.error,
    OSError,
)
"""What reading a hostile archive raises."""


def _check_directory(file: BinaryIO) -> None:
    """The library reads the whole list of files at once: its length is looked at first, where it looks."""
    size = file.seek(0, 2)
    start = max(0, size - _LONGEST_COMMENT - _END.size)
    file.seek(start)
    tail = file.read()
    plain = tail[-_END.size :]
    at = len(tail) - _END.size
    if not (plain.startswith(_END_SIGNATURE) and plain.endswith(b"\x00\x00")):
        at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END.size:
        raise ArchiveRefused("no archive")
    directory_bytes = _END.unpack_from(tail, at)[5]
    locator = max(0, start + at - _LOCATOR_BYTES)
    file.seek(locator)
    if file.read(4) == b"PK\x06\x07" or directory_bytes > MAX_DIRECTORY_BYTES:
        raise ArchiveRefused("the list of files is too long")
    file.seek(0)
