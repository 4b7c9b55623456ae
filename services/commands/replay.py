"""`tizilim replay`: read models made from the journal in a fresh database, as of any past, and compared."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from services.commands.comparing import Compared, compare
from services.commands.registry import Installation, database_of, journal_of
from services.commands.replayed_past import same_entries
from services.commands.whole_files import named_when_whole
from services.kernel.clock import LegalClock
from services.kernel.database import Database, sqlite_url
from services.kernel.journal.events import from_microseconds, microseconds
from services.kernel.journal.filling import Filling
from services.kernel.journal.journal import Journal
from services.kernel.journal.rebuilding import read_models
from services.kernel.migrating import metadata_of, upgrade
from services.register.projections.moments import Moment

PAGE: Final = 2_000
_POSITION: Final = re.compile(r"-?[0-9]{1,15}")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Up to which position a journal is replayed, and the legal instant to look at, where one was named."""

    position: int
    valid_at: datetime | None


def replay(
    installation: Installation, service: str, to: str | None, known_at: str | None, into: str | None, say: Say
) -> bool:
    """Replay a journal and compare with the live database; True when they agree.

    `to` is a position or an instant of recording, and so is `known_at`; with both, `to` is the legal instant
    at which the register is looked at, as known then. Without either, all that is recorded is replayed and
    every read model compared. `into` names a SQLite file or a database URL to be kept, else it is a file that
    goes again. Raises `ValueError` for a position or instant with nothing to replay, and `RecordMisplaced`.
    """
    database = database_of(service, installation.var)
    try:
        live = journal_of(service, database)
        now = LegalClock(installation.var / "clock.json").now()
        wanted = _wanted(live, to, known_at, now)
        with _fresh(service, into) as fresh:
            replayed = journal_of(service, fresh)
            if wanted.valid_at is None and wanted.position == live.head():
                agrees = _whole(live, replayed, say)
            else:
                agrees = _past(service, live, replayed, wanted, say)
        _tell_not_compared(service, live, say)
        return agrees
    finally:
        database.close()


def _wanted(live: Journal, to: str | None, known_at: str | None, now: datetime) -> Wanted:
    if known_at is None:
        return Wanted(live.head() if to is None else _position(live, to, now), None)
    position = _position(live, known_at, now)
    if to is None:
        return Wanted(position, None)
    instant = _instant(live, _position(live, to, now)) if _POSITION.fullmatch(to) else _parsed(to, now)
    return Wanted(position, instant)


def _position(live: Journal, text: str, now: datetime) -> int:
    """The position that a text names or that was the last one recorded by an instant."""
    head = live.head()
    if _POSITION.fullmatch(text):
        if not 1 <= int(text) <= head:
            raise ValueError(f"there is no position {text}: the journal has 1 to {head}")
        return int(text)
    found = live.position_at(_parsed(text, now))
    if found == 0:
        first = f"the first event is of {_instant(live, 1).isoformat()}" if head else "there is no event"
        raise ValueError(f"nothing was recorded by {text}: {first}")
    return found


def _parsed(text: str, now: datetime) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a position nor an instant (RFC 3339)") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone: write, for example, {text}Z")
    if instant > now:
        raise ValueError(f"{text} is in the future: it is {now.isoformat()} now")
    return instant.astimezone(UTC)


def _instant(live: Journal, position: int) -> datetime:
    """When a position was recorded (UTC)."""
    (row,) = live.after(position - 1, 1)
    return from_microseconds(row.recorded_at)


@contextmanager
def _fresh(service: str, into: str | None) -> Iterator[Database]:
    """A migrated database that held nothing before; a file gets its name once all is compared."""
    with ExitStack() as ends:
        if into is not None and "://" in into:
            url = into
        elif into is not None:
            url = sqlite_url(ends.enter_context(named_when_whole(Path(into))))
        else:
            folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="tizilim-replay-"))
            url = sqlite_url(Path(folder) / f"{service}.db")
        fresh = ends.enter_context(closing(Database(url)))
        with fresh.read() as connection:
            if tables := sa.inspect(connection).get_table_names():
                raise ValueError(f"the database to replay into is not empty: it has {tables[0]}")
        upgrade(service, fresh)
        yield fresh


def _whole(live: Journal, replayed: Journal, say: Say) -> bool:
    """Replay everything, and compare every read model in one moment of the live database."""
    filling = Filling(replayed)
    head = live.head()
    _fill(live, replayed, filling, 0, head)
    with live.database.snapshot() as connection:
        last = _last(connection, live)  # what was recorded meanwhile
        _fill(live, replayed, filling, head, last, is_last=True)
        say(f"{last} events replayed, to the head of the journal")
        with replayed.database.snapshot() as ours:
            return _told([compare(connection, ours, table) for table in read_models(live)], say)


def _past(service: str, live: Journal, replayed: Journal, wanted: Wanted, say: Say) -> bool:
    """Replay up to a position; compare what the live database tells of that past, and then all it holds."""
    filling = Filling(replayed)
    _fill(live, replayed, filling, 0, wanted.position, is_last=True)
    recorded = _instant(live, wanted.position)
    say(f"{wanted.position} events replayed, the last recorded at {recorded.isoformat()}")
    with live.database.snapshot() as theirs:
        agrees = True
        if service == "register":
            at = wanted.valid_at or recorded
            say(f"the register at {at.isoformat()}, as known at position {wanted.position}:")
            moment = Moment(microseconds(at), wanted.position)
            with replayed.database.snapshot() as ours:
                agrees = same_entries(theirs, ours, moment, say)
            say(f"the live register says {'the same' if agrees else 'something ELSE'} of that moment")
        last = _last(theirs, live)
        with suppress(_TakenBack), replayed.database.write() as ours:
            filling.take(ours, _records(live, wanted.position, last))
            say(f"and from there on to position {last}, which is compared and not kept:")
            agrees = _told([compare(theirs, ours, table) for table in read_models(live)], say) and agrees
            raise _TakenBack
    return agrees


class _TakenBack(Exception):
    """What was replayed beyond the past asked for is taken back."""


def _fill(
    live: Journal, replayed: Journal, filling: Filling, after: int, to: int, *, is_last: bool = False
) -> None:
    with replayed.database.write() as connection:
        filling.take(connection, _records(live, after, to))
        if is_last:
            filling.finish(connection)


def _records(live: Journal, after: int, to: int) -> Iterator[tuple[int, bytes]]:
    while after < to and (rows := live.after(after, min(PAGE, to - after))):
        for row in rows:
            yield row.position, row.record
        after = rows[-1].position


def _last(connection: sa.Connection, journal: Journal) -> int:
    position = journal.tables.events.c.position
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(position), 0))).scalar_one())


def _told(compared: list[Compared], say: Say) -> bool:
    for one in compared:
        found = f"DIFFERENT: {one.difference}" if one.difference else "same"
        say(f"  {one.table:<20} {one.rows:>9} rows  {found}")
    agrees = all(one.difference is None for one in compared)
    say(f"the live read models are{'' if agrees else ' NOT'} what the journal makes")
    return agrees


def _tell_not_compared(service: str, journal: Journal, say: Say) -> None:
    """What no journal makes: values, documents and what was followed; the records are what is replayed."""
    made = {*(table.name for table in read_models(journal)), journal.tables.events.name}
    others = sorted(set(metadata_of(service).tables) - made)
    say(f"not compared, as the journal does not make it: {', '.join(others)}")
