"""A log as static files (c2sp.org/tlog-tiles): paths, tiles of 256 hashes, entry bundles, nodes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from services.proof.refusals import Malformed, TileMissing
from services.proof.tree import HASH_BYTES, root_of

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
MAX_RECORD_BYTES: Final = 65_535
_KEPT_TILES: Final = 64


class Source(Protocol):
    """Where the files of a log are read from: a folder, or a service."""

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None when there is none."""


def tile_path(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """`tile/<level>/<index>[.p/<width>]`; `level` is a number or `entries`."""
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03}")
    path = f"tile/{level}/{'/'.join(reversed(parts))}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes a tile of a log of `size` records holds; 0 when there is no such tile."""
    return max(0, min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH))


def tile_levels(size: int) -> range:
    """The levels at which a log of `size` records has tiles."""
    return range((max(size.bit_length(), 1) - 1) // TILE_HEIGHT + 1 if size else 0)


def split_tile(raw: bytes, width: int) -> list[bytes]:
    """The hashes of a tile. Raises `Malformed` when it is cut short or too long."""
    if len(raw) != width * HASH_BYTES:
        raise Malformed(f"a tile of {width} hashes has {len(raw)} bytes")
    return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]


def bundle(records: Iterable[bytes]) -> bytes:
    """Records one after the other, each behind its length (16 bits, big-endian)."""
    return b"".join(len(record).to_bytes(2, "big") + record for record in records)


def split_bundle(raw: bytes) -> Iterator[bytes]:
    """The records of an entry bundle. Raises `Malformed` when it is cut short."""
    at = 0
    while at < len(raw):
        start = at + 2
        at = start + int.from_bytes(raw[at:start], "big")
        if start > len(raw) or at > len(raw):
            raise Malformed("the entry bundle is cut short")
        yield raw[start:at]


def read_tile(source: Source, level: int | str, index: int, width: int) -> tuple[bytes, int]:
    """A tile or bundle of `width`, or the full one where it has taken its place; and the width found.

    Raises `TileMissing`.
    """
    for found in dict.fromkeys((width, TILE_WIDTH)):
        raw = source.read(tile_path(level, index, found))
        if raw is not None:
            return raw, found
    missing = tile_path(level, index, width)
    first = index * TILE_WIDTH ** (1 if level == "entries" else int(level) + 1) + 1
    raise TileMissing(f"{missing} is not there", position=first)


class Tiles:
    """The tree of one size, read from its tiles; not verified by itself."""

    def __init__(self, source: Source, size: int) -> None:
        self.size = size
        self._source = source
        self._kept: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    def hashes(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile. Raises `TileMissing` and `Malformed`."""
        kept = self._kept.get((level, index))
        if kept is None:
            width = tile_width(level, index, self.size)
            raw, found = read_tile(self._source, level, index, width)
            kept = self._kept[level, index] = split_tile(raw, found)[:width]
            if len(self._kept) > _KEPT_TILES:
                self._kept.popitem(last=False)
        self._kept.move_to_end((level, index))
        return kept

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree (see `services.proof.tree`)."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile, start = divmod(index << height, TILE_WIDTH)
        return root_of(self.hashes(tile_level, tile)[start : start + (1 << height)])
