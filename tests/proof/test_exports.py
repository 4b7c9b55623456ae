"""An exported journal verifies with the key alone, and whatever is wrong in it is named (docs/export.md)."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from services.kernel.journal.plain_file import FORMAT, ExportHeader, record_line, write_export
from services.proof.exports import verify_export
from services.proof.refusals import Malformed, OtherLog, RecordAltered, RecordMissing, Refused, TileAltered
from tests.proof.signed import ORIGIN, TRUST, log_of, numbered_records, signed_checkpoint

RECORDS = numbered_records(300)
FILES = log_of(RECORDS[:290])


def export_of(records: list[bytes], checkpoint: bytes | None) -> bytes:
    file = io.BytesIO()
    note = None if checkpoint is None else checkpoint.decode()
    header = ExportHeader(
        format=FORMAT, service="ledger", source="urn:kz:ledger", records=len(records), checkpoint=note
    )
    write_export(file, header, enumerate(records, 1))
    return file.getvalue()


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    return export_of(RECORDS, FILES["checkpoint"]).splitlines(keepends=True)


def verified(folder: Path, raw: bytes, *, tiles: bool = False) -> tuple[int, int]:
    path = folder / "export"
    path.write_bytes(raw)
    found = verify_export(path, TRUST, FILES if tiles else None)
    return found.opened.checkpoint.size, found.unsigned


@pytest.mark.parametrize("tiles", [False, True])
def test_an_export_verifies_and_tells_what_nothing_signs(
    tmp_path: Path, lines: list[bytes], *, tiles: bool
) -> None:
    assert verified(tmp_path, b"".join(lines), tiles=tiles) == (290, 10)
    assert verified(tmp_path, gzip.compress(b"".join(lines)), tiles=tiles) == (290, 10)


def test_an_empty_journals_export_verifies(tmp_path: Path) -> None:
    assert verified(tmp_path, export_of([], signed_checkpoint([]))) == (0, 0)


@pytest.mark.parametrize("cut", [0, 1, 42, 300, 301])
def test_a_truncated_export_is_named(tmp_path: Path, lines: list[bytes], cut: int) -> None:
    with pytest.raises(Refused) as refused:
        verified(tmp_path, b"".join(lines[:cut]) + lines[cut][:-1])
    assert refused.value.position == max(cut, 1)
    with pytest.raises(Refused):
        verified(tmp_path, gzip.compress(b"".join(lines))[:-9])


def test_an_export_whose_middle_was_cut_out_is_named(tmp_path: Path, lines: list[bytes]) -> None:
    with pytest.raises(RecordMissing, match="first bad position 42"):
        verified(tmp_path, b"".join(lines[:42] + lines[50:]))


def test_an_altered_line_is_named(tmp_path: Path, lines: list[bytes]) -> None:
    lines[42] = lines[42].replace(b'"event":{"position":42}', b'"event":{"position":43}')

    with pytest.raises(RecordAltered, match="first bad position 42"):
        verified(tmp_path, b"".join(lines))


def test_a_line_forged_with_its_digest_is_found_and_with_tiles_named(
    tmp_path: Path, lines: list[bytes]
) -> None:
    lines[42] = record_line(42, b'{"position":43}')

    with pytest.raises(RecordAltered, match="do not hash to the signed root"):
        verified(tmp_path, b"".join(lines))
    with pytest.raises(RecordAltered, match="first bad position 42"):
        verified(tmp_path, b"".join(lines), tiles=True)


def test_an_export_shorter_than_its_checkpoint_is_refused(tmp_path: Path, lines: list[bytes]) -> None:
    end = json.loads(lines[-1])["end"] | {"position": 280}
    header = json.loads(lines[0])["export"] | {"records": 280}
    made = [json.dumps({"export": header}).encode() + b"\n", *lines[1:281]]

    with pytest.raises(RecordMissing, match="first bad position 281"):
        verified(tmp_path, b"".join([*made, json.dumps({"end": end}).encode() + b"\n"]))


def test_an_export_that_nothing_signs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="nothing signs it"):
        verified(tmp_path, export_of(RECORDS, None))


def test_an_export_with_another_logs_checkpoint_is_refused(tmp_path: Path, lines: list[bytes]) -> None:
    lines[0] = lines[0].replace(ORIGIN.encode(), b"other.example.kz/log")

    with pytest.raises(OtherLog):
        verified(tmp_path, b"".join(lines))


def test_tiles_of_another_log_are_refused(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "export"
    path.write_bytes(b"".join(lines))

    with pytest.raises(TileAltered):
        verify_export(path, TRUST, log_of([b"forged", *RECORDS[1:290]]))


@pytest.mark.parametrize(
    "raw", [b"", b"{}\n", b"[]\n", b"nonsense\n", b'{"export": 3}\n', b"\x1f\x8bnonsense"]
)
def test_what_is_no_export_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(Refused):
        verified(tmp_path, raw)


@pytest.mark.parametrize(
    "header",
    [b"[" * 90_000, b'{"export":{"records":1,"checkpoint":"\\ud800"}}', b'{"export":' + b"[" * 90_000],
)
def test_a_hostile_header_is_named_and_not_a_crash(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(Malformed, match="not a line with `export`"):
        verified(tmp_path, header + b"\n")


def test_a_position_of_thousands_of_digits_is_no_position(tmp_path: Path, lines: list[bytes]) -> None:
    with pytest.raises(Malformed, match="not a record's line"):
        verified(tmp_path, lines[0] + lines[1].replace(b"1", b"1" * 5_000, 1) + b"".join(lines[2:]))
