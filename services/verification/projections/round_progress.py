"""How far each round's walk over the periods of inclusion has come: kept by the walk, in its units.

It cannot be folded from the journal, and need not be: with the row gone, the walk begins anew, and finds that
the cases are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa
from eventsourcing import persistence
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.database import BigInt
from services.kernel.journal.units import Recorded, Write
from services.verification.schema import METADATA

ROUND_PROGRESS: Final = sa.Table(
    "round_progress",
    METADATA,
    sa.Column("quarter", sa.Text, primary_key=True),
    sa.Column("opened", BigInt, nullable=False),
    sa.Column("judged", BigInt, nullable=False),
)
"""`opened` and `judged` are the `noted` of the last period of inclusion that the walk passed."""

Walk = Literal["opened", "judged"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to which noted period cases were opened, and where the step is automatic judged."""

    opened: int = 0
    judged: int = 0


def progress_of(connection: sa.Connection, quarter: str) -> Progress:
    """How far a round has come."""
    columns = ROUND_PROGRESS.c
    row = connection.execute(
        sa.select(columns.opened, columns.judged).where(columns.quarter == quarter)
    ).one_or_none()
    return Progress() if row is None else Progress(*row)


def advance(quarter: str, walk: Walk, previous: int, reached: int) -> Write:
    """A unit's write that moves a walk on from exactly `previous`.

    Raises the library's `IntegrityError` when another process moved it meanwhile.
    """

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        begun = dialect.insert(ROUND_PROGRESS).values(quarter=quarter, opened=0, judged=0)
        connection.execute(begun.on_conflict_do_nothing())
        column = ROUND_PROGRESS.c[walk]
        moved = connection.execute(
            sa.update(ROUND_PROGRESS)
            .where(ROUND_PROGRESS.c.quarter == quarter, column == previous)
            .values({column: reached})
        )
        if moved.rowcount != 1:
            raise persistence.IntegrityError(f"the round of {quarter} is no longer at {previous}")

    return write
