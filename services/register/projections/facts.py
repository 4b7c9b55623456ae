"""The recorded facts of streams, as known at a journal position: what a past is folded from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.events import Event, Fact
from services.register.contract.events import REGISTER_EVENTS
from services.register.projections.parts import among, in_parts
from services.register.schema import JOURNAL


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact and the position from which it was known."""

    position: int
    fact: Fact


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
            .where(among(connection, events.stream_id, some), events.position <= known_at, wanted)
            .order_by(events.position)
        ).all()
        for row in rows:
            fact = REGISTER_EVENTS.decode(row.type, bytes(row.record))
            found.setdefault(row.stream_id, []).append(KnownFact(row.position, fact))
    return found


def instants_of(connection: sa.Connection, positions: Collection[int]) -> dict[int, int]:
    """When positions were recorded, in microseconds since 1970 (UTC)."""
    events = JOURNAL.events.c
    found: dict[int, int] = {}
    for some in in_parts(set(positions)):
        rows = connection.execute(
            sa.select(events.position, events.recorded_at).where(events.position.in_(some))
        )
        found.update((row.position, row.recorded_at) for row in rows)
    return found
