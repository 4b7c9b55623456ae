"""A service that follows the ledger's: what is opened and written there is opened and written here.

Both kinds of sink behind one face, and upstreams that answer as the test says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import httpx
import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict
from services.kernel.feed.following import FeedAddress, Follower, Foreign, Sink
from services.kernel.feed.sinks import JournalSink, Shelf, TableSink
from services.kernel.journal.journal import Journal, Work
from tests.kernel.journal.ledger import (
    EVENTS,
    FOLLOWING,
    LEDGERS,
    NOON,
    Ledger,
    LineWritten,
    Opened,
    act,
    ledger_journal,
)
from tests.kernel.ledger_service import LedgerService

Kind = Literal["journal", "table"]
UPSTREAM = "ledger"
POISON = "poison"
Answering = Callable[[httpx.Request], httpx.Response]


@dataclass
class Mirror:
    """Where a follower's effects are seen: the lines written here, by ledger, in order."""

    journal: Journal
    sink: Sink
    ill: list[bool] = field(default_factory=lambda: [True])
    """While it holds True, a poison line cannot be handled."""
    handled: list[str] = field(default_factory=list)
    """Every line a handler was given, committed or not."""

    @property
    def position(self) -> int:
        return self.sink.position(UPSTREAM)

    def cure(self) -> None:
        self.ill[0] = False

    def lines(self, stream: UUID) -> int:
        """How many lines the mirrored ledger has; -1 when it was never opened."""
        with self.journal.database.read() as connection:
            found = connection.scalar(sa.select(LEDGERS.c.lines).where(LEDGERS.c.id == stream))
        return -1 if found is None else int(found)

    def parked(self) -> list[tuple[int, str, int]]:
        """Position, reason and tries of what is parked, oldest first."""
        rows = FOLLOWING.parked_events.c
        with self.journal.database.read() as connection:
            found = connection.execute(
                sa.select(rows.position, rows.reason, rows.tries).order_by(rows.position)
            ).all()
        return [(row.position, row.reason, row.tries) for row in found]

    def follower(self, answering: Answering) -> Follower:
        client = httpx.Client(transport=httpx.MockTransport(answering))
        address = FeedAddress(UPSTREAM, "http://ledger", lambda: "token")
        return Follower("mirror", address, self.sink, client=client)


@contextmanager
def mirror_of(url: str, kind: Kind) -> Iterator[Mirror]:
    """A mirror on a database; a second one on the same database is another process's."""
    with ledger_journal(url) as journal:
        shelf = Shelf(journal.database, FOLLOWING, clock=FixedClock(NOON))
        mirror = Mirror(journal, _Nowhere)  # its sink's handlers tell it what they were given
        if kind == "journal":
            mirror.sink = JournalSink(
                journal,
                shelf,
                EVENTS,
                {
                    Opened: _open,
                    LineWritten: lambda work, foreign: _write(mirror, work, foreign),
                },
            )
        else:
            mirror.sink = TableSink(
                journal.database,
                FOLLOWING,
                shelf,
                EVENTS,
                {Opened, LineWritten},
                lambda connection, facts: _mirrored(mirror, connection, facts),
            )
        yield mirror


_Nowhere: Any = None


def _open(work: Work, foreign: Foreign) -> None:
    ledger = Ledger(foreign.upstream.stream_id)
    ledger.open(act(), _owner(foreign))
    work.save(ledger)


def _write(mirror: Mirror, work: Work, foreign: Foreign) -> None:
    text = _text(mirror, foreign)
    ledger = work.load(Ledger, foreign.upstream.stream_id)
    ledger.write(act(), text)
    work.save(ledger)


def _mirrored(mirror: Mirror, connection: sa.Connection, facts: Sequence[Foreign]) -> None:
    for foreign in facts:
        if isinstance(foreign.fact.data, Opened):
            _insert(connection, foreign)
        else:
            _count(mirror, connection, foreign)


def _insert(connection: sa.Connection, foreign: Foreign) -> None:
    stream = foreign.upstream.stream_id
    connection.execute(sa.insert(LEDGERS).values(id=stream, owner=_owner(foreign), lines=0, number=""))


def _count(mirror: Mirror, connection: sa.Connection, foreign: Foreign) -> None:
    _text(mirror, foreign)
    connection.execute(
        sa.update(LEDGERS).where(LEDGERS.c.id == foreign.upstream.stream_id).values(lines=LEDGERS.c.lines + 1)
    )


def _owner(foreign: Foreign) -> str:
    assert isinstance(foreign.fact.data, Opened)
    return foreign.fact.data.owner


def _text(mirror: Mirror, foreign: Foreign) -> str:
    assert isinstance(foreign.fact.data, LineWritten)
    text = foreign.fact.data.text
    mirror.handled.append(text)
    if mirror.ill[0] and text.startswith(POISON):
        if text.endswith("refused"):
            raise Conflict("ledger_full")
        raise ValueError("cannot be handled")
    return text


def feed_of(service: LedgerService) -> Answering:
    """The real feed of a service in this process, without waiting."""

    def answer(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params) | {"wait": "0"}
        found = service.client.get("/v1/journal/events", params=query, headers=service.headers("service"))
        return httpx.Response(found.status_code, content=found.content, headers=dict(found.headers))

    return answer


def in_turn(answers: Sequence[Answering]) -> Answering:
    """Each answer once, then the last for good."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        return (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer
