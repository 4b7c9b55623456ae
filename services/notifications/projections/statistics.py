"""How an endpoint has fared: the last day's tries, what waits, and its breaker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import sqlalchemy as sa

from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.health import Breaker
from services.notifications.schema import ATTEMPTS, DELIVERIES

WINDOW: Final = timedelta(hours=24)
MOST_TRIES: Final = 10_000
"""Of a busier day the latest tries stand for all."""
MOST_WAITING: Final = 100_000
"""Counted no further: what is more is shown as so many."""
_NOT_OVER: Final = [sa.literal_column(f"'{state}'", sa.Text) for state in ("pending", "waiting")]
"""Written into the statement, so that every plan knows the index."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Tries of the last 24 hours, at most the latest 10,000, and the present state.

    Latencies are milliseconds of tries that brought an answer, None without any. `backlog` counts at most
    100,000 deliveries; `exhausted` those given up and not recovered.
    """

    tries: int
    delivered: int
    p50_milliseconds: int | None
    p95_milliseconds: int | None
    backlog: int
    exhausted: int
    breaker: Breaker
    not_before: int
    warned: Literal[0, 50, 90]


def statistics_of(connection: sa.Connection, subscription_id: str, *, now: int) -> Statistics:
    """The statistics of one subscription's endpoint at `now` (microseconds)."""
    columns = ATTEMPTS.c
    since = now - int(WINDOW.total_seconds() * 1_000_000)
    tries = connection.execute(
        sa.select(columns.delivered, columns.milliseconds, columns.status)
        .where(columns.subscription_id == subscription_id, columns.at > since)
        .order_by(columns.at.desc())
        .limit(MOST_TRIES)
    ).all()
    answered = sorted(row.milliseconds for row in tries if row.status is not None)
    endpoint = connection.execute(
        sa.select(ENDPOINTS).where(ENDPOINTS.c.subscription_id == subscription_id)
    ).one()
    return Statistics(
        tries=len(tries),
        delivered=sum(bool(row.delivered) for row in tries),
        p50_milliseconds=_share(answered, 50),
        p95_milliseconds=_share(answered, 95),
        backlog=_counted(connection, subscription_id, "pending")
        + _counted(connection, subscription_id, "waiting"),
        exhausted=_counted(connection, subscription_id, "exhausted"),
        breaker=endpoint.breaker,
        not_before=endpoint.not_before,
        warned=endpoint.warned,
    )


def backlog_of_all(connection: sa.Connection) -> tuple[int, int]:
    """How many deliveries wait, and how many were given up and not recovered, of all subscriptions."""
    columns = DELIVERIES.c
    pending = columns.state == _NOT_OVER[0]
    lined_up = sa.and_(columns.subject.is_not(None), columns.state.in_(_NOT_OVER), columns.state == "waiting")
    exhausted = columns.state == sa.literal_column("'exhausted'", sa.Text)
    counted = [_up_to_most(connection, which) for which in (pending, lined_up, exhausted)]
    return counted[0] + counted[1], counted[2]


def _up_to_most(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    some = sa.select(DELIVERIES.c.subscription_id).where(which).limit(MOST_WAITING).subquery()
    return int(connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)


def _share(ordered: list[int], percent: int) -> int | None:
    return ordered[(len(ordered) - 1) * percent // 100] if ordered else None


def _counted(connection: sa.Connection, subscription_id: str, state: str) -> int:
    columns = DELIVERIES.c
    return _up_to_most(
        connection, sa.and_(columns.subscription_id == subscription_id, columns.state == state)
    )
