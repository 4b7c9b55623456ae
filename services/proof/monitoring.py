"""A log seen from outside, again and again: each time it must contain all that was seen before.

The memory is a folder with the last checkpoint and a copy of the log's tiles (32 bytes a record), so that
when history was rewritten the first changed position can be told.
"""

from __future__ import annotations

import os
from pathlib import Path

from services.proof.checkpoints import Checkpoint, SignedCheckpoint, Trust
from services.proof.logs import CHECKPOINT_PATH, leaf_in, read_checkpoint, verify_log
from services.proof.refusals import Inconsistent, Malformed, Shorter, Stale, TileAltered, TileMissing
from services.proof.sources import Folder
from services.proof.tiles import TILE_HEIGHT, TILE_WIDTH, Source, Tiles, tile_levels, tile_path, tile_width
from services.proof.tree import check_consistency, consistency_proof, tree_root


class Once:
    """A source whose checkpoint is read once, so that one look is at one moment."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._checkpoint: bytes | None = None

    def read(self, path: str) -> bytes | None:
        """See `services.proof.tiles.Source`."""
        if path != CHECKPOINT_PATH:
            return self._source.read(path)
        if self._checkpoint is None:
            self._checkpoint = self._source.read(path)
        return self._checkpoint


class Monitor:
    """Verifies a log and remembers what it saw."""

    def __init__(self, source: Source, trust: Trust, memory: Path | None = None) -> None:
        self._source = Once(source)
        self._trust = trust
        self._memory = memory

    def look(self, *, whole: bool = False, records: bool = True) -> SignedCheckpoint:
        """Verify what is new since the last look, or everything, and remember it.

        Raises `Shorter`, `Inconsistent`, and what `verify_log` raises; then nothing is remembered.
        """
        seen = self._remembered()
        head = read_checkpoint(self._source, self._trust).checkpoint
        if seen is not None:
            self._check_grown(seen, head)
        after = 0 if seen is None or whole else seen.size
        opened = verify_log(self._source, self._trust, after=after, records=records)
        if self._memory is not None:
            self._remember(self._memory, opened, after)
        return opened

    def _remembered(self) -> Checkpoint | None:
        if self._memory is None or not (self._memory / CHECKPOINT_PATH).exists():
            return None
        kept = Folder(self._memory)
        seen = read_checkpoint(kept, self._trust).checkpoint
        if tree_root(seen.size, Tiles(kept, seen.size).node) != seen.root:
            raise TileAltered("the monitor's own memory was altered")
        return seen

    def _check_grown(self, seen: Checkpoint, head: Checkpoint) -> None:
        if head.size < seen.size:
            message = f"the log has {head.size} records and had {seen.size}"
            raise Shorter(message, position=self._first_change(seen, head) or head.size + 1)
        try:
            proof = consistency_proof(seen.size, head.size, Tiles(self._source, head.size).node)
            check_consistency(seen.size, seen.root, head.size, head.root, proof)
        except Inconsistent as refused:
            raise Inconsistent(refused.args[0], position=self._first_change(seen, head)) from None

    def _first_change(self, seen: Checkpoint, head: Checkpoint) -> int | None:
        """The first position whose hash is not the remembered one, where the log's tiles can be read."""
        if self._memory is None:
            return None
        old, new = Tiles(Folder(self._memory), seen.size), Tiles(self._source, head.size)
        try:
            for position in range(1, min(seen.size, head.size) + 1):
                if leaf_in(old, position) != leaf_in(new, position):
                    return position
        except (TileMissing, Malformed):
            return None
        return None

    def _remember(self, memory: Path, opened: SignedCheckpoint, after: int) -> None:
        tiles = Tiles(self._source, opened.checkpoint.size)
        for level in tile_levels(tiles.size):
            count = tiles.size >> TILE_HEIGHT * level
            for index in range((after >> TILE_HEIGHT * level) // TILE_WIDTH, count // TILE_WIDTH + 1):
                width = tile_width(level, index, tiles.size)
                if width:
                    _write(memory / tile_path(level, index, width), b"".join(tiles.hashes(level, index)))
        _write(memory / CHECKPOINT_PATH, str(opened.note).encode())


def check_age(opened: SignedCheckpoint, now: float, seconds: float) -> None:
    """Refuse a checkpoint that the log signed longer ago than that; `now` in seconds since 1970.

    Raises `Stale`.
    """
    if opened.signed_at is None:
        raise Stale("the checkpoint does not tell when it was signed")
    if now - opened.signed_at > seconds:
        raise Stale(f"the checkpoint was signed {now - opened.signed_at:.0f} seconds ago")


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
