"""Entries as they stood at a legal instant, as known at a journal position (ARCHITECTURE "Two times").

Facts corrected by one known then are left out; the others known then and effective by the instant are folded
in the order (`effective_at`, position). Which entries a list shows is found from the periods read model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import ProducerRef
from services.kernel.journal.events import Event, Fact, microseconds
from services.register.contract.events import REGISTER_EVENTS, ProducerTransformed
from services.register.domain.application import Application
from services.register.domain.entry_state import EntryState, EntryStatus, folded
from services.register.domain.timeline import annulled
from services.register.projections.entries import ENTRIES, EntryFilter, FoundEntry, filings_of
from services.register.projections.parts import AT_ONCE, in_parts
from services.register.projections.periods import covers, had_begun
from services.register.schema import JOURNAL


@dataclass(frozen=True, slots=True)
class Moment:
    """What counted in law at `valid_at` (microseconds since 1970, UTC), as known at position `known_at`."""

    valid_at: int
    known_at: int


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact and the position from which it was known."""

    position: int
    fact: Fact


def find_at(connection: sa.Connection, entry_id: UUID, moment: Moment) -> FoundEntry | None:
    """One entry at a moment; None before its first inclusion."""
    return next(iter(_entries_at(connection, [entry_id], moment)), None)


def list_at(
    connection: sa.Connection, wanted: EntryFilter, moment: Moment, *, after: UUID | None, limit: int
) -> list[FoundEntry]:
    """At most `limit` entries behind `after` that were in the register by that moment, by their ids.

    The status is that of the moment; product and producer are looked for under their present names.
    """
    columns = ENTRIES.c
    query = (
        sa.select(columns.entry_id)
        .where(*wanted.unchanging(), *_status_at(wanted.status, moment))
        .order_by(columns.entry_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(columns.entry_id > after)
    return _entries_at(connection, list(connection.execute(query).scalars()), moment)


def entries_of(
    connection: sa.Connection, producer_id: UUID, moment: Moment, status: EntryStatus | None = None
) -> list[FoundEntry]:
    """All entries of a producer at a moment, by their ids; with `status` only those that had it then."""
    wanted = EntryFilter(producer_id=producer_id, status=status)
    found: list[FoundEntry] = []
    after: UUID | None = None
    while some := list_at(connection, wanted, moment, after=after, limit=AT_ONCE):
        found += some
        after = UUID(some[-1].state.included.entry_id)
    return found


def application_at(connection: sa.Connection, application_id: UUID, moment: Moment) -> Application | None:
    """An application at a moment; None before its filing."""
    known = facts_until(connection, [application_id], moment.known_at).get(application_id, [])
    return Application.made_of(application_id, counting(known, moment.valid_at))


def _status_at(status: EntryStatus | None, moment: Moment) -> list[sa.ColumnElement[bool]]:
    column = ENTRIES.c.entry_id
    in_force = covers(column, moment.valid_at, moment.known_at)
    begun = had_begun(column, moment.valid_at, moment.known_at)
    if status == "included":
        return [in_force]
    return [begun] if status is None else [begun, sa.not_(in_force)]


def _entries_at(connection: sa.Connection, entry_ids: Sequence[UUID], moment: Moment) -> list[FoundEntry]:
    """Those of the entries that exist at the moment, in the order given."""
    facts = facts_until(connection, entry_ids, moment.known_at)
    states: list[tuple[EntryState, int]] = []
    for entry_id in entry_ids:
        known = facts.get(entry_id, [])
        left_out = annulled(one.fact for one in known)
        state = folded(counting(known, moment.valid_at), left_out)
        if state is not None:
            states.append((state, known[-1].fact.originator_version))
    producers = facts_until(
        connection, {UUID(state.producer.producer_id) for state, _ in states}, moment.known_at
    )
    filings = filings_of(connection, [UUID(state.included.application_id) for state, _ in states])
    found: list[FoundEntry] = []
    for state, version in states:
        ref = _named(state, producers[UUID(state.producer.producer_id)], moment.valid_at)
        filed_by, is_in_now = filings[UUID(state.included.application_id)]
        is_open = is_in_now and state.status == "included"
        found.append(FoundEntry(state, version, ref, filed_by, is_open))
    return found


def facts_until(
    connection: sa.Connection, stream_ids: Collection[UUID], known_at: int, *kinds: type[Event]
) -> dict[UUID, list[KnownFact]]:
    """The facts of streams up to a position, oldest first; with `kinds` only those."""
    events = JOURNAL.events.c
    names = [name for kind in kinds for name in REGISTER_EVENTS.names_of(kind)]
    wanted = events.type.in_(names) if kinds else sa.true()
    found: dict[UUID, list[KnownFact]] = {}
    for some in in_parts(set(stream_ids)):
        rows = connection.execute(
            sa.select(events.stream_id, events.position, events.type, events.record)
            .where(events.stream_id.in_(some), events.position <= known_at, wanted)
            .order_by(events.position)
        )
        for row in rows:
            fact = REGISTER_EVENTS.decode(row.type, bytes(row.record))
            found.setdefault(row.stream_id, []).append(KnownFact(row.position, fact))
    return found


def recorded_at(connection: sa.Connection, position: int) -> int:
    """When a position was recorded, in microseconds since 1970 (UTC); 0 before the first."""
    events = JOURNAL.events.c
    found = connection.execute(sa.select(events.recorded_at).where(events.position == position))
    return found.scalar_one_or_none() or 0


def counting(known: Iterable[KnownFact], valid_at: int) -> list[Fact]:
    """The facts that count at a legal instant, in the order in which they count."""
    counting = [
        (microseconds(one.fact.effective_at), one.position, one.fact)
        for one in known
        if microseconds(one.fact.effective_at) <= valid_at
    ]
    return [fact for _, _, fact in sorted(counting, key=lambda entry: entry[:2])]


def _named(state: EntryState, known: Iterable[KnownFact], valid_at: int) -> ProducerRef:
    """The producer as its last transformation that counts names it, if that is later than the inclusion."""
    ref = state.producer
    for fact in counting(known, valid_at):
        if isinstance(fact.data, ProducerTransformed) and fact.id > state.included_by:
            ref = fact.data.producer
    return ref
