"""Which status each entry had, in two times: rows `[valid_from, valid_to) x [known_from, known_to)`.

`valid_*` are legal instants in microseconds since 1970 (UTC), `known_*` journal positions. A row is closed by
setting `known_to`, never changed otherwise, so what was known at any position can be read forever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.rows import BulkUpsert, Row
from services.kernel.journal.units import Recorded
from services.register.domain.correcting import EntryStatus
from services.register.domain.timeline import Period, StatusFact, periods, status_fact
from services.register.schema import METADATA

STATUS_FACTS: Final = sa.Table(
    "entry_status_facts",
    METADATA,
    sa.Column("position", BigInt, primary_key=True, autoincrement=False),
    sa.Column("entry_id", sa.Uuid, nullable=False, index=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("effective_at", BigInt, nullable=False),
    sa.Column("target", sa.Text, nullable=True),
    sa.Column("counts_from", BigInt, nullable=True),
)
"""The facts that periods are made of, in short; only ever added to."""

PERIODS: Final = sa.Table(
    "entry_periods",
    METADATA,
    sa.Column("entry_id", sa.Uuid, primary_key=True),
    sa.Column("known_from", BigInt, primary_key=True),
    sa.Column("valid_from", BigInt, primary_key=True),
    sa.Column("valid_to", BigInt, nullable=True),
    sa.Column("known_to", BigInt, nullable=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Index("entry_periods_status", "status", "valid_from", "entry_id"),
)
"""From an entry's first inclusion on its rows known at a position leave no gap; before it there is none."""


EVERY_STATUS: Final[tuple[EntryStatus, ...]] = ("included", "annulled", "excluded")
FEW: Final = 1_000
"""Up to so many entries a list of a past looks at each of them instead of walking through all."""


class Periods:
    """Each status fact makes the entry's periods anew; what they no longer hold is closed."""

    tables: Sequence[sa.Table] = (STATUS_FACTS, PERIODS)

    def __init__(self) -> None:
        self._insert = BulkUpsert(STATUS_FACTS, replace=False)
        self._upsert = BulkUpsert(PERIODS)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Close what a fact ends or corrects, open what it begins."""
        concerned = [
            (recorded.fact.originator_id, found)
            for recorded in facts
            if (found := status_fact(recorded.position, recorded.fact)) is not None
        ]
        if not concerned:
            return
        first = {r.fact.originator_id for r in facts if r.fact.originator_version == 1}
        earlier = {entry_id for entry_id, _ in concerned} - first
        known = _facts_of(connection, earlier)
        rows = _open_rows_of(connection, earlier)
        written: dict[tuple[UUID, int, int], Row] = {}
        for entry_id, fact in concerned:
            known.setdefault(entry_id, []).append(fact)
            for row in _change(
                rows.setdefault(entry_id, []), entry_id, fact.position, periods(known[entry_id])
            ):
                written[row["entry_id"], row["known_from"], row["valid_from"]] = row
        self._insert(connection, [_fact_row(entry_id, fact) for entry_id, fact in concerned])
        self._upsert(connection, list(written.values()))


def _fact_row(entry_id: UUID, fact: StatusFact) -> Row:
    return {
        "position": fact.position,
        "entry_id": entry_id,
        "event_id": fact.event_id,
        "kind": fact.kind,
        "effective_at": fact.effective_at,
        "target": fact.target,
        "counts_from": fact.counts_from,
    }


def _facts_of(connection: sa.Connection, entry_ids: set[UUID]) -> dict[UUID, list[StatusFact]]:
    found: dict[UUID, list[StatusFact]] = {}
    if not entry_ids:
        return found
    columns = STATUS_FACTS.c
    for row in connection.execute(sa.select(STATUS_FACTS).where(columns.entry_id.in_(entry_ids))):
        fact = StatusFact(row.position, row.event_id, row.kind, row.effective_at, row.target, row.counts_from)
        found.setdefault(row.entry_id, []).append(fact)
    return found


def _open_rows_of(
    connection: sa.Connection, entry_ids: set[UUID], known_at: int | None = None
) -> dict[UUID, list[Row]]:
    """The rows known to hold at a position, by entry; now without one."""
    found: dict[UUID, list[Row]] = {}
    if not entry_ids:
        return found
    columns = PERIODS.c
    known = columns.known_to.is_(None) if known_at is None else _known(known_at)
    query = sa.select(PERIODS).where(columns.entry_id.in_(entry_ids), known)
    for row in connection.execute(query).mappings():
        found.setdefault(row["entry_id"], []).append(dict(row))
    return found


def _change(rows: list[Row], entry_id: UUID, position: int, wanted: Iterable[Period]) -> list[Row]:
    """Bring an entry's open rows to the `wanted` periods; returns the rows closed and opened by it."""
    missing = set(wanted)
    changed: list[Row] = []
    for row in list(rows):
        held = _period(row)
        if held in missing:
            missing.discard(held)
            continue
        rows.remove(row)
        row["known_to"] = position
        changed.append(row)
    for period in sorted(missing, key=lambda period: period.valid_from):
        opened = {
            "entry_id": entry_id,
            "known_from": position,
            "valid_from": period.valid_from,
            "valid_to": period.valid_to,
            "known_to": None,
            "status": period.status,
        }
        rows.append(opened)
        changed.append(opened)
    return changed


