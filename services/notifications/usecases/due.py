"""Which deliveries of an endpoint are due first: asked by index, however much waits.

Challenges and tests come before events, new events before the backlog, and each of these oldest first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa

from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS

PENDING: Final = sa.literal_column("'pending'", sa.Text)
"""Written into the statement, so that every plan knows the index of what is pending."""
_DUE: Final = """
    SELECT delivery_id, {rank} AS rank, next_at FROM deliveries
    WHERE subscription_id = {endpoint} AND state = 'pending' AND priority = {priority}
    AND next_at > {after} AND next_at <= {until} AND leased_until <= :now
    ORDER BY next_at LIMIT {want}
"""
_RANGE: Final = "SELECT * FROM ({part}) AS range_{number}"
_RANKS: Final = (
    {"rank": 0, "priority": 0, "after": "0", "until": ":now"},
    {"rank": 1, "priority": 1, "after": ":fresh", "until": ":now"},
    {"rank": 2, "priority": 1, "after": "0", "until": ":fresh"},
    {"rank": 2, "priority": 2, "after": "0", "until": ":now"},
)
"""Own events, new events, first tries that have waited, and what is made again: a range of the index each."""


def _ranges(count: int, endpoint: str, want: str) -> str:
    parts = (_DUE.format(**values, endpoint=endpoint, want=want) for values in _RANKS[:count])
    return " UNION ALL ".join(_RANGE.format(part=part, number=number) for number, part in enumerate(parts))


_OF_ALL: Final = sa.text(
    f"""
    SELECT asked.endpoint, found.delivery_id, found.rank, found.next_at
    FROM unnest(CAST(:endpoints AS text[]), CAST(:wants AS integer[]), CAST(:whole AS boolean[]))
        AS asked(endpoint, want, whole)
    CROSS JOIN LATERAL ({_ranges(4, "asked.endpoint", "asked.want")}) AS found
    WHERE asked.whole OR found.rank = 0
    """  # noqa: S608  # nothing but the constants above
)
_OF_ONE: Final = sa.text(_ranges(4, ":endpoint", ":want"))
_OWN_OF_ONE: Final = sa.text(_ranges(1, ":endpoint", ":want"))


def candidates(
    connection: sa.Connection, shares: Mapping[str, int], now: int, fresh: int, only_own: Collection[str]
) -> list[str]:
    """The deliveries that leave next: of each endpoint as many as its share, the most pressing first.

    First tries due after `fresh` are new. Of the endpoints `only_own` only challenges and tests leave.
    """
    chosen: list[str] = []
    times = {"now": now, "fresh": fresh}
    for name, rows in _found(connection, shares, times, only_own).items():
        rows.sort(key=lambda row: (row.rank, row.next_at, row.delivery_id))
        chosen += [row.delivery_id for row in rows[: shares[name]]]
    return chosen


def _found(
    connection: sa.Connection, shares: Mapping[str, int], times: Mapping[str, int], only_own: Collection[str]
) -> dict[str, list[sa.Row[*tuple[Any, ...]]]]:
    found: dict[str, list[sa.Row[*tuple[Any, ...]]]] = {name: [] for name in shares}
    if connection.dialect.name == "postgresql":
        whole = [name not in only_own for name in shares]
        asked = {"endpoints": list(shares), "wants": list(shares.values()), "whole": whole}
        for row in connection.execute(_OF_ALL, {**asked, **times}):
            found[row.endpoint].append(row)
        return found
    for name, want in shares.items():
        query = _OWN_OF_ONE if name in only_own else _OF_ONE
        found[name] += connection.execute(query, {"endpoint": name, "want": want, **times}).all()
    return found


def first_due(per_minute: sa.ColumnElement[int | None]) -> sa.Select[tuple[Any, ...]]:
    """For each endpoint that may be called: when its first delivery is due, and what holds it back."""
    asked = [
        one.label(f"{name}_{priority}")
        for priority in (0, 1, 2)
        for name, one in (("free", _first(priority)), ("leased", _first_leased(priority)))
    ]
    return (
        sa.select(ENDPOINTS.c.not_before, ENDPOINTS.c.free_at, SUBSCRIPTIONS.c.state, per_minute, *asked)
        .join_from(ENDPOINTS, SUBSCRIPTIONS, SUBSCRIPTIONS.c.subscription_id == ENDPOINTS.c.subscription_id)
        .where(SUBSCRIPTIONS.c.state.in_(("active", "pending")))
    )


def earliest(row: sa.Row[*tuple[Any, ...]]) -> int | None:
    """When the first delivery of such an endpoint is due or its lease ends, None when nothing waits."""
    own = (row.free_0, row.leased_0)
    events = (row.free_1, row.leased_1, row.free_2, row.leased_2) if row.state == "active" else ()
    return min((at for at in (*own, *events) if at is not None), default=None)


def _first(priority: int) -> sa.ScalarSelect[int]:
    columns = DELIVERIES.c
    return (
        sa.select(columns.next_at)
        .where(
            columns.subscription_id == ENDPOINTS.c.subscription_id,
            columns.state == PENDING,
            columns.priority == priority,
            columns.lease_owner.is_(None),
        )
        .order_by(columns.next_at)
        .limit(1)
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )


def _first_leased(priority: int) -> sa.ScalarSelect[int]:
    columns = DELIVERIES.c
    return (
        sa.select(sa.func.min(columns.leased_until))
        .where(
            columns.subscription_id == ENDPOINTS.c.subscription_id,
            columns.lease_owner.is_not(None),
            columns.state == "pending",
            columns.priority == priority,
        )
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )
