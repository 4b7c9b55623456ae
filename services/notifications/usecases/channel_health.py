"""How a channel fares, kept for all processes together: its circuit breaker lets it rest while it fails."""

from __future__ import annotations

import sqlalchemy as sa

from services.notifications.channel_tables import CHANNELS, DISPATCHES
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.health import Health


def held_health(connection: sa.Connection, channel: ChannelName) -> Health:
    """A channel's health; its row is held until the transaction ends, before any of its dispatches is."""
    query = sa.select(CHANNELS).where(CHANNELS.c.channel == channel).with_for_update()
    row = connection.execute(query).one()
    return Health(
        row.breaker, row.failures, row.opened, row.not_before, row.at_once, failing_since=row.failing_since
    )


def keep_health(connection: sa.Connection, channel: ChannelName, health: Health) -> None:
    """Write how a channel fares."""
    connection.execute(
        sa.update(CHANNELS)
        .where(CHANNELS.c.channel == channel)
        .values(
            breaker=health.breaker,
            failures=health.failures,
            opened=health.opened,
            not_before=health.not_before,
            at_once=health.at_once,
            failing_since=health.failing_since,
        )
    )


def may_send(connection: sa.Connection, channel: ChannelName, health: Health, now: int) -> bool:
    """False while the channel rests, and while as many are under way as it may have."""
    if health.not_before > now:
        return False
    if health.at_once is None:
        return True
    columns = DISPATCHES.c
    under_way = sa.select(sa.func.count()).where(
        columns.channel == channel, columns.lease_owner.is_not(None), columns.leased_until > now
    )
    return int(connection.scalar(under_way) or 0) < health.at_once
