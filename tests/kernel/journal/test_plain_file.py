"""A journal as one plain file: whole and unaltered, or refused with the position where it is not."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Callable

import pytest

from services.kernel.journal.plain_file import (
    ExportDamaged,
    ExportHeader,
    ExportReader,
    record_line,
    write_export,
)

RECORDS = [b'{"data":{"text":"%d"},"id":"%d"}' % (number, number) for number in range(1, 8)]


def naive_root(records: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 as it is written."""
    if not records:
        return hashlib.sha256().digest()
    if len(records) == 1:
        return hashlib.sha256(b"\x00" + records[0]).digest()
    split = 1
    while split * 2 < len(records):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(records[:split]) + naive_root(records[split:])).digest()


def exported(records: list[bytes], note: str | None = None) -> bytes:
    file = io.BytesIO()
    header = ExportHeader(
        format=1, service="register", source="urn:kz:register", records=len(records), checkpoint=note
    )
    write_export(file, header, enumerate(records, 1))
    return file.getvalue()


def read(file: bytes) -> list[bytes]:
    return [record for _, record in ExportReader(io.BytesIO(file)).records()]


def note_of(records: list[bytes]) -> str:
    root = base64.b64encode(naive_root(records)).decode()
    return f"register.example/log\n{len(records)}\n{root}\n\n— register.example/log AAAAAAAA\n"


@pytest.mark.parametrize("count", [0, 1, 7])
def test_what_was_written_is_read_byte_for_byte(count: int) -> None:
    assert read(exported(RECORDS[:count])) == RECORDS[:count]


def test_standard_tools_read_it() -> None:
    header, *lines, end = [json.loads(line) for line in exported(RECORDS).splitlines()]
    assert header["export"]["records"] == 7
    assert [line["position"] for line in lines] == list(range(1, 8))
    before_the_end = b"".join(exported(RECORDS).splitlines(keepends=True)[:-1])
    assert end["end"]["sha256"] == hashlib.sha256(before_the_end).hexdigest()
    assert end["end"]["root"] == base64.b64encode(naive_root(RECORDS)).decode()
    assert lines[2]["sha256"] == hashlib.sha256(RECORDS[2]).hexdigest()


def lines(change: Callable[[list[bytes]], None]) -> bytes:
    found = exported(RECORDS).splitlines(keepends=True)
    change(found)
    return b"".join(found)


def without(*numbers: int) -> bytes:
    found = WHOLE.splitlines(keepends=True)
    return b"".join(line for number, line in enumerate(found) if number not in numbers)


def forged(found: list[bytes]) -> None:
    found[3] = record_line(3, RECORDS[0])


def swapped(found: list[bytes]) -> None:
    found[3], found[4] = found[4], found[3]


WHOLE = exported(RECORDS)
THIRD = b'{"position":3,"event"'
BAD = {
    "empty": (b"", "truncated"),
    "no export": (b'{"events":[]}\n', "not an export"),
    "another format": (WHOLE.replace(b'"format":1', b'"format":9'), "format is 9"),
    "truncated between lines": (without(5, 6, 7, 8), "it ends after position 4"),
    "truncated inside a line": (WHOLE[:-300], "truncated"),
    "without its end": (without(8), "it ends after position 7"),
    "cut in the middle": (without(3, 4), "positions 3 to 4 are missing"),
    "cut before the end": (without(7), "positions 7 to 7 are missing"),
    "swapped": (lines(swapped), "position 4 follows 2"),
    "altered": (WHOLE.replace(b'"text":"5"', b'"text":"6"'), "position 5 was altered"),
    "altered with its digest": (lines(forged), "the digest in its end is another"),
    "altered header": (WHOLE.replace(b'"register"', b'"registry"'), "the digest in its end"),
    "altered position": (WHOLE.replace(THIRD, b'{"position":03,"event"'), "position 3 was altered"),
    "unreadable line": (WHOLE.replace(THIRD, b'{"position":3,"evemt"'), "after position 2"),
    "a line without end": (WHOLE.replace(THIRD, b"x" * 200_000 + THIRD), "longer than any"),
    "more behind": (WHOLE + b"\n", "something follows"),
    "a header without a bottom": (WHOLE.replace(b'"format":1', b'"x":' + b"[" * 90_000), "not an export"),
    "a position without an end": (
        WHOLE.replace(THIRD, b'{"position":' + b"3" * 5_000 + b',"event"'),
        "after",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_not_as_it_was_written_is_refused(name: str) -> None:
    file, told = BAD[name]
    with pytest.raises(ExportDamaged, match=told):
        read(file)


def test_every_flipped_bit_is_found() -> None:
    whole = exported(RECORDS[:3], note_of(RECORDS[:2]))
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(ExportDamaged):
            read(bytes(flipped))


def test_a_checkpoint_goes_along_and_must_sign_these_records() -> None:
    assert read(exported(RECORDS, note_of(RECORDS[:5]))) == RECORDS
    with pytest.raises(ExportDamaged, match="up to position 2 are not those its checkpoint signs"):
        exported(RECORDS, note_of([RECORDS[1], RECORDS[0]]))
    with pytest.raises(ExportDamaged, match="signs 7 records and it has 6"):
        exported(RECORDS[:6], note_of(RECORDS))
    with pytest.raises(ExportDamaged, match="the checkpoint is not one"):
        exported(RECORDS, "a note of something else\n")


def test_a_journal_with_a_gap_is_not_exported() -> None:
    header = ExportHeader(format=1, service="register", source="urn:kz:register", records=2)
    with pytest.raises(ExportDamaged, match="position 3 after 1"):
        write_export(io.BytesIO(), header, [(1, b"{}"), (3, b"{}")])


def test_a_compressed_file_that_was_cut_or_altered_is_refused() -> None:
    packed = bytearray(gzip.compress(exported(RECORDS)))
    with pytest.raises(ExportDamaged, match="truncated"):
        read_packed(bytes(packed[:-40]))
    for missing in range(1, 13):  # the last eight bytes tell that a compressed file was whole
        with pytest.raises(ExportDamaged):
            read_packed(bytes(packed[:-missing]))
    for place in (len(packed) // 2, -6):
        altered = packed.copy()
        altered[place] ^= 0xFF
        with pytest.raises(ExportDamaged):
            read_packed(bytes(altered))
    with pytest.raises(ExportDamaged):
        read_packed(bytes(packed + b"more"))


def read_packed(file: bytes) -> list[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(file)) as opened:
        return [record for _, record in ExportReader(opened).records()]  # type: ignore[arg-type]
