"""The recorded facts of streams, as known at a journal position: what a past is folded from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.journal.events import Event, Fact
from services.kernel.journal.rows import Stored
from services.register.contract.events import REGISTER_EVENTS
from services.register.projections.parts import in_parts
from services.register.schema import JOURNAL

_STORED: Final = Stored(JOURNAL.events)


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact and the position from which it was known."""

    position: int
    fact: Fact


def facts_until(
    connection: sa.Connection, stream_ids: Collection[UUID], known_at: int, *kinds: type[Event]
) -> dict[UUID, list[KnownFact]]:
    """The facts of streams up to a position, oldest first; with `kinds` only those."""
    names = {name for kind in kinds for name in REGISTER_EVENTS.names_of(kind)}
    found: dict[UUID, list[KnownFact]] = {}
    for some in in_parts(set(stream_ids)):
        for stream_id, position, name, record in _STORED.streams(connection, some, known_at):
            if not kinds or name in names:
                fact = REGISTER_EVENTS.decode(name, bytes(record))
                found.setdefault(stream_id, []).append(KnownFact(position, fact))
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
