"""Entries as they stood at a legal instant, as known at a journal position (ARCHITECTURE "Two times").

Facts corrected by one known then are left out; the others known then and effective by the instant are folded
in the order (`effective_at`, position). Where that makes the present row, it is read. Which entries a list
shows is found from the periods read model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.kernel.identifiers import is_bin
from services.kernel.journal.events import Fact, from_microseconds, microseconds
from services.register.contract.events import ProducerTransformed
from services.register.domain.application import Application
from services.register.domain.correcting import EntryStatus
from services.register.domain.entry_state import EntryState, standing
from services.register.domain.naming import named, transformed
from services.register.projections.entries import (
    ENTRIES,
    FOUND,
    EntryFilter,
    FoundEntry,
    called_so,
    filings_of,
    state_in,
)
from services.register.projections.facts import KnownFact, facts_until
from services.register.projections.parts import AT_ONCE, among, in_parts
from services.register.projections.periods import covers, few_begun
from services.register.projections.producers import bins_at, producer_of
from services.register.schema import JOURNAL


@dataclass(frozen=True, slots=True)
class Moment:
    """What counted in law at `valid_at` (microseconds since 1970, UTC), as known at position `known_at`."""

    valid_at: int
    known_at: int


def find_at(connection: sa.Connection, entry_id: UUID, moment: Moment) -> FoundEntry | None:
    """One entry at a moment; None before its first inclusion."""
    return next(iter(entries_at(connection, [entry_id], moment)), None)


def list_at(
    connection: sa.Connection, wanted: EntryFilter, moment: Moment, *, after: UUID | None, limit: int
) -> list[FoundEntry]:
    """At most `limit` entries behind `after` that were in the register by that moment, by their ids.

    Status, names and numbers are those of the moment.
    """
    columns = ENTRIES.c
    query = sa.select(columns.entry_id).where(*wanted.ever()).order_by(columns.entry_id).limit(limit)
    if wanted.producer_id is None:  # nothing is known before it counts, so that few are early on either axis
        begun_by = min(moment.valid_at, recorded_at(connection, moment.known_at))
        few = few_begun(connection, wanted.status, begun_by)
        if few is not None:
            query = query.where(among(connection, columns.entry_id, few))

    def behind(last: UUID | None) -> tuple[Sequence[UUID], list[FoundEntry]]:
        covered = covers(columns.entry_id, moment.valid_at, moment.known_at, wanted.status, after=last)
        some = query.where(covered) if last is None else query.where(covered, columns.entry_id > last)
        ids = connection.execute(some).scalars().all()
        return ids, entries_at(connection, ids, moment)

    return called_so(wanted, behind, after, limit)


def producer_at(connection: sa.Connection, number: str, moment: Moment | None) -> UUID | None:
    """The producer that a BIN, present or former at a moment, or an IIN names; now without one."""
    producer_id = producer_of(connection, number)
    if producer_id is None or moment is None or not is_bin(number):
        return producer_id
    had = bins_at(connection, producer_id, moment.valid_at, moment.known_at)
    return producer_id if number in had else None


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


def entries_at(connection: sa.Connection, entry_ids: Sequence[UUID], moment: Moment) -> list[FoundEntry]:
    """Those of the entries that exist at the moment, in the order given."""
    present = _present(connection, entry_ids)
    states = _states_at(connection, [one for one in entry_ids if one in present], present, moment)
    unnamed = {str(row.producer_id) for row in present.values() if row.transformed_by is None}
    owners = {state.producer.producer_id for state, _ in states.values()}
    named_anew = facts_until(
        connection, [UUID(one) for one in owners - unnamed], moment.known_at, ProducerTransformed
    )
    renamed = {str(producer_id): [one.fact for one in facts] for producer_id, facts in named_anew.items()}
    filings = {str(row.application_id): (row.filed_by, row.status == "included") for row in present.values()}
    if earlier := {state.included.application_id for state, _ in states.values()} - filings.keys():
        told = filings_of(connection, sorted(map(UUID, earlier)))
        filings.update((str(application_id), one) for application_id, one in told.items())
    valid_at = from_microseconds(moment.valid_at)
    found: list[FoundEntry] = []
    for state, version in states.values():
        now = transformed(renamed.get(state.producer.producer_id, ()), at=valid_at)
        ref = named(state.producer, state.included_by, state.stated.get("name"), now)
        filed_by, is_in_now = filings[state.included.application_id]
        is_open = is_in_now and state.status == "included"
        found.append(FoundEntry(state, version, ref, filed_by, is_open))
    return found


def _present(
    connection: sa.Connection, entry_ids: Collection[UUID]
) -> dict[UUID, sa.Row[tuple[object, ...]]]:
    found: dict[UUID, sa.Row[tuple[object, ...]]] = {}
    for some in in_parts(set(entry_ids)):
        rows = connection.execute(FOUND.where(among(connection, ENTRIES.c.entry_id, some))).all()
        found.update((row.entry_id, row) for row in rows)
    return found


def _states_at(
    connection: sa.Connection,
    entry_ids: Sequence[UUID],
    present: Mapping[UUID, sa.Row[tuple[object, ...]]],
    moment: Moment,
) -> dict[UUID, tuple[EntryState, int]]:
    """State and version by entry, in the order given: the present ones where nothing was to come then."""
    still = {entry_id for entry_id in entry_ids if _is_still(present[entry_id], moment)}
    facts = facts_until(connection, set(entry_ids) - still, moment.known_at)
    valid_at = from_microseconds(moment.valid_at)
    found: dict[UUID, tuple[EntryState, int]] = {}
    for entry_id in entry_ids:
        if entry_id in still:
            row = present[entry_id]
            found[entry_id] = (state_in(row.state), row.version)
            continue
        known = [one.fact for one in facts.get(entry_id, ())]
        state = standing(known, valid_at=valid_at)
        if state is not None:
            found[entry_id] = (state, known[-1].originator_version)
    return found


def _is_still(row: sa.Row[tuple[object, ...]], moment: Moment) -> bool:
    """True where every fact of the entry was known and counted at the moment, each after the one before."""
    counts = row.counts_from is not None and row.counts_from <= moment.valid_at
    return bool(counts and row.position <= moment.known_at)


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
