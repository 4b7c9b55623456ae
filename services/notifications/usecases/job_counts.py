"""How many deliveries of each job are over, counted where they end."""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

import sqlalchemy as sa

from services.notifications.delivery_tables import JOBS
from services.notifications.schema import DELIVERIES
from services.notifications.usecases.queue_deliveries import WAITING

Over = Literal["delivered", "exhausted", "cancelled"]
_STATES: Final[tuple[Over, ...]] = ("delivered", "exhausted", "cancelled")


class JobCounts:
    """What a transaction ends of jobs, written together."""

    def __init__(self) -> None:
        self._counted: dict[str, Counter[str]] = {}

    def ended(self, job_id: str, before: str, after: str) -> None:
        """A delivery of a job went over into a state; what had been cancelled under way may arrive."""
        if not job_id or before == after:
            return
        counted = self._counted.setdefault(job_id, Counter())
        counted[before] -= 1
        counted[after] += 1

    def write(self, connection: sa.Connection) -> None:
        """Add what was counted; jobs are taken in order."""
        rows = [
            {"job": job_id, **{state: counted[state] for state in _STATES}}
            for job_id, counted in sorted(self._counted.items())
        ]
        if rows:
            connection.execute(_ADD, rows)


def count_cancelled(connection: sa.Connection, subscription_id: str) -> None:
    """Count what of a subscription's jobs waits, before all of it is cancelled."""
    columns = DELIVERIES.c
    waiting = connection.execute(
        sa.select(columns.job_id, sa.func.count())
        .where(columns.subscription_id == subscription_id, columns.job_id != "", columns.state.in_(WAITING))
        .group_by(columns.job_id)
        .order_by(columns.job_id)
    ).all()
    rows = [{"job": job_id, "delivered": 0, "exhausted": 0, "cancelled": count} for job_id, count in waiting]
    if rows:
        connection.execute(_ADD, rows)


_ADD: Final = (
    sa.update(JOBS)
    .where(JOBS.c.job_id == sa.bindparam("job"))
    .values({state: JOBS.c[state] + sa.bindparam(state, type_=sa.Integer) for state in _STATES})
)
