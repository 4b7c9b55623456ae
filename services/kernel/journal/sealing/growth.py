"""The tree's right edge: what must be known of a log to add a record to it and to tell its root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.proof.tiles import TILE_HEIGHT, TILE_WIDTH, Tiles, tile_levels, tile_path
from services.proof.tree import EMPTY_ROOT, leaf_hash, root_of


class Growth:
    """The last, unfinished tile of every level; at most 255 hashes each."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[list[bytes]] = []

    @classmethod
    def read(cls, tiles: Tiles) -> Growth:
        """The edge of a log from its tiles. Raises `TileMissing` and `Malformed`."""
        growth = cls()
        growth.size = tiles.size
        for level in tile_levels(tiles.size):
            index, width = divmod(tiles.size >> TILE_HEIGHT * level, TILE_WIDTH)
            growth._edge.append(tiles.hashes(level, index) if width else [])
        return growth

    def add(self, records: Iterable[bytes]) -> dict[str, bytes]:
        """Take records in; gives the tiles that they filled, by path."""
        filled: dict[str, bytes] = {}
        for record in records:
            self.size += 1
            self._put(0, leaf_hash(record), filled)
        return filled

    def _put(self, level: int, value: bytes, filled: dict[str, bytes]) -> None:
        if level == len(self._edge):
            self._edge.append([])
        edge = self._edge[level]
        edge.append(value)
        if len(edge) == TILE_WIDTH:
            index = (self.size >> TILE_HEIGHT * (level + 1)) - 1
            filled[tile_path(level, index)] = b"".join(edge)
            self._edge[level] = []
            self._put(level + 1, root_of(edge), filled)

    def partial(self) -> Iterator[tuple[str, bytes]]:
        """The unfinished tiles, by path."""
        for level, edge in enumerate(self._edge):
            if edge:
                index = self.size >> TILE_HEIGHT * (level + 1)
                yield tile_path(level, index, len(edge)), b"".join(edge)

    def root(self) -> bytes:
        """The root over all records so far."""
        root: bytes | None = None
        for edge in self._edge:
            row = edge if root is None else [*edge, root]
            root = root_of(row) if row else None
        return EMPTY_ROOT if root is None else root
