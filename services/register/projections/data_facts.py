"""From when what is told of entries changed in law: the facts that changed it, by their legal instant.

A producer's update, a correction by officers, requests, appeals, rulings and monitoring, an exclusion or its
end also where no status begins by it; and a transformation, which concerns all entries of its producer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.events import Event, microseconds
from services.kernel.journal.rows import BulkInsert
from services.kernel.journal.units import Recorded
from services.register.contract.appeals import AppealClosed
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    AppealDismissed,
    AppealFiled,
    Excluded,
    ExclusionRequested,
    MonitoringRecorded,
    ProducerTransformed,
    Reinstated,
)
from services.register.contract.rulings import CourtRulingRecorded
from services.register.contract.updates import EntryUpdated
from services.register.projections.entries import ENTRIES
from services.register.schema import METADATA

DATA_FACTS: Final = sa.Table(
    "entry_data_facts",
    METADATA,
    sa.Column("position", BigInt, primary_key=True, autoincrement=False),
    sa.Column("stream_id", sa.Uuid, nullable=False, index=True),
    sa.Column("effective_at", BigInt, nullable=False),
    sa.Index("entry_data_facts_effective", "effective_at", "stream_id"),
)
"""`stream_id` is an entry's or a producer's; `effective_at` in microseconds since 1970 (UTC)."""

_KINDS: Final[tuple[type[Event], ...]] = (
    EntryUpdated,
    EntryCorrected,
    ProducerTransformed,
    Excluded,
    Reinstated,
    ExclusionRequested,
    MonitoringRecorded,
    AppealFiled,
    AppealDismissed,
    AppealClosed,
    CourtRulingRecorded,
)


class DataFacts:
    """One row a fact."""

    tables: Sequence[sa.Table] = (DATA_FACTS,)

    def __init__(self) -> None:
        self._insert = BulkInsert(DATA_FACTS)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the facts that change data."""
        rows = [
            {
                "position": recorded.position,
                "stream_id": recorded.fact.originator_id,
                "effective_at": microseconds(recorded.fact.effective_at),
            }
            for recorded in facts
            if isinstance(recorded.fact.data, _KINDS)
        ]
        self._insert(connection, rows)


def data_changed_within(
    connection: sa.Connection, *, after: tuple[int, UUID], upto: int, known_at: int, limit: int
) -> list[tuple[int, UUID]]:
    """At most `limit` legal instants, with the entries whose data were known to change from them.

    Behind the instant and entry `after`, up to the instant `upto`, in that order.
    """
    at, entry_id = after
    facts, entries = DATA_FACTS.c, ENTRIES.c
    within = (
        facts.effective_at >= at,
        facts.effective_at <= upto,
        facts.position <= known_at,
        sa.or_(facts.effective_at > at, entries.entry_id > entry_id),
    )
    query = sa.union(
        *(
            sa.select(facts.effective_at.label("at"), entries.entry_id.label("changed"))
            .join_from(DATA_FACTS, ENTRIES, stream == facts.stream_id)
            .where(*within)
            for stream in (entries.entry_id, entries.producer_id)
        )
    ).order_by("at", "changed")
    return [(row[0], row[1]) for row in connection.execute(query.limit(limit))]


def first_data_change(
    connection: sa.Connection, entry_ids: Collection[UUID], *, after: int, known_at: int
) -> dict[UUID, int]:
    """The first legal instant behind `after` from which each entry's data were known to change."""
    facts, entries = DATA_FACTS.c, ENTRIES.c
    found: dict[UUID, int] = {}
    for stream in (entries.entry_id, entries.producer_id):
        query = (
            sa.select(entries.entry_id, sa.func.min(facts.effective_at))
            .join_from(ENTRIES, DATA_FACTS, stream == facts.stream_id)
            .where(entries.entry_id.in_(entry_ids), facts.effective_at > after, facts.position <= known_at)
            .group_by(entries.entry_id)
        )
        for entry_id, at in connection.execute(query):
            found[entry_id] = min(at, found.get(entry_id, at))
    return found
