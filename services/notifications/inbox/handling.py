"""How an upstream event is handled: its message and its deliveries, in the transaction of its position."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.clock import Clock
from services.kernel.feed.following import Foreign
from services.kernel.feed.sinks import TableHandler
from services.kernel.journal.events import Event, EventRegistry, microseconds
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.filters import Concerns, Reach
from services.notifications.inbox import register, verification
from services.notifications.inbox.concerns import concerns_of, reach_of
from services.notifications.inbox.drafts import Draft, Drafting
from services.notifications.inbox.erasures import FORGETTING
from services.notifications.inbox.matters import MATTERS_OF
from services.notifications.projections import known
from services.notifications.projections.contacts import learn_contact
from services.notifications.usecases.dispatch import queue_dispatches
from services.notifications.usecases.put_message import Occasion, put_message
from services.notifications.usecases.queue_deliveries import queue_deliveries
from services.register.contract.events import REGISTER_EVENTS, ApplicationFiled
from services.verification.contract.events import VERIFICATION_EVENTS

EVENT_TYPES: Final[Mapping[str, Reach]] = {
    name: reach_of(kind) for name, kind in REGISTER_EVENTS.classes().items()
}
"""What can be subscribed to: the register's events; the other journal is for services."""

ConcernsOf = Callable[[sa.Connection, Foreign], Concerns]


@dataclass(frozen=True, slots=True)
class Inbox:
    """One followed service: its registry and what is done with each of its events."""

    registry: EventRegistry
    handlers: Mapping[type[Event], TableHandler]


def inboxes(legal_clock: Clock, clock: Clock, channels: Collection[ChannelName] = ()) -> dict[str, Inbox]:
    """The two followed services by name; a producer's messages go out over `channels` too.

    Every event of the register goes to subscribers; the informatization authority's journal is for services,
    so of its events only messages are made, and note is taken of the work they begin and end.
    """
    surroundings = _Surroundings(legal_clock, clock, tuple(channels))
    every = REGISTER_EVENTS.classes().values()
    told = [
        kind
        for kind in VERIFICATION_EVENTS.classes().values()
        if kind in verification.DRAFTS or kind in MATTERS_OF or kind in FORGETTING
    ]
    return {
        "register": Inbox(
            REGISTER_EVENTS,
            {
                kind: _handler(surroundings, _Effects(register.DRAFTS.get(kind), kind, concerns_of))
                for kind in every
            },
        ),
        "verification": Inbox(
            VERIFICATION_EVENTS,
            {
                kind: _handler(surroundings, _Effects(verification.DRAFTS.get(kind), kind, None))
                for kind in told
            },
        ),
    }


@dataclass(frozen=True, slots=True)
class _Effects:
    """What an event of a kind brings about: a message perhaps, deliveries if `concerning` is there."""

    drafting: Drafting | None
    kind: type[Event]
    concerning: ConcernsOf | None


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The clocks, and the channels that are on."""

    legal_clock: Clock
    clock: Clock
    channels: tuple[ChannelName, ...]


def _handler(around: _Surroundings, effects: _Effects) -> TableHandler:
    bookkeeping = MATTERS_OF.get(effects.kind) or FORGETTING.get(effects.kind)

    def handle(connection: sa.Connection, foreign: Foreign) -> None:
        draft = effects.drafting(connection, foreign) if effects.drafting else None
        if draft is not None:
            _put(connection, foreign, draft, around)
        _learn_contact(connection, foreign, around.channels)
        if bookkeeping is not None:
            bookkeeping(connection, foreign)
        if effects.concerning is not None:
            concerns = effects.concerning(connection, foreign)
            queue_deliveries(connection, foreign, concerns, now=microseconds(around.clock.now()))

    return handle


def _put(connection: sa.Connection, foreign: Foreign, draft: Draft, around: _Surroundings) -> None:
    recipient = draft.authority or known.recipient_of(connection, draft.producer_id or "")
    occasion = Occasion(
        key=foreign.fact.id,
        day=legal_date(foreign.fact.effective_at),
        event_id=foreign.fact.id,
        event_type=foreign.upstream.header.type,
        due_on=draft.due_on,
    )
    put_at = around.legal_clock.now()
    message = put_message(connection, recipient, draft.template_id, draft.params, occasion, put_at=put_at)
    if draft.authority is None and not known.is_erased(recipient):
        queue_dispatches(connection, message, around.channels)


def _learn_contact(connection: sa.Connection, foreign: Foreign, channels: Collection[ChannelName]) -> None:
    """What the channels that are on send to: it stands beside a filing in confidence, and nowhere else."""
    opened, filing = foreign.upstream.confidential, foreign.fact.data
    wanted = [field for field, channel in (("email", "email"), ("iin", "portal")) if channel in channels]
    told = {field: opened[field].value for field in wanted if field in opened}
    if told and isinstance(filing, ApplicationFiled):
        learn_contact(connection, filing.producer.producer_id, told)
