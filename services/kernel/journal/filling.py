"""Filling an empty journal with records made elsewhere: the same bytes, read models and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from services.kernel.journal.events import Header, UnknownEventType, instant_text, microseconds
from services.kernel.journal.journal import Journal
from services.kernel.journal.rows import BulkInsert, Row, outgoing
from services.kernel.journal.units import Recorded

PAGE: Final = 2_000


class RecordMisplaced(ValueError):
    """A record cannot stand at its place in this journal; the text says which and why."""


class Filling:
    """Puts records into an empty journal, page by page, from position 1 on without a gap."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._insert = BulkInsert(journal.tables.events)
        self._last = 0
        self._numbers: dict[str, int] = {}

    def take(self, connection: sa.Connection, records: Iterable[tuple[int, bytes]]) -> None:
        """Write records, given with their positions, and fold them. Raises `RecordMisplaced`."""
        page: list[Recorded] = []
        for position, record in records:
            page.append(self._recorded(position, record))
            if len(page) == PAGE:
                self._write(connection, page)
                page = []
        self._write(connection, page)

    def _recorded(self, position: int, record: bytes) -> Recorded:
        """The fact of a record, if it can stand at its place in this journal."""
        try:
            header = msgspec.json.decode(record, type=Header)
            recorded_at = microseconds(datetime.fromisoformat(header.time).astimezone(UTC))
            fact = self._journal.registry.decode(header.type, record)
        except (ValueError, UnknownEventType, RecursionError) as error:
            raise RecordMisplaced(f"position {position} cannot be read: {error}") from error
        if header.source != self._journal.registry.source:
            raise RecordMisplaced(f"position {position} is of {header.source}")
        if recorded_at <= self._last or header.time != instant_text(recorded_at):
            raise RecordMisplaced(
                f"position {position} was recorded at {header.time}, not after the one before"
            )
        self._last = recorded_at
        if fact.data.numbered is not None:
            self._count(position, fact.data.numbered, msgspec.to_builtins(fact.data)["number"])
        return Recorded(position, recorded_at, record, fact)

    def _count(self, position: int, sequence: str, number: str) -> None:
        if not number.isdecimal():
            raise RecordMisplaced(f"position {position} has the number {number!r}")
        self._numbers[sequence] = max(self._numbers.get(sequence, 0), int(number))

    def _write(self, connection: sa.Connection, page: Sequence[Recorded]) -> None:
        if not page:
            return
        try:
            self._insert(connection, [self._row(recorded) for recorded in page])
        except sa.exc.IntegrityError as error:
            where = f"between positions {page[0].position} and {page[-1].position}"
            raise RecordMisplaced(f"{where} a stream has one version twice") from error
        with outgoing(connection):
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
        """Let numbers go on behind the last. Raises `RecordMisplaced` when a stream has a gap."""
        if self._numbers:
            rows = [{"name": name, "last_value": last} for name, last in self._numbers.items()]
            connection.execute(sa.insert(self._journal.tables.sequences), rows)
        events = self._journal.tables.events.c
        gap = sa.or_(
            sa.func.max(events.stream_version) != sa.func.count(), sa.func.min(events.stream_version) != 1
        )
        query = sa.select(events.stream_id).group_by(events.stream_id).having(gap).limit(1)
        if (stream := connection.execute(query).scalar_one_or_none()) is not None:
            raise RecordMisplaced(f"the stream {stream} has a gap in its versions")


class _Type(msgspec.Struct):
    type: str
