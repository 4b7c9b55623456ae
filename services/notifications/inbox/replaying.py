"""Whether an event of the past meets a filter: as when it was new, but nothing is learnt from it again."""

from __future__ import annotations

import sqlalchemy as sa

from services.kernel.feed.following import Upstream, decoded
from services.notifications.domain.filters import Filter
from services.notifications.inbox.concerns import concerned_then
from services.register.contract.events import REGISTER_EVENTS


def matches(connection: sa.Connection, event: Upstream, asked: Filter) -> bool:
    """True when the event is asked for."""
    return asked.asks_for(event.header.type, concerned_then(connection, decoded(event, REGISTER_EVENTS)))
