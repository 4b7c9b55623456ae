"""Which entries were included in the register, from which day to which, as followed from its journal.

One row a period of inclusion. It is folded from another authority's facts and so is kept by the inbox, in the
transaction that advances the follower; this service's own journal cannot rebuild it.

Every change gives its row the next number, `noted`, under the ordering lock. So a walk in that order meets
each period once, and meets again, behind all others, whatever became known late or in retrospect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
import sqlalchemy as sa

from services.kernel.contract import DocumentRef, Language, OfficialText, ProducerRef, Value
from services.kernel.database import BigInt
from services.kernel.journal.units import Recorded, Write
from services.kernel.names import normalised_name
from services.verification.domain.supplying import monitored_documents, with_supplied
from services.verification.schema import FOLLOWING, IDENTIFIERS, METADATA, REGISTER

INCLUDED_ENTRIES: Final = sa.Table(
    "included_entries",
    METADATA,
    sa.Column("begun_by", sa.Text, primary_key=True),
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("producer_id", sa.Text, nullable=False, index=True),
    sa.Column("matched_kk", sa.Text, nullable=False, index=True),
    sa.Column("matched_ru", sa.Text, nullable=False, index=True),
    sa.Column("from_on", sa.Text, nullable=False, index=True),
    sa.Column("until_on", sa.Text, nullable=True),
    sa.Column("ended_by", sa.Text, nullable=True, index=True),
    sa.Column("noted", BigInt, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Index("included_entries_entry", "entry_id", "from_on"),
    sa.Index("included_entries_noted", "noted", unique=True),
)
"""`begun_by` and `ended_by` are the register's event ids; the days are ISO dates (Asia/Almaty), `until_on`
the day of exclusion itself."""


class Filing(Value, frozen=True, kw_only=True):
    """What the application behind an entry was judged on, with what the producer supplied since.

    `kept_by_people` once officers of the industry authority annulled an exclusion of it.
    """

    application_id: str
    filed_on: str
    reporting_year: int
    language: Language
    documents: tuple[DocumentRef, ...]
    kept_by_people: bool = False


class IncludedEntry(Value, frozen=True, kw_only=True):
    """An entry of the register as monitoring needs it."""

    entry_id: str
    producer: ProducerRef
    product_name: OfficialText
    filing: Filing


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The beginning of a period: the register's event and the legal day it counts from (ISO date)."""

    begun_by: str
    from_on: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A period that a walk meets: its number, its entry, and whether it still runs."""

    noted: int
    entry_id: str
    runs: bool


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(IncludedEntry)
_NOTED: Final = INCLUDED_ENTRIES.alias("noted_before")
_NEXT: Final = sa.select(sa.func.coalesce(sa.func.max(_NOTED.c.noted), 0) + 1).scalar_subquery()


# --- what the inbox keeps ----------------------------------------------------------------------------


def begin(entry: IncludedEntry, inclusion: Inclusion) -> Write:
    """A unit's write that begins a period of inclusion; it writes nothing while one runs."""

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        if is_included(connection, entry.entry_id):
            return
        connection.execute(
            sa.insert(INCLUDED_ENTRIES).values(
                begun_by=inclusion.begun_by,
                entry_id=entry.entry_id,
                producer_id=entry.producer.producer_id,
                matched_kk=normalised_name(entry.product_name.kk),
                matched_ru=normalised_name(entry.product_name.ru),
                from_on=inclusion.from_on,
                noted=_NEXT,
                entry=_ENCODER.encode(entry),
            )
        )

    return write


def end(entry_id: str, *, ended_by: str, until_on: str) -> Write:
    """A unit's write that ends the running period of an entry."""

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns = INCLUDED_ENTRIES.c
        running = sa.and_(columns.entry_id == entry_id, columns.until_on.is_(None))
        _change(connection, running, until_on=until_on, ended_by=ended_by)

    return write


def annul_end(ended_by: str) -> Write:
    """A unit's write that takes an exclusion back from the start: the period it ended goes on.

    It goes on to the day from which the entry was included anew meanwhile, if it was. Of two periods the
    later has the greater `begun_by`: event ids are UUIDv7.
    """

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns, later = INCLUDED_ENTRIES.c, INCLUDED_ENTRIES.alias()
        anew = (
            sa.select(sa.func.min(later.c.from_on))
            .where(later.c.entry_id == columns.entry_id, later.c.begun_by > columns.begun_by)
            .scalar_subquery()
        )
        _change(connection, columns.ended_by == ended_by, until_on=anew, ended_by=None)

    return write


