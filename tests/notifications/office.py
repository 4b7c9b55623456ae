"""The notifications service as a test drives it: real tables, its inbox, and two journals played here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.feed.following import FeedAddress, Follower, Upstream
from services.kernel.feed.sinks import Shelf, TableSink
from services.kernel.journal.events import (
    Event,
    EventRegistry,
    Fact,
    Header,
    Provenance,
    microseconds,
    new_event_id,
    new_stream_id,
)
from services.kernel.journal.units import CursorStep
from services.kernel.personal_keys import pseudonym
from services.kernel.vault import PersonalValue
from services.notifications.adapters.sealing import SecretBox
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.endpoint import DEVELOPMENT_URLS
from services.notifications.domain.filters import Reach
from services.notifications.inbox.handling import EVENT_TYPES, Inbox, inboxes
from services.notifications.schema import DELIVERIES, FOLLOWING, SUBSCRIPTIONS
from services.notifications.usecases.subscribe import NewSubscription, check, subscribe
from services.register.contract.events import REGISTER_EVENTS
from services.verification.contract.events import VERIFICATION_EVENTS
from tests.personal import keyed
from tests.prepared import migrate

NOON: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
"""Noon of Monday 2 March 2026 in Almaty."""
URL: Final = "http://127.0.0.1:9/hook"
REGISTRIES: Final[Mapping[str, EventRegistry]] = {
    "register": REGISTER_EVENTS,
    "verification": VERIFICATION_EVENTS,
}


@dataclass
class Publisher:
    """Another service's journal: its events in order, served as its feed serves them."""

    name: str
    events: list[Upstream] = field(default_factory=list)

    def publish(
        self, data: Event, stream: UUID | None = None, confidential: Mapping[str, str] | None = None
    ) -> Upstream:
        """Record a fact of a contract's class."""
        fact = Fact(
            originator_id=stream or new_stream_id(),
            originator_version=len(self.events) + 1,
            id=new_event_id(),
            data=data,
            effective_at=NOON,
            legal_basis="x",
            provenance=Provenance(actor="o1", decided_by="officer", correlation_id="r7"),
        )
        return self.record(REGISTRIES[self.name].encode(fact), confidential)

    def record(self, record: bytes, confidential: Mapping[str, str] | None = None) -> Upstream:
        """Record an event's bytes as they are."""
        opened = {name: PersonalValue(value=value, salt="00") for name, value in (confidential or {}).items()}
        header = msgspec.json.decode(record, type=Header)
        event = Upstream(len(self.events) + 1, header, record, opened)
        self.events.append(event)
        return event

    def answer(self, request: httpx.Request) -> httpx.Response:
        """`GET /v1/journal/events?after=`."""
        after = int(request.url.params["after"])
        items = [
            {"position": one.position, "event": msgspec.Raw(one.record), "confidential": one.confidential}
            for one in self.events[after:]
        ]
        body = msgspec.json.encode({"events": items, "head": len(self.events)})
        return httpx.Response(200, content=body)


@dataclass
class Office:
    """A notifications service on a fresh database, with a clock that stands until it is moved."""

    database: Database
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    box: SecretBox = field(default_factory=lambda: SecretBox(b"k" * 32))
    register: Publisher = field(default_factory=lambda: Publisher("register"))
    verification: Publisher = field(default_factory=lambda: Publisher("verification"))
    channels: tuple[ChannelName, ...] = ()

    def now(self) -> int:
        return microseconds(self.clock.now())

    def inbox(self, name: str) -> Inbox:
        return inboxes(self.clock, self.clock, self.channels)[name]

    def sink(self, name: str = "register", inbox: Inbox | None = None) -> TableSink:
        """The sink of a follower; with another `inbox` than the service's own, a broken one."""
        used = inbox or self.inbox(name)
        shelf = Shelf(self.database, FOLLOWING, clock=self.clock)
        return TableSink(self.database, FOLLOWING, shelf, used.registry, used.kinds, used.handle)

    def follower(self, name: str = "register", sink: TableSink | None = None) -> Follower:
        """A follower of a played journal, turned by hand."""
        journal = {"register": self.register, "verification": self.verification}[name]
        client = httpx.Client(transport=httpx.MockTransport(journal.answer), trust_env=False)
        address = FeedAddress(name, "http://feed", lambda: "token")
        return Follower("notifications", address, sink or self.sink(name), client=client)

    def follow(self) -> None:
        """Read both journals to their ends."""
        for name in REGISTRIES:
            self.follower(name).turn()

    def apply(self, event: Upstream, name: str = "register") -> None:
        """Handle one event from the position right before it."""
        sink = self.sink(name)
        sink.position(name)
        sink.apply(event, CursorStep(name, event.position - 1, event.position))

    def subscribe(
        self,
        owner: str = "owner",
        url: str = URL,
        *,
        active: bool = True,
        state: str = "active",
        limit: int = 50,
        known: Mapping[str, Reach] = EVENT_TYPES,
        **given: Any,
    ) -> str:
        """A subscription; unless it is not to be `active`, it has answered its challenge."""
        checked = check(NewSubscription(url, **given), DEVELOPMENT_URLS, known)
        with self.database.write() as connection:
            found = subscribe(connection, owner, checked, self.box, now=self.now(), limit=limit)
            if active:
                challenge = sa.update(DELIVERIES).where(DELIVERIES.c.subscription_id == found)
                connection.execute(challenge.values(state="delivered"))
                confirmed = sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.subscription_id == found)
                connection.execute(confirmed.values(state=state, consented_at=self.now()))
        return found

    def rows(self, table: sa.Table, **where: Any) -> list[dict[str, Any]]:
        query = sa.select(table).filter_by(**where).order_by(*table.primary_key.columns)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def row(self, table: sa.Table, **where: Any) -> dict[str, Any]:
        (found,) = self.rows(table, **where)
        return found

    def pseudonym(self, number: str) -> str:
        with self.database.read() as connection:
            return pseudonym(connection, number)

    def position(self, upstream: str = "register") -> int:
        return self.sink(upstream).position(upstream)


@contextmanager
def open_office(url: str) -> Iterator[Office]:
    """A migrated notifications service on a fresh database."""
    database = keyed(url)
    migrate("notifications", database)
    try:
        yield Office(database)
    finally:
        database.close()
