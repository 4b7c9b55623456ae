"""A whole log: records, tiles and signed root agree; otherwise the first bad position is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.proof.checkpoints import Checkpoint, SignedCheckpoint, Trust
from services.proof.refusals import (
    Malformed,
    RecordAltered,
    RecordMissing,
    RecordUnsealed,
    Refused,
    TileAltered,
    TileMissing,
)
from services.proof.tiles import (
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
        raise TileMissing("the log has no checkpoint")
    return trust.open(raw)


def verify_log(source: Source, trust: Trust, records: Iterable[bytes] | None = None) -> SignedCheckpoint:
    """Verify a log's checkpoint, tiles and records; the records come from its entry bundles unless given.

    Raises a `Refused` that names the first bad position.
    """
    opened = read_checkpoint(source, trust)
    head = opened.checkpoint
    tiles = Tiles(source, head.size)
    check_records(read_records(source, head.size) if records is None else records, head, tiles)
    check_tiles(tiles, head)
    return opened


def check_records(records: Iterable[bytes], head: Checkpoint, tiles: Tiles | None = None) -> None:
    """Verify that these are exactly the records of a checkpoint, in order.

    With tiles a record that does not belong is named by its position, and so is one that is missing or one
    too many; without them an altered record is known only by the root, so no position can be named.
    """
    grown, suspect = GrowingRoot(), None
    try:
        for record in records:
            if grown.size == head.size:
                raise RecordUnsealed(f"the checkpoint counts {head.size} records", position=head.size + 1)
            leaf = leaf_hash(record)
            if suspect is None and tiles is not None and leaf != _tile_leaf(tiles, grown.size, leaf):
                suspect = grown.size + 1
            grown.add(leaf)
        if grown.size < head.size:
            raise RecordMissing(f"the checkpoint counts {head.size} records", position=grown.size + 1)
    except Refused:
        if suspect is None:
            raise
    if (grown.size, grown.root()) == (head.size, head.root):
        if suspect is not None:
            raise TileAltered("the records are as signed, the tile of hashes is not", position=suspect)
        return
    if suspect is not None:
        raise RecordAltered("the record is not the one that was sealed here", position=suspect)
    raise RecordAltered(f"these {head.size} records do not hash to the signed root")


def check_tiles(tiles: Tiles, head: Checkpoint) -> None:
    """Verify every tile from the root down. Raises `TileAltered`."""
    if tree_root(head.size, tiles.node) != head.root:
        raise TileAltered("the tiles on the right edge do not hash to the signed root")
    for level in reversed(tile_levels(head.size)[1:]):
        count = head.size >> 8 * level
        for below in range(count):
            sealed = tiles.hashes(level, below // TILE_WIDTH)[below % TILE_WIDTH]
            if root_of(tiles.hashes(level - 1, below)) != sealed:
                raise TileAltered(
                    f"{tile_path(level - 1, below)} does not hash to what {level} holds of it",
                    position=below * TILE_WIDTH**level + 1,
                )


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


def _tile_leaf(tiles: Tiles, index: int, otherwise: bytes) -> bytes:
    """The leaf's hash as its tile has it; `otherwise` where the tile cannot be read (see `check_tiles`)."""
    try:
        return tiles.hashes(0, index // TILE_WIDTH)[index % TILE_WIDTH]
    except (TileMissing, Malformed):
        return otherwise
