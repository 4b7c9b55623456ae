"""The stored journal as a source of records: every row is whole, and its columns say what its record says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from services.kernel.journal.events import Header, instant_text, microseconds
from services.kernel.journal.journal import Journal, JournalRow
from services.proof.logs import leaf_in
from services.proof.refusals import RecordAltered, RecordMissing
from services.proof.tiles import TILE_WIDTH, Source, Tiles, bundle, tile_path, tile_width
from services.proof.tree import leaf_hash

_HEADER: Final = msgspec.json.Decoder(Header)


class StoredLog:
    """The published files of a log, with entry bundles straight from the database.

    Reading a bundle raises `RecordMissing` or `RecordAltered` for its first row that is not there, not the
    one that was sealed, or whose columns contradict its record.
    """

    def __init__(self, journal: Journal, log: Source, size: int) -> None:
        self._journal = journal
        self._log = log
        self._tiles = Tiles(log, size)
        self._bundles = {
            tile_path("entries", index, width): (index, width)
            for index in range(size // TILE_WIDTH + 1)
            if (width := tile_width(0, index, size))
        }

    def read(self, path: str) -> bytes | None:
        """See `services.proof.tiles.Source`."""
        if path not in self._bundles:
            return None if path.startswith("tile/entries/") else self._log.read(path)
        index, width = self._bundles[path]
        return bundle(self._records(index * TILE_WIDTH, width))

    def _records(self, after: int, count: int) -> Iterator[bytes]:
        for position, row in enumerate(self._rows(after, count), after + 1):
            if row.position != position:
                raise RecordMissing(f"position {row.position} follows {position - 1}", position=position)
            if leaf_hash(row.record) != leaf_in(self._tiles, position):
                raise RecordAltered("the record is not the one that was sealed here", position=position)
            if contradiction := _contradiction(row):
                raise RecordAltered(contradiction, position=position)
            yield row.record

    def _rows(self, after: int, count: int) -> Iterator[JournalRow]:
        try:
            yield from self._journal.after(after, count)
        except (TypeError, ValueError):  # a column holds what it never could: find the row
            for position in range(after + 1, after + count + 1):
                try:
                    yield from self._journal.after(position - 1, 1)
                except (TypeError, ValueError) as error:
                    raise RecordAltered(f"a column cannot be read: {error}", position=position) from None


def _contradiction(row: JournalRow) -> str | None:
    try:
        header = _HEADER.decode(row.record)
        recorded_at = microseconds(datetime.fromisoformat(header.time))
    except ValueError as error:  # msgspec's errors and a wrong instant
        return f"the record cannot be read: {error}"
    if (header.subject, header.streamversion) != (str(row.stream_id), row.stream_version):
        return "the columns name another stream than the record"
    if header.type != row.type:
        return "the columns name another type than the record"
    if recorded_at != row.recorded_at or header.time != instant_text(recorded_at):
        return "the columns name another instant than the record"
    return None
