"""`tizilim import`: a whole exported journal into an empty database, with its read models; all or nothing."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import sqlalchemy as sa

from services.commands.registry import Installation, database_of, journal_of
from services.kernel.database import Database
from services.kernel.journal.events import Header, UnknownEventType, instant_text, microseconds
from services.kernel.journal.journal import Journal
from services.kernel.journal.plain_file import ExportDamaged, ExportReader
from services.kernel.journal.rows import BulkInsert, Row
from services.kernel.journal.units import Recorded
from services.kernel.migrating import metadata_of, upgrade

PAGE: Final = 2_000
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records came in, and the root hash of the tree they make (RFC 6962, base64)."""

    records: int
    root: str


def import_journal(installation: Installation, service: str, file: Path) -> Imported:
    """Import an export of `service` into its database, which is migrated and must hold nothing.

    The records are byte for byte those of the file; read models and sequences of numbers follow from them.
    Personal values are in no export, so they are as if erased. One transaction: when `ExportDamaged` or
    `ValueError` is raised, nothing was imported.
    """
    database = database_of(service, installation.var)
    try:
        with _opened(file) as opened:
            reader = ExportReader(opened)
            if reader.header.service != service:
                raise ValueError(f"{file} is an export of {reader.header.service}, not of {service}")
            upgrade(service, database)
            return _imported(journal_of(service, database), database, reader, service)
    finally:
        database.close()


def _imported(journal: Journal, database: Database, reader: ExportReader, service: str) -> Imported:
    filling = _Filling(journal)
    with database.write() as connection:
        journal.recorder.hold_order(connection)
        _refuse_unless_empty(connection, service)
        page: list[Recorded] = []
        for position, record in reader.records():
            page.append(filling.recorded(position, record))
            if len(page) == PAGE:
                filling.write(connection, page)
                page = []
        filling.write(connection, page)
        filling.finish(connection)
    return Imported(reader.header.records, reader.root)


def _refuse_unless_empty(connection: sa.Connection, service: str) -> None:
    for table in metadata_of(service).sorted_tables:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise ValueError(f"the database of {service} is not empty: {table.name} has rows")


class _Filling:
    """Puts records into an empty journal, page by page."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._insert = BulkInsert(journal.tables.events)
        self._last = 0
        self._numbers: dict[str, int] = {}

    def recorded(self, position: int, record: bytes) -> Recorded:
        """The fact of a record. Raises `ExportDamaged` when it cannot stand at its place in this journal."""
        try:
            header = msgspec.json.decode(record, type=Header)
            recorded_at = microseconds(datetime.fromisoformat(header.time).astimezone(UTC))
            fact = self._journal.registry.decode(header.type, record)
        except (ValueError, UnknownEventType) as error:
            raise ExportDamaged(f"position {position} cannot be read: {error}") from error
        if header.source != self._journal.registry.source:
            raise ExportDamaged(f"position {position} is of {header.source}")
        if recorded_at <= self._last or header.time != instant_text(recorded_at):
            raise ExportDamaged(
                f"position {position} was recorded at {header.time}, not after the one before"
            )
        self._last = recorded_at
        if fact.data.numbered is not None:
            self._count(position, fact.data.numbered, msgspec.to_builtins(fact.data)["number"])
        return Recorded(position, recorded_at, record, fact)

    def _count(self, position: int, sequence: str, number: str) -> None:
        if not number.isdecimal():
            raise ExportDamaged(f"position {position} has the number {number!r}")
        self._numbers[sequence] = max(self._numbers.get(sequence, 0), int(number))

    def write(self, connection: sa.Connection, page: Sequence[Recorded]) -> None:
        """Write a page of records and fold it."""
        if not page:
            return
        try:
            self._insert(connection, [self._row(recorded) for recorded in page])
        except sa.exc.IntegrityError as error:
            where = f"between positions {page[0].position} and {page[-1].position}"
            raise ExportDamaged(f"{where} a stream has one version twice") from error
        for projection in self._journal.projections:
            projection.fold(page, connection)

    def _row(self, recorded: Recorded) -> Row:
        return {
            "position": recorded.position,
            "stream_id": recorded.fact.originator_id,
            "stream_version": recorded.fact.originator_version,
            "type": msgspec.json.decode(recorded.record, type=_Type).type,
            "recorded_at": recorded.recorded_at,
            "record": recorded.record,
        }

    def finish(self, connection: sa.Connection) -> None:
        """Let numbers go on behind the last; see that no stream has a gap."""
        if self._numbers:
            rows = [{"name": name, "last_value": last} for name, last in self._numbers.items()]
            connection.execute(sa.insert(self._journal.tables.sequences), rows)
        events = self._journal.tables.events.c
        gap = sa.func.max(events.stream_version) != sa.func.count()
        query = sa.select(events.stream_id).group_by(events.stream_id).having(gap).limit(1)
        if (stream := connection.execute(query).scalar_one_or_none()) is not None:
            raise ExportDamaged(f"the stream {stream} has a gap in its versions")


class _Type(msgspec.Struct):
    type: str


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    with file.open("rb", buffering=1 << 20) as plain:
        packs = plain.read(2) == _GZIP
        plain.seek(0)
        if not packs:
            yield plain
            return
        with gzip.GzipFile(fileobj=plain) as packed:
            yield packed  # type: ignore[misc]  # a binary file in all but its type
