"""A monitor outside the service: what it saw once must stay, and it names the first position that did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.proof.monitoring import Monitor, check_age
from services.proof.refusals import Inconsistent, NotSigned, RecordAltered, Shorter, Stale, TileAltered
from services.proof.tiles import bundle
from tests.proof.signed import SIGNED_AT, TRUST, Files, log_of, numbered_records

RECORDS = numbered_records(700)


def look(files: Files, memory: Path, *, whole: bool = False) -> int:
    return Monitor(files, TRUST, memory).look(whole=whole).checkpoint.size


def forged(position: int, size: int) -> list[bytes]:
    return [*RECORDS[: position - 1], b"forged", *RECORDS[position:size]]


@pytest.mark.parametrize("sizes", [(0, 1, 300), (10, 10, 256, 257, 700), (300, 512)])
def test_a_log_that_only_grows_verifies_each_time(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        assert look(log_of(RECORDS[:size]), tmp_path) == size
    assert look(log_of(RECORDS[: sizes[-1]]), tmp_path, whole=True) == sizes[-1]


@pytest.mark.parametrize("size", [300, 700])
def test_a_rewritten_record_signed_anew_is_named(tmp_path: Path, size: int) -> None:
    look(log_of(RECORDS[:300]), tmp_path)

    with pytest.raises(Inconsistent, match="first bad position 42"):
        look(log_of(forged(42, size)), tmp_path)
    assert look(log_of(RECORDS), tmp_path) == 700, "nothing false was remembered"


def test_a_shorter_log_signed_anew_is_named(tmp_path: Path) -> None:
    look(log_of(RECORDS[:300]), tmp_path)

    with pytest.raises(Shorter, match="first bad position 291"):
        look(log_of(RECORDS[:290]), tmp_path)
    with pytest.raises(Shorter, match="first bad position 7"):
        look(log_of(forged(7, 290)), tmp_path)


def test_a_new_record_that_is_not_what_was_sealed_is_named(tmp_path: Path) -> None:
    look(log_of(RECORDS[:300]), tmp_path)
    files = log_of(RECORDS)
    files["tile/entries/001"] = bundle(forged(301, 512)[256:])

    with pytest.raises(RecordAltered, match="first bad position 301"):
        look(files, tmp_path)


def test_an_old_record_that_was_altered_is_found_when_all_is_verified(tmp_path: Path) -> None:
    look(log_of(RECORDS[:300]), tmp_path)
    files = log_of(RECORDS)
    files["tile/entries/000"] = bundle(forged(3, 256))

    assert look(files, tmp_path) == 700
    with pytest.raises(RecordAltered, match="first bad position 3"):
        look(files, tmp_path, whole=True)


def test_without_the_records_their_hashes_are_verified(tmp_path: Path) -> None:
    files = Files({path: raw for path, raw in log_of(RECORDS).items() if "entries" not in path})

    assert Monitor(files, TRUST, tmp_path).look(records=False).checkpoint.size == 700


def test_a_memory_that_was_altered_is_refused(tmp_path: Path) -> None:
    look(log_of(RECORDS[:300]), tmp_path)
    tile = tmp_path / "tile/0/001.p/44"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])

    with pytest.raises(TileAltered, match="memory"):
        look(log_of(RECORDS), tmp_path)


def test_a_log_that_no_longer_signs_is_stale() -> None:
    opened = TRUST.open(log_of(RECORDS)["checkpoint"])
    check_age(opened, SIGNED_AT + 600, 600)

    with pytest.raises(Stale, match="601 seconds ago"):
        check_age(opened, SIGNED_AT + 601, 600)


def test_another_key_is_not_believed(tmp_path: Path) -> None:
    files = log_of(RECORDS)
    lines = files["checkpoint"].decode().splitlines(keepends=True)
    files["checkpoint"] = "".join([*lines[:-2], lines[-1]]).encode()

    with pytest.raises(NotSigned):
        look(files, tmp_path)
