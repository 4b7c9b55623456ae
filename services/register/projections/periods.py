"""When each entry was in force, in two times: rows `[valid_from, valid_to) x [known_from, known_to)`.

`valid_*` are legal instants in microseconds since 1970 (UTC), `known_*` journal positions. A row is closed by
setting `known_to`, never changed otherwise, so what was known at any position can be read forever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.events import microseconds
from services.kernel.journal.projection import BulkUpsert, Row
from services.kernel.journal.units import Recorded
from services.register.contract.events import Excluded, Included, Reinstated
from services.register.schema import METADATA

PERIODS: Final = sa.Table(
    "entry_periods",
    METADATA,
    sa.Column("entry_id", sa.Uuid, primary_key=True),
    sa.Column("known_from", BigInt, primary_key=True),
    sa.Column("valid_from", BigInt, primary_key=True),
    sa.Column("valid_to", BigInt, nullable=True),
    sa.Column("known_to", BigInt, nullable=True),
)

_KINDS: Final = (Included, Excluded, Reinstated)


class Periods:
    """Folds inclusions, exclusions and reinstatements into periods in force."""

    tables: Sequence[sa.Table] = (PERIODS,)

    def __init__(self) -> None:
        self._upsert = BulkUpsert(PERIODS)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Close what a fact ends or corrects, open what it begins."""
        concerned = [recorded for recorded in facts if isinstance(recorded.fact.data, _KINDS)]
        if not concerned:
            return
        known = {
            recorded.fact.originator_id for recorded in concerned if recorded.fact.originator_version > 1
        }
        current = self._load(connection, known)
        touched: list[Row] = []
        for recorded in concerned:
            rows = current.setdefault(recorded.fact.originator_id, [])
            touched += _apply(rows, recorded)
        unique = {(row["entry_id"], row["known_from"], row["valid_from"]): row for row in touched}
        self._upsert(connection, list(unique.values()))

    @staticmethod
    def _load(connection: sa.Connection, entry_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
        ids = list(entry_ids)
        found: dict[UUID, list[Row]] = {}
        if ids:
            query = sa.select(PERIODS).where(PERIODS.c.entry_id.in_(ids), PERIODS.c.known_to.is_(None))
            for row in connection.execute(query).mappings():
                found.setdefault(row["entry_id"], []).append(dict(row))
        return found


def _apply(rows: list[Row], recorded: Recorded) -> list[Row]:
    """Bring the presently known rows of one entry up to date; returns the rows written."""
    data, position = recorded.fact.data, recorded.position
    at = microseconds(recorded.fact.effective_at)
    latest = max(rows, key=lambda row: row["valid_from"], default=None)
    if isinstance(data, Excluded):
        if latest is None:
            raise ValueError(f"{recorded.fact.originator_id} was never included")
        return _replace(rows, latest, position, valid_to=at)
    if isinstance(data, Reinstated) and data.annuls_from_start and latest is not None:
        return _replace(rows, latest, position, valid_to=None)
    opened = _row(recorded.fact.originator_id, position, at, None)
    rows.append(opened)
    return [opened]


def _replace(rows: list[Row], old: Row, position: int, *, valid_to: int | None) -> list[Row]:
    """Close `old` as known until `position`, and know the period with another end from then on."""
    rows.remove(old)
    old["known_to"] = position
    new = _row(old["entry_id"], position, old["valid_from"], valid_to)
    rows.append(new)
    return [old, new]


def _row(entry_id: UUID, known_from: int, valid_from: int, valid_to: int | None) -> Row:
    return {
        "entry_id": entry_id,
        "known_from": known_from,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "known_to": None,
    }


def in_force(valid_at: int, known_at: int | None) -> sa.ColumnElement[bool]:
    """The condition that a period covers a legal instant, as known now or at a position."""
    columns = PERIODS.c
    valid = sa.and_(
        columns.valid_from <= valid_at, sa.or_(columns.valid_to.is_(None), columns.valid_to > valid_at)
    )
    if known_at is None:
        return sa.and_(valid, columns.known_to.is_(None))
    return sa.and_(
        valid,
        columns.known_from <= known_at,
        sa.or_(columns.known_to.is_(None), columns.known_to > known_at),
    )
