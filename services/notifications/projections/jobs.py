"""Jobs of a subscription, and what became of their deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from services.notifications.delivery_tables import JOBS
from services.notifications.schema import DELIVERIES


def jobs_of(
    connection: sa.Connection, subscription_id: str, *, before: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """At most `limit` jobs older than `before` (a job id), newest first."""
    query = sa.select(JOBS).where(JOBS.c.subscription_id == subscription_id)
    if before is not None:
        query = query.where(JOBS.c.job_id < before)
    return connection.execute(query.order_by(JOBS.c.job_id.desc()).limit(limit)).mappings().all()


def progress_of(connection: sa.Connection, job_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many deliveries of each job are in which state."""
    columns = DELIVERIES.c
    counted = connection.execute(
        sa.select(columns.job_id, columns.state, sa.func.count())
        .where(columns.job_id.in_(list(job_ids)), columns.job_id != "")
        .group_by(columns.job_id, columns.state)
    )
    found: dict[str, dict[str, int]] = {}
    for job_id, state, count in counted:
        found.setdefault(job_id, {})[state] = count
    return found
