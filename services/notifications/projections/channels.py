"""How the channels besides the account fare, and every try over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from services.notifications.channel_tables import CHANNELS, DISPATCH_ATTEMPTS, DISPATCHES
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.health import Breaker

MOST_WAITING: Final = 100_000
"""Counted no further: what is more is shown as so many."""
LATEST: Final = 20
_PENDING: Final = sa.literal_column("'pending'", sa.Text)
_GIVEN_UP: Final = [sa.literal_column(f"'{state}'", sa.Text) for state in ("exhausted", "refused")]
"""Written into the statement, so that every plan knows the index."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One channel: its breaker, what waits, what was given up since the instant asked for, its latest tries.

    Nothing is sent before `not_before`. Instants are microseconds since 1970 (UTC).
    """

    channel: ChannelName
    breaker: Breaker
    not_before: int
    failing_since: int | None
    waiting: int
    given_up: int
    tries: Sequence[sa.RowMapping]


def states_of_channels(connection: sa.Connection, *, since: int) -> list[ChannelState]:
    """Every channel, on or off."""
    rows = connection.execute(sa.select(CHANNELS).order_by(CHANNELS.c.channel)).all()
    return [
        ChannelState(
            channel=row.channel,
            breaker=row.breaker,
            not_before=row.not_before,
            failing_since=row.failing_since,
            waiting=waiting_over(connection, row.channel),
            given_up=given_up_over(connection, row.channel, since=since),
            tries=_latest(connection, row.channel),
        )
        for row in rows
    ]


def waiting_over(connection: sa.Connection, channel: ChannelName) -> int:
    """How many messages wait for a channel, counted up to 100,000."""
    columns = DISPATCHES.c
    some = sa.select(columns.next_at).where(columns.channel == channel, columns.state == _PENDING)
    counted = sa.select(sa.func.count()).select_from(some.limit(MOST_WAITING).subquery())
    return int(connection.scalar(counted) or 0)


def given_up_over(
    connection: sa.Connection, channel: ChannelName, *, since: int, before: int | None = None
) -> int:
    """How many messages a channel refused, or took at no try, from an instant on (microseconds)."""
    columns = DISPATCHES.c
    over = [columns.channel == channel, columns.state.in_(_GIVEN_UP), columns.ended_at >= since]
    if before is not None:
        over.append(columns.ended_at < before)
    query = sa.select(sa.func.count()).select_from(DISPATCHES).where(*over)
    return int(connection.scalar(query) or 0)


def tries_of(connection: sa.Connection, message_ids: Iterable[str]) -> list[sa.RowMapping]:
    """Every try of messages over any channel, in order."""
    columns = DISPATCH_ATTEMPTS.c
    query = sa.select(DISPATCH_ATTEMPTS).where(columns.message_id.in_(list(message_ids)))
    ordered = query.order_by(columns.message_id, columns.channel, columns.number)
    return list(connection.execute(ordered).mappings())


def _latest(connection: sa.Connection, channel: ChannelName) -> Sequence[sa.RowMapping]:
    columns = DISPATCH_ATTEMPTS.c
    query = sa.select(DISPATCH_ATTEMPTS).where(columns.channel == channel)
    return connection.execute(query.order_by(columns.at.desc()).limit(LATEST)).mappings().all()
