"""A whole log verifies, and whatever is wrong in it is named with the first bad position."""

from __future__ import annotations

import pytest

from services.proof.logs import check_records, read_records, verify_log
from services.proof.refusals import (
    Malformed,
    RecordAltered,
    RecordMissing,
    RecordUnsealed,
    Refused,
    TileAltered,
    TileMissing,
)
from services.proof.tiles import TILE_WIDTH, Tiles, bundle, split_bundle, tile_levels, tile_path, tile_width
from services.proof.tree import root_of, tree_root
from tests.proof.signed import TRUST, Files, log_of, numbered_records

SIZE = 70_000
RECORDS = numbered_records(1_000)
FILES = log_of(RECORDS)


def spoilt(path: str, raw: bytes | None) -> Files:
    files = Files(FILES)
    assert path in files
    if raw is None:
        del files[path]
    else:
        files[path] = raw
    return files


@pytest.mark.slow
def test_a_log_of_seventy_thousand_records_verifies_whole() -> None:
    files = log_of(numbered_records(SIZE))

    assert verify_log(files, TRUST).checkpoint.size == SIZE


def test_the_tiles_of_seventy_thousand_records_are_those_of_the_specification() -> None:
    assert list(tile_levels(SIZE)) == [0, 1, 2]
    assert [tile_width(0, index, SIZE) for index in (272, 273, 274)] == [256, 112, 0]
    assert [tile_width(1, index, SIZE) for index in (0, 1)] == [256, 17]
    assert tile_width(2, 0, SIZE) == 1
    assert list(tile_levels(256)) == [0, 1]
    assert (tile_width(0, 0, 256), tile_width(1, 0, 256)) == (256, 1)
    assert list(tile_levels(255)) == [0]
    assert list(tile_levels(0)) == []
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 0, 7) == "tile/entries/000.p/7"


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 1_000])
def test_the_root_follows_from_the_tiles(size: int) -> None:
    files = log_of(RECORDS[:size])

    assert tree_root(size, Tiles(files, size).node) == TRUST.open(files["checkpoint"]).checkpoint.root
    assert verify_log(files, TRUST).checkpoint.size == size


def test_an_empty_log_verifies() -> None:
    assert verify_log(log_of([]), TRUST).checkpoint.size == 0


def test_an_altered_record_is_named() -> None:
    records = list(RECORDS[256:512])
    records[44] = b"forged"

    with pytest.raises(RecordAltered, match="first bad position 301"):
        verify_log(spoilt("tile/entries/001", bundle(records)), TRUST)


def test_records_in_another_order_are_named() -> None:
    records = [RECORDS[257], RECORDS[256], *RECORDS[258:512]]

    with pytest.raises(RecordAltered, match="first bad position 257"):
        verify_log(spoilt("tile/entries/001", bundle(records)), TRUST)


@pytest.mark.parametrize("missing", [b"", bundle(RECORDS[256:511]), bundle(RECORDS[256:512])[:-1]])
def test_a_truncated_bundle_is_named(missing: bytes) -> None:
    with pytest.raises(RecordMissing) as refused:
        verify_log(spoilt("tile/entries/001", missing), TRUST)

    assert refused.value.position in {257, 512}


def test_records_beside_the_log_may_be_too_few_or_too_many() -> None:
    head = TRUST.open(FILES["checkpoint"]).checkpoint
    check_records(RECORDS, head)
    with pytest.raises(RecordMissing, match="first bad position 1000"):
        check_records(RECORDS[:-1], head)
    with pytest.raises(RecordUnsealed, match="first bad position 1001"):
        check_records([*RECORDS, b"more"], head)
    with pytest.raises(RecordAltered):
        check_records([*RECORDS[1:], RECORDS[0]], head)


@pytest.mark.parametrize("path", [path for path in FILES if path != "checkpoint"])
def test_a_tile_that_is_missing_truncated_or_altered_is_refused(path: str) -> None:
    raw = FILES[path]
    with pytest.raises(TileMissing):
        verify_log(spoilt(path, None), TRUST)
    for bad in (raw[:-1], raw[:-32], raw + raw[-32:]):
        with pytest.raises(Refused):
            verify_log(spoilt(path, bad), TRUST)
    with pytest.raises(Refused):
        verify_log(spoilt(path, bytes([raw[0] ^ 1]) + raw[1:]), TRUST)


def test_a_leaf_tile_altered_with_its_parents_is_refused() -> None:
    files = spoilt("tile/0/001", bytes(32) + FILES["tile/0/001"][32:])
    above = Tiles(FILES, 1_000).hashes(1, 0)
    forged = root_of([bytes(32), *Tiles(FILES, 1_000).hashes(0, 1)[1:]])
    files["tile/1/000.p/3"] = b"".join([above[0], forged, above[2]])

    with pytest.raises(TileAltered):
        verify_log(files, TRUST)


def test_an_altered_leaf_tile_is_named() -> None:
    altered = bytes(32) + FILES["tile/0/001"][32:]

    with pytest.raises(TileAltered, match="first bad position 257"):
        verify_log(spoilt("tile/0/001", altered), TRUST)


def test_a_missing_checkpoint_is_refused() -> None:
    with pytest.raises(TileMissing, match="no checkpoint"):
        verify_log(spoilt("checkpoint", None), TRUST)


def test_a_full_tile_stands_for_the_partial_one_it_replaced() -> None:
    files = log_of(RECORDS[:512])
    files["checkpoint"] = log_of(RECORDS[:300])["checkpoint"]
    files["tile/1/000.p/1"] = log_of(RECORDS[:300])["tile/1/000.p/1"]

    assert verify_log(files, TRUST).checkpoint.size == 300
    assert list(read_records(files, 300, after=255)) == RECORDS[255:300]


def test_a_bundle_reads_back() -> None:
    records = [b"", b"x" * 65_535, RECORDS[0]]

    assert list(split_bundle(bundle(records))) == records
    with pytest.raises(Malformed):
        list(split_bundle(bundle(records) + b"\x00"))
    assert len(FILES["tile/entries/000"]) > TILE_WIDTH
