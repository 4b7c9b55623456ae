"""The officers who acted here, known from the first step on a case, so that cases can be given to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.journal.units import Recorded, Write
from services.verification.projections.cases import CASES, UNDER_WAY
from services.verification.schema import OFFICERS


@dataclass(frozen=True, slots=True)
class KnownOfficer:
    """An officer by opaque id and sign-in name, and how many cases under way are in those hands."""

    officer_id: str
    subject: str
    cases: int


def keep_officer(officer_id: str, subject: str) -> Write:
    """A unit's write that remembers who acts."""

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(OFFICERS).values(officer_id=officer_id, subject=subject)
        connection.execute(insert.on_conflict_do_nothing())

    return write


def is_known(connection: sa.Connection, officer_id: str) -> bool:
    """True when this officer acted here before."""
    found = connection.execute(
        sa.select(OFFICERS.c.officer_id).where(OFFICERS.c.officer_id == officer_id)
    ).scalar_one_or_none()
    return found is not None


def list_officers(connection: sa.Connection, *, after: str, limit: int) -> list[KnownOfficer]:
    """At most `limit` officers behind the id `after`, in the order of their ids."""
    columns = OFFICERS.c
    held = (
        sa.select(sa.func.count())
        .where(CASES.c.assigned_to == columns.officer_id, CASES.c.status.in_(UNDER_WAY))
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(columns.officer_id, columns.subject, held.label("cases"))
        .where(columns.officer_id > after)
        .order_by(columns.officer_id)
        .limit(limit)
    )
    return [KnownOfficer(row.officer_id, row.subject, row.cases) for row in rows]
