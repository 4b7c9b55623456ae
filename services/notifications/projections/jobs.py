"""Jobs of a subscription."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.notifications.delivery_tables import JOBS


def jobs_of(
    connection: sa.Connection, subscription_id: str, *, before: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """At most `limit` jobs older than `before` (a job id), newest first."""
    query = sa.select(JOBS).where(JOBS.c.subscription_id == subscription_id)
    if before is not None:
        query = query.where(JOBS.c.job_id < before)
    return connection.execute(query.order_by(JOBS.c.job_id.desc()).limit(limit)).mappings().all()
