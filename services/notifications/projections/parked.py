"""What the followers could not handle yet."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from services.notifications.schema import FOLLOWING


class Parked(NamedTuple):
    """The parked facts of one followed service; `since` in microseconds since 1970 (UTC)."""

    upstream: str
    facts: int
    since: int


def parked_facts(connection: sa.Connection) -> list[Parked]:
    """How many facts of each followed service wait on the shelf, and since when the oldest does."""
    columns = FOLLOWING.parked_events.c
    query = (
        sa.select(columns.upstream, sa.func.count(), sa.func.min(columns.parked_at))
        .group_by(columns.upstream)
        .order_by(columns.upstream)
    )
    return [Parked(*row) for row in connection.execute(query)]
