"""The industry authority's running terms, for the watcher of missed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.contract import FixedTerm
from services.kernel.journal.events import Event
from services.kernel.journal.rows import BulkUpsert, ByKeys, Row
from services.kernel.journal.units import Recorded
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    Excluded,
    ExclusionRequested,
    NotificationReceived,
    NotificationReturned,
    NotificationSettled,
    Reinstated,
    TermMissed,
)
from services.register.projections.facts import facts_until
from services.register.schema import METADATA

Holder = Literal["notification", "entry"]

OPEN_TERMS: Final = sa.Table(
    "open_terms",
    METADATA,
    sa.Column("stream_id", sa.Uuid, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("due_on", sa.Text, nullable=False, index=True),
    sa.Column("term", sa.LargeBinary, nullable=False),
)
"""One row for each stream that waits; `due_on` is the term's last day (ISO date, Asia/Almaty)."""

_BEGIN: Final = (NotificationReceived, ExclusionRequested)
_END: Final = (NotificationReturned, NotificationSettled, Excluded, TermMissed)
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(FixedTerm)


class OpenTerms:
    """A term opens with what fixes it and closes when it is met, falls away, or is recorded as missed.

    A producer's own request waits again once the exclusion that overtook it never was, for the term that
    the fact fixes which says so.
    """

    tables: Sequence[sa.Table] = (OPEN_TERMS,)

    def __init__(self) -> None:
        self._upsert = BulkUpsert(OPEN_TERMS)
        self._rows = ByKeys(OPEN_TERMS.c.stream_id)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the terms that opened, remove those that closed."""
        rows: dict[UUID, Row | None] = {}
        for recorded in facts:
            data = recorded.fact.data
            if isinstance(data, EntryCorrected | Reinstated) and data.request_term is not None:
                rows[recorded.fact.originator_id] = _again(connection, recorded, data.request_term)
            elif isinstance(data, _BEGIN) and data.term is not None:
                holder: Holder = "notification" if isinstance(data, NotificationReceived) else "entry"
                rows[recorded.fact.originator_id] = _row(recorded.fact.originator_id, holder, data.term)
            elif isinstance(data, _END) or _is_moot(data):
                rows[recorded.fact.originator_id] = None
        closed = [stream for stream, row in rows.items() if row is None]
        if closed:
            self._rows.delete(connection, closed)
        self._upsert(connection, [row for row in rows.values() if row is not None])


def _is_moot(data: Event) -> bool:
    """A request to exclude what never rightly was in the register waits for nothing."""
    return isinstance(data, EntryCorrected) and data.status == "annulled"


def _again(connection: sa.Connection, recorded: Recorded, term: FixedTerm) -> Row | None:
    """The row of a request that waits again; none where its term was recorded as missed before."""
    entry_id = recorded.fact.originator_id
    before = facts_until(connection, [entry_id], recorded.position - 1, TermMissed).get(entry_id, [])
    missed = [one.fact.data.term for one in before if isinstance(one.fact.data, TermMissed)]
    return None if term in missed else _row(entry_id, "entry", term)


def _row(stream_id: UUID, holder: Holder, term: FixedTerm) -> Row:
    return {"stream_id": stream_id, "holder": holder, "due_on": term.due_on, "term": _ENCODER.encode(term)}


@dataclass(frozen=True, slots=True)
class Overdue:
    """A term that ended unmet, and the stream that waits for it."""

    stream_id: UUID
    holder: Holder
    term: FixedTerm


def overdue(connection: sa.Connection, today: str, limit: int) -> list[Overdue]:
    """Terms whose last day lies before `today` (ISO date, Asia/Almaty), those due first before the others."""
    columns = OPEN_TERMS.c
    rows = connection.execute(
        sa.select(columns.stream_id, columns.holder, columns.term)
        .where(columns.due_on < today)
        .order_by(columns.due_on, columns.stream_id)
        .limit(limit)
    )
    return [Overdue(row.stream_id, row.holder, _DECODER.decode(bytes(row.term))) for row in rows]
