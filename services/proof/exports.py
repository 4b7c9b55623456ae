"""An exported journal: one file of lines (docs/export.md), each record with its position and SHA-256."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from services.proof.checkpoints import SignedCheckpoint, Trust
from services.proof.logs import check_tiles, leaf_in
from services.proof.refusals import Malformed, RecordAltered, RecordMissing
from services.proof.tiles import Source, Tiles
from services.proof.tree import GrowingRoot, leaf_hash

MAX_LINE_BYTES: Final = 200_000
_BEGIN: Final = b'{"position":'
_EVENT: Final = b',"event":'
_DIGEST: Final = b',"sha256":"'
_POSITION: Final = re.compile(rb"[0-9]{1,19}")
_TAIL: Final = len(_DIGEST) + 64 + len(b'"}\n')


@dataclass(frozen=True, slots=True)
class VerifiedExport:
    """What an export came to: the checkpoint in it, and how many records follow that nothing signs yet."""

    opened: SignedCheckpoint
    unsigned: int


def verify_export(path: Path, trust: Trust, log: Source | None = None) -> VerifiedExport:
    """Verify a whole export against the checkpoint in its header; with a log's tiles each record by itself.

    Raises a `Refused` that names the first bad position where it can: a line that does not fit its own
    SHA-256, a gap, a file cut short. Lines forged together with their SHA-256 are named only with tiles.
    """
    with _opened(path) as file:
        header = _object(_line(file, 0), "export", 0)
        note, announced = header.get("checkpoint"), header.get("records")
        if not isinstance(note, str) or not isinstance(announced, int):
            raise Malformed("the export has no checkpoint in its header: nothing signs it")
        opened = trust.open(note.encode())
        head = opened.checkpoint
        tiles = None if log is None else Tiles(log, head.size)
        if tiles is not None:
            check_tiles(tiles, head)
        grown, at_head = GrowingRoot(), None
        for position, record in _records(file, announced):
            leaf = leaf_hash(record)
            if tiles is not None and position <= head.size and leaf != leaf_in(tiles, position):
                raise RecordAltered("the record is not the one that was sealed here", position=position)
            grown.add(leaf)
            if position == head.size:
                at_head = grown.root()
    if grown.size < head.size:
        raise RecordMissing(f"the checkpoint counts {head.size} records", position=grown.size + 1)
    if head.size and at_head != head.root:
        raise RecordAltered(f"the first {head.size} records do not hash to the signed root")
    return VerifiedExport(opened, grown.size - head.size)


def _records(file: BinaryIO, announced: int) -> Iterator[tuple[int, bytes]]:
    position = 0
    while (line := _line(file, position)).startswith(_BEGIN):
        digits, mark, rest = line[len(_BEGIN) :].partition(_EVENT)
        if not mark or not _POSITION.fullmatch(digits) or len(rest) <= _TAIL:
            raise Malformed("not a record's line", position=position + 1)
        if int(digits) != position + 1:
            raise RecordMissing(f"position {int(digits)} follows {position}", position=position + 1)
        position += 1
        record, tail = rest[:-_TAIL], rest[-_TAIL:]
        if tail != _DIGEST + sha256(record).hexdigest().encode() + b'"}\n':
            raise RecordAltered("the line does not fit its SHA-256", position=position)
        yield position, record
    end = _object(line, "end", position)
    if end.get("position") != position or announced != position:
        raise RecordMissing(f"{announced} records were announced", position=position + 1)
    if _read(file, position):
        raise Malformed("something follows the file's end", position=position + 1)


def _line(file: BinaryIO, after: int) -> bytes:
    line = _read(file, after)
    if not line.endswith(b"\n"):
        raise RecordMissing("the file is cut short", position=after + 1)
    return line


def _read(file: BinaryIO, after: int) -> bytes:
    try:
        return file.readline(MAX_LINE_BYTES)
    except (OSError, EOFError, zlib.error) as error:  # a packed file that was cut short or altered
        raise Malformed(f"the file cannot be unpacked: {error}", position=after + 1) from None


def _object(line: bytes, name: str, after: int) -> dict[str, Any]:
    try:
        found = json.loads(line)[name]
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed(f"not a line with `{name}`", position=after + 1) from None
    if not isinstance(found, dict):
        raise Malformed(f"not a line with `{name}`", position=after + 1)
    return found


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path)) if packed else path.open("rb")
