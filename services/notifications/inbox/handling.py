"""How upstream events are handled: their messages and their deliveries, in the transaction of their position.

Those that wait already are handled together: what they need is read once, what they teach is kept in memory
and found by those behind them, and everything is written at the end, a statement for each table; but
deliveries, which are most of it, are written as they gather, while the next are prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.clock import Clock
from services.kernel.feed.following import Foreign
from services.kernel.feed.sinks import TableHandler
from services.kernel.journal.events import Event, EventRegistry, microseconds
from services.kernel.journal.rows import sent_ahead
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.filters import Concerns, Reach
from services.notifications.inbox import register, verification
from services.notifications.inbox.concerns import concerns_of, reach_of
from services.notifications.inbox.drafts import Draft, Drafting
from services.notifications.inbox.erasures import FORGETTING
from services.notifications.inbox.matters import MATTERS_OF
from services.notifications.projections.contacts import learn_contacts
from services.notifications.projections.known import Known, is_erased
from services.notifications.projections.matters import Matters
from services.notifications.usecases.put_message import NewMessage, Occasion, compose, put_messages
from services.notifications.usecases.queue_deliveries import Queue
from services.register.contract.events import REGISTER_EVENTS, ApplicationFiled
from services.register.contract.updates import EntryUpdated
from services.verification.contract.events import VERIFICATION_EVENTS

EVENT_TYPES: Final[Mapping[str, Reach]] = {
    name: reach_of(kind) for name, kind in REGISTER_EVENTS.classes().items()
}
"""What can be subscribed to: the register's events; the other journal is for services."""

ConcernsOf = Callable[[Known, Foreign], Concerns]


@dataclass(frozen=True, slots=True)
class Inbox:
    """One followed service: its registry, which of its events have an effect here, and how they have it."""

    registry: EventRegistry
    kinds: Collection[type[Event]]
    handle: TableHandler


def inboxes(legal_clock: Clock, clock: Clock, channels: Collection[ChannelName] = ()) -> dict[str, Inbox]:
    """The two followed services by name; a producer's messages go out over `channels` too.

    Every event of the register goes to subscribers; the informatization authority's journal is for services,
    so of its events only messages are made, and note is taken of the work they begin and end.
    """
    around = _Surroundings(legal_clock, clock, tuple(channels))
    of_register = _Effects(register.DRAFTS, concerns_of)
    of_verification = _Effects(verification.DRAFTS, None)
    told = [
        kind
        for kind in VERIFICATION_EVENTS.classes().values()
        if kind in verification.DRAFTS or kind in MATTERS_OF or kind in FORGETTING
    ]
    return {
        "register": Inbox(
            REGISTER_EVENTS, REGISTER_EVENTS.classes().values(), partial(_handle, of_register, around)
        ),
        "verification": Inbox(VERIFICATION_EVENTS, told, partial(_handle, of_verification, around)),
    }


@dataclass(frozen=True, slots=True)
class _Effects:
    """What a service's events bring about: messages by kind, deliveries if `concerning` is there."""

    drafts: Mapping[type[Event], Drafting]
    concerning: ConcernsOf | None


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The clocks, and the channels that are on."""

    legal_clock: Clock
    clock: Clock
    channels: tuple[ChannelName, ...]


def _handle(
    effects: _Effects, around: _Surroundings, connection: sa.Connection, facts: Sequence[Foreign]
) -> None:
    batch = _Batch(effects, around, connection)
    batch.expect(facts)
    with sent_ahead(connection):
        for foreign in facts:
            batch.take(foreign)
        batch.write()


class _Batch:
    """What facts come to, until it is written."""

    def __init__(self, effects: _Effects, around: _Surroundings, connection: sa.Connection) -> None:
        self._effects = effects
        self._channels = around.channels
        self._connection = connection
        self._put_at = around.legal_clock.now()
        self._queue = Queue(connection, now=microseconds(around.clock.now()))
        self._begin()

    def _begin(self) -> None:
        self._known = Known(self._connection, putting=True)
        self._matters = Matters(self._connection)
        self._messages: list[NewMessage] = []
        self._contacts: dict[str, dict[str, str]] = {}

    def expect(self, facts: Sequence[Foreign]) -> None:
        """Read what the facts are known to need."""
        self._known.expect([foreign.fact.data for foreign in facts])
        self._matters.expect([foreign.fact.data for foreign in facts])

    def take(self, foreign: Foreign) -> None:
        """The effects of one fact, as of the state that the facts before it left."""
        kind = type(foreign.fact.data)
        if kind in self._effects.drafts:
            self._draft(foreign, self._effects.drafts[kind])
        self._learn_contact(foreign)
        if kind in MATTERS_OF:
            MATTERS_OF[kind](self._matters, self._known, foreign)
        if kind in FORGETTING:
            self.write()  # what was learnt from the facts before is erased with the rest
            FORGETTING[kind](self._connection, foreign)
        if self._effects.concerning is not None:
            self._queue.add(foreign, self._effects.concerning(self._known, foreign))

    def write(self) -> None:
        """Write what the facts so far came to; those that follow read anew."""
        put_messages(self._connection, self._messages)
        learn_contacts(self._connection, self._contacts)
        self._known.write()
        self._matters.write()
        self._queue.write()
        self._begin()

    def _draft(self, foreign: Foreign, drafting: Drafting) -> None:
        draft = drafting(self._known, foreign)
        if self._known.has_moved:
            self.write()  # the account goes on with what was put into it before
        if draft is not None:
            self._messages.append(self._message(foreign, draft))

    def _message(self, foreign: Foreign, draft: Draft) -> NewMessage:
        recipient = draft.authority or self._known.recipient_of(draft.producer_id or "")
        occasion = Occasion(
            key=foreign.fact.id,
            day=legal_date(foreign.fact.effective_at),
            event_id=foreign.fact.id,
            event_type=foreign.upstream.header.type,
            due_on=draft.due_on,
        )
        goes_out = draft.authority is None and not is_erased(recipient)
        return compose(
            recipient,
            draft.template_id,
            draft.params,
            occasion,
            put_at=self._put_at,
            channels=self._channels if goes_out else (),
        )

    def _learn_contact(self, foreign: Foreign) -> None:
        """What the channels that are on send to: it stands in confidence beside a filing or an update."""
        opened, told_by, channels = foreign.upstream.confidential, foreign.fact.data, self._channels
        if not isinstance(told_by, ApplicationFiled | EntryUpdated):
            return
        stale = told_by.superseded if isinstance(told_by, EntryUpdated) else ()
        wanted = [field for field, channel in (("email", "email"), ("iin", "portal")) if channel in channels]
        told = {field: opened[field].value for field in wanted if field in opened and field not in stale}
        producer_id = told_by.producer.producer_id
        if "email" in told and not self._known.learn_email_told(producer_id, foreign.upstream.position):
            del told["email"]
        if told and not is_erased(self._known.recipient_of(producer_id)):
            self._contacts.setdefault(producer_id, {}).update(told)
