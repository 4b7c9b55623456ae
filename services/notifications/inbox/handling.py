"""How an upstream event is handled: its message and its deliveries, in the transaction of its position."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.feed.following import Foreign
from services.kernel.feed.sinks import TableHandler
from services.kernel.journal.events import Event, EventRegistry, microseconds
from services.notifications.domain.filters import Concerns
from services.notifications.inbox import register, verification
from services.notifications.inbox.concerns import concerns_of
from services.notifications.inbox.drafts import Drafting
from services.notifications.projections import known
from services.notifications.usecases.put_message import put_message
from services.notifications.usecases.queue_deliveries import queue_deliveries
from services.register.contract.events import REGISTER_EVENTS
from services.verification.contract.events import VERIFICATION_EVENTS

EVENT_TYPES: Final = frozenset(REGISTER_EVENTS.classes())
"""What can be subscribed to: the register's events; the other journal is for services."""

ConcernsOf = Callable[[sa.Connection, Foreign], Concerns]


@dataclass(frozen=True, slots=True)
class Inbox:
    """One followed service: its registry and what is done with each of its events."""

    registry: EventRegistry
    handlers: Mapping[type[Event], TableHandler]


def inboxes(legal_clock: Clock, clock: Clock) -> dict[str, Inbox]:
    """The two followed services by name.

    Every event of the register goes to subscribers; the informatization authority's journal is for services,
    so of its events only messages are made.
    """
    every = {kind: register.DRAFTS.get(kind) for kind in REGISTER_EVENTS.classes().values()}
    return {
        "register": Inbox(
            REGISTER_EVENTS,
            {kind: _handler(legal_clock, clock, draft, concerns_of) for kind, draft in every.items()},
        ),
        "verification": Inbox(
            VERIFICATION_EVENTS,
            {kind: _handler(legal_clock, clock, draft, None) for kind, draft in verification.DRAFTS.items()},
        ),
    }


def _handler(
    legal_clock: Clock, clock: Clock, drafting: Drafting | None, concerning: ConcernsOf | None
) -> TableHandler:
    def handle(connection: sa.Connection, foreign: Foreign) -> None:
        draft = drafting(connection, foreign) if drafting else None
        if draft is not None:
            recipient = draft.authority or known.recipient_of(connection, draft.producer_id or "")
            put_at = legal_clock.now()
            put_message(
                connection,
                foreign,
                recipient,
                draft.template_id,
                draft.params,
                put_at=put_at,
                due_on=draft.due_on,
            )
        if concerning is not None:
            concerns = concerning(connection, foreign)
            queue_deliveries(connection, foreign, concerns, now=microseconds(clock.now()))

    return handle