def _period(row: Row) -> Period:
    return Period(row["status"], row["valid_from"], row["valid_to"])


def covers(
    entry_id: sa.ColumnElement[UUID],
    valid_at: int,
    known_at: int,
    status: EntryStatus | None = None,
    *,
    after: UUID | None = None,
) -> sa.ColumnElement[bool]:
    """The condition that an entry had a status, or any, at a legal instant, as known at a position.

    Who looks only behind an entry says so with `after`, so that a join of both by id begins there.
    """
    columns = PERIODS.c
    return sa.exists().where(
        columns.entry_id == entry_id,
        columns.valid_from <= valid_at,
        sa.or_(columns.valid_to.is_(None), columns.valid_to > valid_at),
        _known(known_at),
        sa.true() if status is None else columns.status == status,
        sa.true() if after is None else columns.entry_id > after,
    )


def _known(known_at: int) -> sa.ColumnElement[bool]:
    columns = PERIODS.c
    return sa.and_(
        columns.known_from <= known_at, sa.or_(columns.known_to.is_(None), columns.known_to > known_at)
    )


def beginnings_within(
    connection: sa.Connection,
    status: EntryStatus,
    *,
    after: tuple[int, UUID],
    upto: int,
    known_at: int,
    limit: int,
) -> list[tuple[int, UUID]]:
    """At most `limit` legal instants, with their entries, from which a status was known to count.

    Behind the instant and entry `after`, up to the instant `upto`.
    """
    columns = PERIODS.c
    at, entry_id = after
    query = (
        sa.select(columns.valid_from, columns.entry_id)
        .where(
            columns.status == status,
            columns.valid_from >= at,
            columns.valid_from <= upto,
            sa.or_(columns.valid_from > at, columns.entry_id > entry_id),
            _known(known_at),
        )
        .order_by(columns.valid_from, columns.entry_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def few_begun(connection: sa.Connection, status: EntryStatus | None, valid_at: int) -> list[UUID] | None:
    """The entries that had a status, or any, from an instant up to `valid_at`; None when they are many."""
    columns = PERIODS.c
    found: set[UUID] = set()
    for one in EVERY_STATUS if status is None else (status,):
        query = (
            sa.select(columns.entry_id)
            .where(columns.status == one, columns.valid_from <= valid_at)
            .order_by(columns.valid_from)
        )
        if connection.execute(query.offset(FEW).limit(1)).first() is not None:
            return None
        found.update(connection.execute(query).scalars())
    return sorted(found)


def periods_known(
    connection: sa.Connection, entry_ids: Sequence[UUID], known_at: int | None = None
) -> Mapping[UUID, list[Period]]:
    """The periods of entries, as known at a position or now, oldest first."""
    return {
        entry_id: sorted(map(_period, rows), key=lambda period: period.valid_from)
        for entry_id, rows in _open_rows_of(connection, set(entry_ids), known_at).items()
    }


def periods_told(connection: sa.Connection, entry_id: UUID, known_at: int) -> list[Row]:
    """Every period of an entry that was ever known by a position, as it was known then; closed ones too."""
    columns = PERIODS.c
    query = (
        sa.select(PERIODS)
        .where(columns.entry_id == entry_id, columns.known_from <= known_at)
        .order_by(columns.known_from, columns.valid_from)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [{**row, "known_to": row["known_to"] if _by(row["known_to"], known_at) else None} for row in rows]


def _by(known_to: int | None, known_at: int) -> bool:
    return known_to is not None and known_to <= known_at
