"""Carrying a journal takes the memory of a page, not of the journal."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.commands import comparing, copies, replay
from services.commands.copies import contents_of
from services.commands.replay import _whole
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.journal import filling, rebuilding
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.filling import Filling
from services.kernel.journal.journal import Journal
from services.kernel.journal.plain_file import ExportHeader, ExportReader, write_export
from services.kernel.journal.rebuilding import rebuild_read_models
from services.kernel.journal.units import encode
from tests.kernel.journal.ledger import EVENTS, LEDGERS, Ledger, act, new_journal

SHORT, LONG = 500, 5_000
PAGE = 250
ALLOWED_BYTES = 500_000
"""What the long journal may take more than the short one: far less than the 2 MB that it is longer."""


def records(count: int) -> Iterator[tuple[int, bytes]]:
    for position in range(1, count + 1):
        ledger = Ledger(new_stream_id())
        ledger.open(act(), f"owner {position}")
        (fact,) = ledger.collect_events()
        yield position, encode(EVENTS, fact).recorded(position, position, position).record


def peak(run: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def write(file: Path, count: int) -> None:
    header = ExportHeader(format=1, service="ledger", source="urn:kz:ledger", records=count)
    with file.open("wb") as opened:
        write_export(opened, header, records(count))


def fill(file: Path, journal: Journal) -> None:
    filled = Filling(journal)
    with file.open("rb") as opened, journal.database.write() as connection:
        filled.take(connection, ExportReader(opened).records())
        filled.finish(connection)


def peaks_of(count: int, folder: Path) -> dict[str, int]:
    file = folder / f"{count}.ndjson"
    database = Database(f"sqlite:///{folder / f'{count}.db'}")
    journal = new_journal(database, SystemClock())
    fresh = new_journal(Database(f"sqlite:///{folder / f'{count}.fresh.db'}"), SystemClock())
    told: list[str] = []
    found = {
        "export": peak(partial(write, file, count)),
        "import": peak(partial(fill, file, journal)),
        "rebuild": peak(partial(rebuild_read_models, journal)),
        "replay": peak(partial(_whole, journal, fresh, told.append)),
        "backup and restore": peak(partial(walk, journal)),
    }
    assert told[-1] == "the live read models are what the journal makes"
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(LEDGERS)).scalar_one() == count
    database.close()
    fresh.database.close()
    return found


def walk(journal: Journal) -> None:
    with journal.database.read() as connection:
        assert contents_of("register", connection, {}).head == journal.head()


def test_nothing_that_carries_a_journal_takes_more_for_one_ten_times_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (filling, rebuilding, replay):
        monkeypatch.setattr(module, "PAGE", PAGE)
    for module in (comparing, copies):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", PAGE)
    short, long = peaks_of(SHORT, tmp_path), peaks_of(LONG, tmp_path)
    assert [name for name in short if long[name] - short[name] > ALLOWED_BYTES] == [], (short, long)
