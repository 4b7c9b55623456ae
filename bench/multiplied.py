"""Long journals made directly: a few real lives, recorded again and again with other ids and BINs."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Final
from uuid import UUID

from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.identifiers import check_digit
from services.kernel.journal.events import instant_text, new_event_id
from services.kernel.journal.rows import BulkInsert, Row
from services.kernel.migrating import upgrade
from services.register.journal import open_journal as open_register
from services.verification.journal import open_journal as open_verification
from tests.register.desk import open_desk
from tests.register.given import AUTOMATIC, BIN, OTHER_BIN, THIRD_BIN
from tests.register.projections.test_rebuilding import lived
from tests.verification.authority import authority

OPEN: Final = {"register": open_register, "verification": open_verification}
PAGE: Final = 5_000
FIRST_INSTANT: Final = 1_772_434_800_000_000
_CHANGING: Final = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|TR-[0-9a-f]{8}|"
    + b"|".join(number.encode() for number in (BIN, OTHER_BIN, THIRD_BIN))
)
_TIME: Final = re.compile(rb'"time":"[^"]{27}"')


@dataclass(frozen=True, slots=True)
class Line:
    """A record cut where each copy differs: the pieces, and which name stands between them."""

    pieces: tuple[bytes, ...]
    names: tuple[bytes, ...]

    def copy(self, renamed: dict[bytes, bytes], recorded_at: int) -> bytes:
        """The record with other names, recorded at another instant."""
        parts = [self.pieces[0]]
        for name, piece in zip(self.names, self.pieces[1:], strict=True):
            parts += (renamed[name], piece)
        return _TIME.sub(b'"time":"' + instant_text(recorded_at).encode() + b'"', b"".join(parts), count=1)


def lives_of(service: str) -> list[bytes]:
    """The records of a few lives, as the service's own use cases recorded them."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'lives.db'}"
        if service == "register":
            with open_desk(url, AUTOMATIC) as desk:
                for number in range(3):
                    entry = desk.include(name=f"Өнім {number}")
                    desk.notify("monitoring", "conforms", entry, quarter="2026-Q1")
                lived(desk)
                return [row.record for row in desk.journal.after(0, PAGE)]
        with authority(url, Path(folder), "confirmation", "monitoring") as here:
            here.list_product()
            for _ in range(5):
                here.include(here.file())
            return [row.record for row in here.journal.after(0, PAGE)]


def fill(service: str, database: Database, events: int) -> int:
    """Migrate an empty database and put about `events` events into its journal; no read model is folded."""
    upgrade(service, database)
    journal = OPEN[service](database, SystemClock())
    insert = BulkInsert(journal.tables.events)
    records = lives_of(service)
    rows = _rows(records, -(-events // len(records)))
    written = 0
    with database.write() as connection:
        while page := list(islice(rows, PAGE)):
            insert(connection, page)
            written += len(page)
    return written


def _rows(records: Sequence[bytes], copies: int) -> Iterator[Row]:
    lines = [Line(tuple(_CHANGING.split(record)), tuple(_CHANGING.findall(record))) for record in records]
    heads = [json.loads(record) for record in records]
    names = sorted({name for line in lines for name in line.names})
    numbers = _bins()
    positions = count(1)
    for copied in range(copies):
        renamed = {name: _renamed(name, copied, numbers) for name in names}
        for line, head in zip(lines, heads, strict=True):
            position = next(positions)
            recorded_at = FIRST_INSTANT + position
            yield {
                "position": position,
                "stream_id": UUID(renamed[head["subject"].encode()].decode()),
                "stream_version": head["streamversion"],
                "type": head["type"],
                "recorded_at": recorded_at,
                "record": line.copy(renamed, recorded_at),
            }


def _renamed(name: bytes, copied: int, numbers: Iterator[bytes]) -> bytes:
    if name.startswith(b"TR-"):
        return b"TR-%08x" % copied
    return next(numbers) if len(name) == 12 else new_event_id().encode()


def _bins() -> Iterator[bytes]:
    for number in count():
        first = f"{(number // 100_000) % 100:02d}0140{number % 100_000:05d}"
        if (digit := check_digit(first)) is not None:
            yield f"{first}{digit}".encode()
