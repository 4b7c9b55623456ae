"""A whole journal as one plain file of lines (docs/export.md): written and read record by record.

A header, a line for each record in order of position, and an end with the digest of all before it. So a file
that was cut, shortened or altered is found, and where; memory does not grow with the journal.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, TypeVar

import msgspec

from services.kernel.journal.sealing.opening import checkpoint_in
from services.proof.checkpoints import Checkpoint
from services.proof.notes import VerifierKey
from services.proof.refusals import Malformed, Refused
from services.proof.tree import GrowingRoot, leaf_hash

FORMAT: Final = 1
MAX_LINE_BYTES: Final = 200_000
"""Of any line: a record has at most 65,535 bytes, a checkpoint 100,000."""

_BEGIN: Final = b'{"position":'
_EVENT: Final = b',"event":'
_DIGEST: Final = b',"sha256":"'
_CLOSE: Final = b'"}\n'
_POSITION: Final = re.compile(rb"[0-9]{1,19}")
_TAIL: Final = len(_DIGEST) + 64 + len(_CLOSE)


class ExportDamaged(ValueError):
    """An export is not whole or not as it was written; the text says where."""


class ExportHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line: whose journal, how many records, and the signed checkpoint where there is a log."""

    format: int
    service: str
    source: str
    records: int
    checkpoint: str | None = None


class ExportEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: what the file came to.

    `root` is the root hash of all records (RFC 6962, base64), `sha256` the digest (hexadecimal) of every byte
    of the file before this line.
    """

    position: int
    root: str
    sha256: str


class _Header(msgspec.Struct, frozen=True):
    export: ExportHeader


class _End(msgspec.Struct, frozen=True):
    end: ExportEnd


LineT = TypeVar("LineT", _Header, _End)


def signed_by(note: str, key: VerifierKey | None) -> Checkpoint:
    """What a checkpoint's note signs, with the log's key only if that signed it. Raises `ExportDamaged`."""
    try:
        return checkpoint_in(note.encode(), key)
    except Malformed as refused:
        raise ExportDamaged(f"the checkpoint is not one: {refused}") from None
    except Refused as refused:
        raise ExportDamaged(f"the checkpoint is refused: {refused}") from None


def _check_signed(signed: Checkpoint | None, tree: GrowingRoot) -> None:
    """Compare once the tree has grown to the signed size."""
    if signed is not None and tree.size == signed.size and tree.root() != signed.root:
        raise ExportDamaged(f"the records up to position {signed.size} are not those its checkpoint signs")


def write_export(
    file: BinaryIO,
    header: ExportHeader,
    records: Iterable[tuple[int, bytes]],
    key: VerifierKey | None = None,
) -> ExportEnd:
    """Write a journal; `records` come as position and canonical bytes, `header.records` of them.

    Raises `ExportDamaged` when the journal itself has a gap or is not what its checkpoint signs, and with the
    log's `key` when that did not sign it.
    """
    digest, tree = hashlib.sha256(), GrowingRoot()
    signed = None if header.checkpoint is None else signed_by(header.checkpoint, key)

    def put(line: bytes) -> None:
        digest.update(line)
        file.write(line)

    put(msgspec.json.encode(_Header(header)) + b"\n")
    for position, record in records:
        if position != tree.size + 1:
            raise ExportDamaged(f"the journal has position {position} after {tree.size}")
        tree.add(leaf_hash(record))
        _check_signed(signed, tree)
        put(record_line(position, record))
    _check_size(header, signed, tree.size)
    end = _end(tree, digest.hexdigest())
    file.write(msgspec.json.encode(_End(end)) + b"\n")
    return end


def record_line(position: int, record: bytes) -> bytes:
    """One record's line: as the feed has it in `ndjson`, and the SHA-256 of the event's bytes."""
    sha256 = hashlib.sha256(record).hexdigest().encode()
    return b"%b%d%b%b%b%b%b" % (_BEGIN, position, _EVENT, record, _DIGEST, sha256, _CLOSE)


def _end(tree: GrowingRoot, digest: str) -> ExportEnd:
    return ExportEnd(position=tree.size, root=base64.b64encode(tree.root()).decode(), sha256=digest)


def _check_size(header: ExportHeader, signed: Checkpoint | None, size: int) -> None:
    if header.records != size:
        raise ExportDamaged(f"it announces {header.records} records and has {size}")
    if signed is not None and signed.size > size:
        raise ExportDamaged(f"its checkpoint signs {signed.size} records and it has {size}")


class ExportReader:
    """Reads an export from its beginning to its end, checking each line before it is handed on.

    With the log's `key` its checkpoint must be signed by that.
    """

    def __init__(self, file: BinaryIO, key: VerifierKey | None = None) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._tree = GrowingRoot()
        first = self._line()
        self.header = _decoded(first, _Header, "it is not an export: the first line is no header").export
        if self.header.format != FORMAT:
            raise ExportDamaged(f"its format is {self.header.format}; this program reads {FORMAT}")
        if key is not None and self.header.checkpoint is None:
            raise ExportDamaged("nothing signs it: it has no checkpoint")
        self._digest.update(first)
        self._signed = None if self.header.checkpoint is None else signed_by(self.header.checkpoint, key)

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Every record with its position. Raises `ExportDamaged` at the first line that is not right.

        Only when this ends without one is the file whole; what was handed on before must not be kept
        otherwise.
        """
        while (line := self._line()).startswith(_BEGIN):
            record = self._record(line)
            self._digest.update(line)
            self._tree.add(leaf_hash(record))
            _check_signed(self._signed, self._tree)
            yield self._tree.size, record
        end = _decoded(line, _End, f"the line after position {self._tree.size} cannot be read").end
        self._check_end(end)

    @property
    def root(self) -> str:
        """The root hash of the records read so far (base64)."""
        return base64.b64encode(self._tree.root()).decode()

    def _line(self) -> bytes:
        try:
            line = self._read()
        except EOFError:  # a compressed file that was cut short
            line = b""
        if line.endswith(b"\n"):
            return line
        if len(line) == MAX_LINE_BYTES:
            raise ExportDamaged(f"the line after position {self._tree.size} is longer than any record's")
        raise ExportDamaged(
            f"the file is truncated: it ends after position {self._tree.size}, without its end"
        )

    def _read(self) -> bytes:
        try:
            return self._file.readline(MAX_LINE_BYTES)
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ExportDamaged(f"after position {self._tree.size} it cannot be unpacked: {error}") from error

    def _record(self, line: bytes) -> bytes:
        """The record of a line; its position must be the next and its digest its own."""
        expected = self._tree.size + 1
        digits, mark, rest = line[len(_BEGIN) :].partition(_EVENT)
        if not mark or not _POSITION.fullmatch(digits) or not line.endswith(_CLOSE):
            raise ExportDamaged(f"the line after position {expected - 1} cannot be read")
        if (position := int(digits)) != expected:
            gap = (
                f"positions {expected} to {position - 1} are missing"
                if position > expected
                else "out of order"
            )
            raise ExportDamaged(f"position {position} follows {expected - 1}: {gap}")
        record = rest[:-_TAIL]
        if record_line(expected, record) != line:
            raise ExportDamaged(f"position {expected} was altered: its SHA-256 is another")
        return record

    def _check_end(self, end: ExportEnd) -> None:
        if end.position != self._tree.size:
            raise ExportDamaged(f"positions {self._tree.size + 1} to {end.position} are missing")
        _check_size(self.header, self._signed, self._tree.size)
        if end != _end(self._tree, self._digest.hexdigest()):
            raise ExportDamaged("the file was altered: the digest in its end is another")
        try:
            behind = self._read()
        except EOFError:  # compressed, and cut in what tells that it was whole
            raise ExportDamaged("the file is truncated: what closes the compressed file is missing") from None
        if behind:
            raise ExportDamaged("something follows the file's end")


def _decoded(line: bytes, kind: type[LineT], otherwise: str) -> LineT:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ExportDamaged(otherwise) from None
