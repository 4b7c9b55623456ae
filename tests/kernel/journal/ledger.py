"""A small event-sourced thing to try the journal with: a ledger that is opened and written to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import ClassVar
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.clock import Clock, FixedClock
from services.kernel.database import Database
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, EventRegistry, Fact, Provenance, unnumbered
from services.kernel.journal.journal import Journal, Work
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.tables import FollowingTables, JournalTables, following_tables, journal_tables
from services.kernel.journal.units import Recorded
from services.kernel.migrating import create_guards
from services.kernel.vault import Vault
from tests.personal import keyed

NOON = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
EVENTS = EventRegistry(source="urn:kz:ledger", prefix="kz.ledger")
METADATA = sa.MetaData()
TABLES: JournalTables = journal_tables(METADATA)
FOLLOWING: FollowingTables = following_tables(METADATA)
PERSONAL = Vault(METADATA)
LEDGERS = sa.Table(
    "ledgers",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, unique=True),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
)


@EVENTS.published("ledger.opened.v1")
class Opened(Event, frozen=True, kw_only=True):
    """A ledger was opened for an owner."""

    legal_basis: ClassVar[str] = "test para. 1"
    numbered: ClassVar[str | None] = "ledger"

    owner: str
    number: str = msgspec.field(default_factory=unnumbered)


@EVENTS.published("ledger.line-written.v1")
class LineWritten(Event, frozen=True, kw_only=True):
    """A line was written."""

    text: str


class Ledger(Aggregate):
    """Counts its lines; refuses more than a hundred."""

    born_of: ClassVar[tuple[type[Event], ...]] = (Opened,)

    def __init__(self, id: UUID) -> None:  # noqa: A002
        super().__init__(id)
        self.owner = ""
        self.lines = 0
        self.number = ""

    def open(self, act: Act, owner: str) -> None:
        self.record(act, Opened(owner=owner))

    def write(self, act: Act, text: str) -> None:
        if self.lines >= 100:
            raise Conflict("ledger_full")
        self.record(act, LineWritten(text=text))

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        raise TypeError(type(event).__name__)

    @when.register
    def _(self, event: Opened, fact: Fact) -> None:
        self.owner = event.owner

    @when.register
    def _(self, event: LineWritten, fact: Fact) -> None:
        self.lines += 1

    def numbered(self, event: Event) -> None:
        if isinstance(event, Opened):
            self.number = event.number


class LedgerList(RowFold):
    """One row a ledger; one ledger an owner."""

    def __init__(self) -> None:
        super().__init__(LEDGERS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        return (recorded.fact.originator_id,)

    def begins(self, recorded: Recorded) -> bool:
        return isinstance(recorded.fact.data, Opened)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        data = recorded.fact.data
        if isinstance(data, Opened):
            return {"id": key, "owner": data.owner, "lines": 0, "number": data.number}
        assert row is not None
        return {**row, "lines": row["lines"] + 1}


def act(at: datetime = NOON) -> Act:
    return Act(at, Provenance(actor="tester", decided_by="officer", correlation_id="test"))


def new_journal(database: Database, clock: Clock) -> Journal:
    """A journal on a database; the tables and guards it lacks are made."""
    with database.write() as connection:
        if not sa.inspect(connection).has_table("events"):
            METADATA.create_all(connection)
            create_guards(connection)
    return Journal(database, EVENTS, TABLES, clock=clock, projections=[LedgerList()], following=FOLLOWING)


@contextmanager
def ledger_journal(url: str, clock: Clock | None = None) -> Iterator[Journal]:
    """A journal on a fresh database with every table and guard."""
    database = keyed(url)
    try:
        yield new_journal(database, clock or FixedClock(NOON))
    finally:
        database.close()


def open_ledger(work: Work, stream_id: UUID, owner: str) -> Ledger:
    ledger = Ledger(stream_id)
    ledger.open(act(), owner)
    work.save(ledger)
    work.answer_with(ledger)
    return ledger


def write_line(work: Work, stream_id: UUID, text: str) -> Ledger:
    ledger = work.load(Ledger, stream_id)
    ledger.write(act(), text)
    work.save(ledger)
    work.answer_with(ledger)
    return ledger