def keep_by_people(ended_by: str) -> Write:
    """A unit's write that remembers of the application an exclusion ended that people took it back."""

    def kept(entry: IncludedEntry) -> IncludedEntry:
        filing = msgspec.structs.replace(entry.filing, kept_by_people=True)
        return msgspec.structs.replace(entry, filing=filing)

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        _rewrite(connection, INCLUDED_ENTRIES.c.ended_by == ended_by, kept)

    return write


def annul_begin(begun_by: str, *, ended_by: str) -> Write:
    """A unit's write that takes an inclusion back from the start: its period holds no day."""

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns = INCLUDED_ENTRIES.c
        _change(connection, columns.begun_by == begun_by, until_on=columns.from_on, ended_by=ended_by)

    return write


def redate(event_id: str, day: str) -> Write:
    """A unit's write that lets a period begin or end, whichever the event did, on another day."""

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns = INCLUDED_ENTRIES.c
        _change(connection, columns.begun_by == event_id, from_on=day)
        _change(connection, columns.ended_by == event_id, until_on=day)

    return write


def supply(
    entry_id: str, application_id: str | None, documents: tuple[DocumentRef, ...], replaced: Collection[str]
) -> Write:
    """A unit's write that adds documents to what an entry is monitored by, without those they replace.

    An entry included anew since, on another application, is monitored by what that one was judged on.
    """

    def with_them(entry: IncludedEntry) -> IncludedEntry:
        if entry.filing.application_id != application_id:
            return entry
        stand = monitored_documents(with_supplied(entry.filing.documents, documents, replaced))
        filing = msgspec.structs.replace(entry.filing, documents=stand)
        return msgspec.structs.replace(entry, filing=filing)

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        _rewrite(connection, INCLUDED_ENTRIES.c.entry_id == entry_id, with_them)

    return write


def rename_product(entry_id: str, name: OfficialText) -> Write:
    """A unit's write that calls an entry's product by another name."""

    def renamed(entry: IncludedEntry) -> IncludedEntry:
        return msgspec.structs.replace(entry, product_name=name)

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        matched = {"matched_kk": normalised_name(name.kk), "matched_ru": normalised_name(name.ru)}
        _rewrite(connection, INCLUDED_ENTRIES.c.entry_id == entry_id, renamed, **matched)

    return write


def _rewrite(
    connection: sa.Connection,
    which: sa.ColumnElement[bool],
    change: Callable[[IncludedEntry], IncludedEntry],
    **values: object,
) -> None:
    """Say otherwise what stands of entries in their periods, which keep their numbers."""
    columns = INCLUDED_ENTRIES.c
    for row in connection.execute(sa.select(columns.begun_by, columns.entry).where(which)).all():
        entry = _ENCODER.encode(change(_DECODER.decode(bytes(row.entry))))
        connection.execute(
            sa.update(INCLUDED_ENTRIES).where(columns.begun_by == row.begun_by).values(entry=entry, **values)
        )


def _change(connection: sa.Connection, which: sa.ColumnElement[bool], **values: object) -> None:
    """Change periods, each with a number of its own."""
    begun_by = INCLUDED_ENTRIES.c.begun_by
    for period in connection.execute(sa.select(begun_by).where(which).order_by(begun_by)).scalars().all():
        connection.execute(
            sa.update(INCLUDED_ENTRIES).where(begun_by == period).values(noted=_NEXT, **values)
        )


def rename_producer(producer: ProducerRef, fields: Collection[str], *, entry_id: str | None = None) -> Write:
    """A unit's write that gives a producer's entries, or one of them, its new name or BIN: those `fields`."""
    new = {field: getattr(producer, field) for field in fields}

    def renamed(entry: IncludedEntry) -> IncludedEntry:
        return msgspec.structs.replace(entry, producer=msgspec.structs.replace(entry.producer, **new))

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        columns = INCLUDED_ENTRIES.c
        which = columns.producer_id == producer.producer_id
        if entry_id is not None:
            which = sa.and_(which, columns.entry_id == entry_id)
        _rewrite(connection, which, renamed)

    return write


# --- queries -----------------------------------------------------------------------------------------


def _included_at_end_of(day: str) -> sa.ColumnElement[bool]:
    columns = INCLUDED_ENTRIES.c
    return sa.and_(columns.from_on <= day, sa.or_(columns.until_on.is_(None), columns.until_on > day))


