"""The worklist: which cases officers ask for, in which order, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from services.verification.projections.cases import CASES, NOBODY


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases are wanted; None leaves a filter out. `due_before` is exclusive (ISO date).

    `assigned_to` is an officer's opaque id, or `nobody`. `proposed` asks for those that wait for a second
    officer, or do not.
    """

    state: str | None = None
    kind: str | None = None
    producer_id: str | None = None
    due_before: str | None = None
    quarter: str | None = None
    assigned_to: str | None = None
    proposed: bool | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the rows."""
        columns = CASES.c
        found: list[sa.ColumnElement[bool]] = [
            columns[name] == value
            for name, value in (
                ("status", self.state),
                ("kind", self.kind),
                ("producer_id", self.producer_id),
                ("quarter", self.quarter),
            )
            if value is not None
        ]
        if self.due_before is not None:
            found.append(columns.due_on < self.due_before)
        if self.assigned_to == NOBODY:
            found.append(columns.assigned_to.is_(None))
        elif self.assigned_to is not None:
            found.append(columns.assigned_to == self.assigned_to)
        if self.proposed is not None:
            waits = columns.proposed_by.is_not(None)
            found.append(waits if self.proposed else sa.not_(waits))
        return found


Order = Literal["opening", "due"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last case, and the day its term ends (ISO date) where one runs."""

    case_id: UUID
    due_on: str | None = None


def list_cases(
    connection: sa.Connection,
    wanted: CaseFilter,
    *,
    after: Place | None,
    limit: int,
    order: Order = "opening",
) -> Sequence[Mapping[str, object]]:
    """At most `limit` cases behind the place `after`, in the order of opening or of the day they are due.

    By due day: those due first come first, equal days by opening, and those without a running term last.
    """
    columns = CASES.c
    query = sa.select(CASES).where(*wanted.conditions()).limit(limit)
    if order == "due":
        query = query.order_by(columns.due_on.asc().nulls_last(), columns.case_id)
    else:
        query = query.order_by(columns.case_id)
    if after is not None:
        query = query.where(_behind(after) if order == "due" else columns.case_id > after.case_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _behind(place: Place) -> sa.ColumnElement[bool]:
    columns = CASES.c
    if place.due_on is None:
        return sa.and_(columns.due_on.is_(None), columns.case_id > place.case_id)
    return sa.or_(
        columns.due_on > place.due_on,
        sa.and_(columns.due_on == place.due_on, columns.case_id > place.case_id),
        columns.due_on.is_(None),
    )
