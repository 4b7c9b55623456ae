"""How the register differs between two moments: which entries changed, found page by page.

Between two positions an entry changed where facts of it or a transformation of its producer were recorded;
between two legal instants where, as known at one position, another status begins or its data changed.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal
from uuid import UUID

import sqlalchemy as sa

from services.register.contract.events import REGISTER_EVENTS, ProducerTransformed
from services.register.domain.correcting import EntryStatus
from services.register.projections.data_facts import data_changed_within, first_data_change
from services.register.projections.entries import ENTRIES
from services.register.projections.facts import KnownFact, facts_until
from services.register.projections.moments import Moment
from services.register.projections.periods import beginnings_within, periods_known
from services.register.schema import JOURNAL

Axis = Literal["known", "valid"]
LOOKED_THROUGH: Final = 20_000
"""So many positions one page looks through at the most."""
_STATUSES: Final[tuple[EntryStatus, ...]] = ("included", "excluded", "annulled")
_LAST_ID: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment to a later one that differs from it on one axis only."""

    start: Moment
    end: Moment
    axis: Axis


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: a position or legal instant, and the entry last looked at there."""

    at: int
    entry_id: UUID


def changed_within(
    connection: sa.Connection, window: Window, after: Place | None, limit: int
) -> tuple[list[UUID], Place | None]:
    """At most `limit` entries that changed, each once, by their first change; and where to go on.

    A page may hold fewer, or none, and yet have a next one.
    """
    if window.axis == "known":
        return _by_position(connection, window, after or Place(window.start.known_at, _LAST_ID), limit)
    return _by_instant(connection, window, after or Place(window.start.valid_at, _LAST_ID), limit)


def facts_within(
    connection: sa.Connection, entry_ids: Sequence[UUID], window: Window
) -> dict[UUID, list[KnownFact]]:
    """The facts recorded between the positions of a window, by entry, transformations among them."""
    owners = _owners(connection, entry_ids)
    found = facts_until(connection, entry_ids, window.end.known_at)
    renamed = facts_until(connection, set(owners.values()), window.end.known_at, ProducerTransformed)
    return {
        entry_id: sorted(
            (
                one
                for one in (*found.get(entry_id, ()), *renamed.get(owner, ()))
                if one.position > window.start.known_at
            ),
            key=lambda one: one.position,
        )
        for entry_id, owner in owners.items()
    }


def _owners(connection: sa.Connection, entry_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    columns = ENTRIES.c
    query = sa.select(columns.entry_id, columns.producer_id).where(columns.entry_id.in_(entry_ids))
    return {row.entry_id: row.producer_id for row in connection.execute(query)}


def _by_position(
    connection: sa.Connection, window: Window, after: Place, limit: int
) -> tuple[list[UUID], Place | None]:
    last = min(window.end.known_at, after.at + LOOKED_THROUGH)
    events, entries = JOURNAL.events.c, ENTRIES.c
    here = sa.or_(
        events.position > after.at, sa.and_(events.position == after.at, entries.entry_id > after.entry_id)
    )
    within = sa.and_(events.position >= after.at, events.position <= last, here)
    transformed = events.type.in_(REGISTER_EVENTS.names_of(ProducerTransformed))
    asked = limit * 4 + 1
    query = sa.union_all(
        sa.select(events.position.label("at"), entries.entry_id.label("changed"))
        .join_from(JOURNAL.events, ENTRIES, entries.entry_id == events.stream_id)
        .where(within),
        sa.select(events.position.label("at"), entries.entry_id.label("changed"))
        .join_from(JOURNAL.events, ENTRIES, entries.producer_id == events.stream_id)
        .where(within, transformed),
    ).order_by("at", "changed")
    rows = [Place(row[0], row[1]) for row in connection.execute(query.limit(asked))]
    facts = facts_within(connection, list({place.entry_id for place in rows}), window)
    first = {entry_id: known[0].position for entry_id, known in facts.items() if known}
    end = Place(last, _LAST_ID) if last < window.end.known_at else None
    return _page(rows, first, limit, end if len(rows) < asked else rows[-1])


def _by_instant(
    connection: sa.Connection, window: Window, after: Place, limit: int
) -> tuple[list[UUID], Place | None]:
    asked = limit * 4 + 1
    found = [
        beginnings_within(
            connection,
            status,
            after=(after.at, after.entry_id),
            upto=window.end.valid_at,
            known_at=window.end.known_at,
            limit=asked,
        )
        for status in _STATUSES
    ]
    data = data_changed_within(
        connection,
        after=(after.at, after.entry_id),
        upto=window.end.valid_at,
        known_at=window.end.known_at,
        limit=asked,
    )
    rows = [Place(at, entry_id) for at, entry_id in islice(heapq.merge(*found, data), asked)]
    first = _first_instants(connection, {place.entry_id for place in rows}, window)
    return _page(rows, first, limit, None if len(rows) < asked else rows[-1])


def _first_instants(connection: sa.Connection, entry_ids: set[UUID], window: Window) -> dict[UUID, int]:
    """From when each entry first differs from what it was at the window's start, in status or in data."""
    since, known_at = window.start.valid_at, window.end.known_at
    first = first_data_change(connection, entry_ids, after=since, known_at=known_at)
    for entry_id, periods in periods_known(connection, list(entry_ids), known_at).items():
        begun = [period.valid_from for period in periods if period.valid_from > since]
        if begun:
            first[entry_id] = min(begun[0], first.get(entry_id, begun[0]))
    return first


def _page(
    rows: Sequence[Place], first: Mapping[UUID, int], limit: int, end: Place | None
) -> tuple[list[UUID], Place | None]:
    """The entries whose first change is among the rows, and behind which row to go on."""
    found: list[UUID] = []
    for place in rows:
        if first.get(place.entry_id) != place.at or place.entry_id in found:
            continue
        found.append(place.entry_id)
        if len(found) == limit:
            return found, place if place != rows[-1] or end is not None else None
    return found, end
