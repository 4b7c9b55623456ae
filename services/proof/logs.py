"""A whole log: records, tiles and signed root agree; otherwise the first bad position is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.proof.checkpoints import Checkpoint, SignedCheckpoint, Trust
from services.proof.refusals import (
    Malformed,
    RecordAltered,
    RecordMissing,
    RecordUnsealed,
    TileAltered,
    TileMissing,
)
from services.proof.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Source,
    Tiles,
    read_tile,
    split_bundle,
    tile_levels,
    tile_path,
    tile_width,
)
from services.proof.tree import GrowingRoot, leaf_hash, root_of, tree_root

CHECKPOINT_PATH = "checkpoint"


def read_checkpoint(source: Source, trust: Trust) -> SignedCheckpoint:
    """The log's newest checkpoint, verified. Raises `TileMissing` and what `Trust.open` raises."""
    raw = source.read(CHECKPOINT_PATH)
    if raw is None:
        raise TileMissing("there is no checkpoint here; a service's log is under /v1/journal/log")
    return trust.open(raw)


def verify_log(source: Source, trust: Trust, *, after: int = 0, records: bool = True) -> SignedCheckpoint:
    """Verify a log's checkpoint, its tiles, and each record after a position against its tile.

    Without `records` only hashes are verified, for a log whose records are not everyone's to read. Raises a
    `Refused` that names the first bad position.
    """
    opened = read_checkpoint(source, trust)
    head = opened.checkpoint
    tiles = Tiles(source, head.size)
    check_tiles(tiles, head, after=after)
    if records:
        for position, record in enumerate(read_records(source, head.size, after), after + 1):
            if leaf_hash(record) != leaf_in(tiles, position):
                raise RecordAltered("the record is not the one that was sealed here", position=position)
    return opened


def check_tiles(tiles: Tiles, head: Checkpoint, *, after: int = 0) -> None:
    """Verify the tiles from the root down, as far as they hold records after a position.

    Raises `TileAltered`, `TileMissing` and `Malformed`.
    """
    if tree_root(head.size, tiles.node) != head.root:
        raise TileAltered("the tiles on the right edge do not hash to the signed root")
    for level in reversed(tile_levels(head.size)[1:]):
        for below in range(after >> TILE_HEIGHT * level, head.size >> TILE_HEIGHT * level):
            sealed = tiles.hashes(level, below // TILE_WIDTH)[below % TILE_WIDTH]
            if root_of(tiles.hashes(level - 1, below)) != sealed:
                raise TileAltered(
                    f"{tile_path(level - 1, below)} does not hash to what the tile above holds of it",
                    position=below * TILE_WIDTH**level + 1,
                )


def check_records(records: Iterable[bytes], head: Checkpoint) -> None:
    """Verify that these are exactly the records of a checkpoint, in order, without any tile.

    Raises `RecordMissing`, `RecordUnsealed` and `RecordAltered`; of an altered record only the root is known,
    so its position cannot be told.
    """
    grown = GrowingRoot()
    for record in records:
        if grown.size == head.size:
            raise RecordUnsealed(f"the checkpoint counts {head.size} records", position=head.size + 1)
        grown.add(leaf_hash(record))
    if grown.size < head.size:
        raise RecordMissing(f"the checkpoint counts {head.size} records", position=grown.size + 1)
    if grown.root() != head.root:
        raise RecordAltered(f"these {head.size} records do not hash to the signed root")


def leaf_in(tiles: Tiles, position: int) -> bytes:
    """The hash of the record at a position as its tile has it. Raises `TileMissing` and `Malformed`."""
    tile, at = divmod(position - 1, TILE_WIDTH)
    return tiles.hashes(0, tile)[at]


def read_records(source: Source, size: int, after: int = 0) -> Iterator[bytes]:
    """The records of a log from its entry bundles, those after a position up to `size`.

    Raises `TileMissing`, and `RecordMissing` for a bundle that holds too few or is cut short.
    """
    for index in range(after // TILE_WIDTH, (size + TILE_WIDTH - 1) // TILE_WIDTH):
        width = tile_width(0, index, size)
        raw, _ = read_tile(source, "entries", index, width)
        start = index * TILE_WIDTH
        found = 0
        try:
            for found, record in enumerate(split_bundle(raw), 1):
                if found > width:
                    break
                if start + found > after:
                    yield record
        except Malformed as refused:
            raise RecordMissing(str(refused.args[0]), position=start + found + 1) from None
        if found < width:
            raise RecordMissing("the entry bundle is cut short", position=start + found + 1)
