"""Which events of the past meet a filter: as when it was new, but nothing is learnt from it again."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.kernel.feed.following import Upstream, decoded
from services.notifications.domain.filters import Filter
from services.notifications.inbox.concerns import concerned_then
from services.notifications.projections.known import Known
from services.register.contract.events import REGISTER_EVENTS


def matching(connection: sa.Connection, events: Sequence[Upstream], asked: Filter) -> list[Upstream]:
    """Those of the events that are asked for."""
    facts = [decoded(event, REGISTER_EVENTS) for event in events]
    known = Known(connection)
    known.expect([foreign.fact.data for foreign in facts])
    return [
        foreign.upstream
        for foreign in facts
        if asked.asks_for(foreign.upstream.header.type, concerned_then(known, foreign))
    ]
