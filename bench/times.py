"""Reads of the register at any two times, beside a bare SELECT of the same row, over a million periods."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from bench.multiplied import FIRST_INSTANT, fill
from bench.report import Report, most
from services.kernel.calendar import legal_date
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, new_stream_id
from services.kernel.journal.rebuilding import rebuild_read_models
from services.kernel.journal.rows import BulkInsert, Row
from services.kernel.runtime import quiet_collector
from services.register.domain.origin import Question
from services.register.journal import open_journal
from services.register.projections.entries import ENTRIES, EntryFilter
from services.register.projections.moments import Moment, find_at, list_at, producer_at, recorded_at
from services.register.projections.origin_checks import Knowledge, answers
from services.register.projections.periods import PERIODS
from services.register.projections.producers import PRODUCERS
from tests.postgres import running_postgres

EVENTS: Final = int(os.environ.get("EVENTS", "200000"))
ENTRY_PERIODS: Final = int(os.environ.get("ENTRY_PERIODS", "1000000"))
READS: Final = int(os.environ.get("READS", "1000"))
PAGE: Final = 5_000
DECADE: Final = 10 * 365 * 86_400 * 1_000_000
Read = Callable[[sa.Connection, UUID, Moment], object]


def measure(report: Report, rounds: int) -> None:
    """Add p50 and p99 of single, list and origin-check reads on both databases to `report`."""
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'times.db'}", "PostgreSQL": server.create_database()}
        for kind, url in urls.items():
            database = Database(url)
            try:
                head = _filled(database)
                for number in range(rounds):
                    _round(report, kind, database, head, random.Random(number))
            finally:
                database.close()


def _filled(database: Database) -> int:
    """A journal of many lives with its read models, and periods of yet more entries; returns the head."""
    head = fill("register", database, EVENTS)
    journal = open_journal(database, SystemClock())
    rebuild_read_models(journal)
    insert, rows = BulkInsert(PERIODS), _other_periods(head)
    with database.write() as connection:
        held = connection.execute(sa.select(sa.func.count()).select_from(PERIODS)).scalar_one()
        rows = islice(rows, max(0, ENTRY_PERIODS - held))
        while page := list(islice(rows, PAGE)):
            insert(connection, page)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return head


def _other_periods(head: int) -> Iterator[Row]:
    chosen = random.Random(0)
    while True:
        entry_id, position = new_stream_id(), chosen.randint(1, head)
        begun = FIRST_INSTANT + position
        for status, since, until in (("included", begun, begun + 50), ("excluded", begun + 50, None)):
            yield {
                "entry_id": entry_id,
                "known_from": position,
                "valid_from": since,
                "valid_to": until,
                "known_to": None,
                "status": status,
            }


def _round(report: Report, kind: str, database: Database, head: int, chosen: random.Random) -> None:
    with database.read() as connection:
        columns = ENTRIES.c
        query = sa.select(columns.entry_id, columns.producer_id, columns.first_position)
        found = list(connection.execute(query.order_by(columns.entry_id)))
        wanted = chosen.choices(found, k=READS)
        known = [chosen.randint(row.first_position, head) for row in wanted]
        moments = [Moment(recorded_at(connection, position), position) for position in known]
        entries = [row.entry_id for row in wanted]
        latest = [Moment(FIRST_INSTANT + DECADE, head)] * READS
        reads: dict[str, tuple[Read, list[Moment]]] = {
            "single": (find_at, moments),
            "single, unchanged since": (find_at, latest),
            "list of 50": (_list, moments),
            "list of 50, unchanged since": (_list, latest),
            "list of 50 excluded": (_list_excluded, moments),
            "list of 50 by a product's name": (_list_named, moments),
            "list of 50 by words": (_list_with, moments),
            "list by BIN": (_list_of, moments),
            "origin check": (_origin, moments),
        }
        quiet_collector()
        bare = _timed(connection, entries, moments, _bare)
        for name, (read, asked) in reads.items():
            waits = _timed(connection, entries, asked, read)
            report.rate(f"{name}, p50, {kind}", statistics.median(waits) * 1e6, " µs")
            report.rate(
                f"{name}, p99, {kind}", statistics.quantiles(waits, n=100)[98] * 1e6, " µs", most(20_000)
            )
            report.ratio(
                f"{name} beside a bare SELECT, {kind}",
                1 / statistics.median(waits),
                1 / statistics.median(bare),
            )


def _timed(connection: sa.Connection, entries: list[UUID], moments: list[Moment], read: Read) -> list[float]:
    waits = []
    for entry_id, moment in zip(entries, moments, strict=True):
        started = time.perf_counter()
        read(connection, entry_id, moment)
        waits.append(time.perf_counter() - started)
    return waits


def _bare(connection: sa.Connection, entry_id: UUID, _moment: Moment) -> object:
    return connection.execute(sa.select(ENTRIES).where(ENTRIES.c.entry_id == entry_id)).one()


def _list(connection: sa.Connection, entry_id: UUID, moment: Moment) -> object:
    return list_at(connection, EntryFilter(), moment, after=entry_id, limit=50)


def _list_excluded(connection: sa.Connection, entry_id: UUID, moment: Moment) -> object:
    return list_at(connection, EntryFilter(status="excluded"), moment, after=entry_id, limit=50)


def _list_named(connection: sa.Connection, entry_id: UUID, moment: Moment) -> object:
    name = connection.execute(sa.select(ENTRIES.c.name_ru).where(ENTRIES.c.entry_id == entry_id)).scalar_one()
    return list_at(connection, EntryFilter(product=name), moment, after=entry_id, limit=50)


def _list_with(connection: sa.Connection, entry_id: UUID, moment: Moment) -> object:
    return list_at(connection, EntryFilter(q="Дала Плюс"), moment, after=entry_id, limit=50)


def _list_of(connection: sa.Connection, entry_id: UUID, moment: Moment) -> object:
    producer_id = producer_at(connection, _bin_of(connection, entry_id), moment)
    return list_at(connection, EntryFilter(producer_id=producer_id), moment, after=None, limit=50)


def _bin_of(connection: sa.Connection, entry_id: UUID) -> str:
    query = (
        sa.select(PRODUCERS.c.bin)
        .join(ENTRIES, ENTRIES.c.producer_id == PRODUCERS.c.producer_id)
        .where(ENTRIES.c.entry_id == entry_id)
    )
    return connection.execute(query).scalar_one() or ""


def _origin(connection: sa.Connection, entry_id: UUID, moment: Moment) -> object:
    number = _bin_of(connection, entry_id)
    on = legal_date(from_microseconds(moment.valid_at))
    question = Question(number, str(entry_id), on, moment.valid_at)
    return answers(connection, [question], Knowledge(moment.known_at, moment.valid_at))