def latest(connection: sa.Connection, entry_id: str) -> IncludedEntry | None:
    """An entry as it was last included."""
    columns = INCLUDED_ENTRIES.c
    found = connection.execute(
        sa.select(columns.entry)
        .where(columns.entry_id == entry_id)
        .order_by(columns.from_on.desc(), columns.begun_by.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else _DECODER.decode(bytes(found))


def was_kept_by_people(connection: sa.Connection, entry_id: str | None, application_id: str | None) -> bool:
    """True when officers annulled an exclusion of the entry on this application."""
    columns = INCLUDED_ENTRIES.c
    rows = connection.execute(sa.select(columns.entry).where(columns.entry_id == entry_id)).scalars()
    filings = [_DECODER.decode(bytes(row)).filing for row in rows]
    return any(one.kept_by_people and one.application_id == application_id for one in filings)


def is_included(connection: sa.Connection, entry_id: str) -> bool:
    """True while a period of the entry runs."""
    columns = INCLUDED_ENTRIES.c
    query = sa.select(columns.begun_by).where(columns.entry_id == entry_id, columns.until_on.is_(None))
    return connection.execute(query).first() is not None


def count_at_end_of(connection: sa.Connection, day: str) -> int:
    """How many entries were included at the end of a day (ISO date)."""
    query = sa.select(sa.func.count(INCLUDED_ENTRIES.c.entry_id.distinct())).where(_included_at_end_of(day))
    return int(connection.execute(query).scalar_one())


def any_at_end_of(connection: sa.Connection, day: str) -> bool:
    """True when some entry was included at the end of a day (ISO date)."""
    query = sa.select(INCLUDED_ENTRIES.c.begun_by).where(_included_at_end_of(day)).limit(1)
    return connection.execute(query).first() is not None


def known_to(connection: sa.Connection) -> int:
    """The position of the register's journal up to which its facts are known here."""
    cursors = FOLLOWING.cursors.c
    found = connection.execute(sa.select(cursors.position).where(cursors.upstream == REGISTER))
    return int(found.scalar_one_or_none() or 0)


def last_noted(connection: sa.Connection) -> int:
    """The number of the latest change; 0 before the first."""
    return int(connection.execute(sa.select(sa.func.max(INCLUDED_ENTRIES.c.noted))).scalar_one() or 0)


def passed(connection: sa.Connection, day: str, *, after: int, upto: int, limit: int) -> list[Passed]:
    """At most `limit` periods noted behind `after`, of entries included at the end of a day (ISO date)."""
    columns = INCLUDED_ENTRIES.c
    rows = connection.execute(
        sa.select(columns.noted, columns.entry_id, columns.until_on)
        .where(columns.noted > after, columns.noted <= upto, _included_at_end_of(day))
        .order_by(columns.noted)
        .limit(limit)
    )
    return [Passed(row.noted, row.entry_id, row.until_on is None) for row in rows]


def entries_noted(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, IncludedEntry]:
    """The entries of periods, by the number of each."""
    columns = INCLUDED_ENTRIES.c
    rows = connection.execute(sa.select(columns.noted, columns.entry).where(columns.noted.in_(numbers)))
    return {row.noted: _DECODER.decode(bytes(row.entry)) for row in rows}


def included_now(
    connection: sa.Connection, holders: Container[str], name: OfficialText
) -> list[IncludedEntry]:
    """The entries included now whose product and producer (one of `holders`, BIN or IIN) these are."""
    columns = INCLUDED_ENTRIES.c
    rows = connection.execute(
        sa.select(columns.entry, columns.entry_id, IDENTIFIERS.c.identifier)
        .join(IDENTIFIERS, IDENTIFIERS.c.producer_id == columns.producer_id)
        .where(
            columns.until_on.is_(None),
            sa.or_(
                columns.matched_kk == normalised_name(name.kk),
                columns.matched_ru == normalised_name(name.ru),
            ),
        )
        .order_by(columns.entry_id)
    )
    found = {row.entry_id: bytes(row.entry) for row in rows if row.identifier in holders}
    return [_DECODER.decode(entry) for entry in found.values()]


def first_included_on(connection: sa.Connection) -> date | None:
    """The earliest legal day on which any entry was included."""
    found = connection.execute(sa.select(sa.func.min(INCLUDED_ENTRIES.c.from_on))).scalar_one_or_none()
    return None if found is None else date.fromisoformat(found)


@dataclass(frozen=True, slots=True)
class Ended:
    """A period that an exclusion ended: its days (ISO dates), and whether the entry is in without it.

    `returns` is true where the entry is included once the exclusion counts as never made.
    """

    from_on: str
    until_on: str
    returns: bool


def ended_by_exclusion(connection: sa.Connection, ended_by: str) -> Ended | None:
    """The period that an exclusion, the register's event, ended."""
    columns, later = INCLUDED_ENTRIES.c, INCLUDED_ENTRIES.alias()
    row = connection.execute(
        sa.select(columns.entry_id, columns.begun_by, columns.from_on, columns.until_on)
        .where(columns.ended_by == ended_by)
        .order_by(columns.until_on)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    ends = sa.select(later.c.until_on).where(
        later.c.entry_id == row.entry_id, later.c.begun_by > row.begun_by
    )
    following = connection.execute(ends).scalars().all()
    return Ended(row.from_on, row.until_on, not following or None in following)
