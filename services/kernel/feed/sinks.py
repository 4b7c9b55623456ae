"""Where a follower's effects go: into a service's own journal, or into its ordinary tables."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.errors import Conflict, Unavailable
from services.kernel.feed.upstream import UNREADABLE, Foreign, Upstream, decoded, header_in
from services.kernel.journal.events import Event, EventRegistry, microseconds
from services.kernel.journal.journal import Journal, Work
from services.kernel.journal.tables import FollowingTables
from services.kernel.journal.units import CursorStep, Recorded, Write

WorkHandler = Callable[[Work, Foreign], None]
TableHandler = Callable[[sa.Connection, Sequence[Foreign]], None]
"""Writes the effects of events, in their order, each as of the state that those before it left."""


class Shelf:
    """The follower's tables: positions and parked events, for either kind of sink."""

    def __init__(self, database: Database, tables: FollowingTables, *, clock: Clock) -> None:
        self._database = database
        self._tables = tables
        self._clock = clock

    def position(self, upstream: str) -> int:
        """How far an upstream has been handled; a new one starts at 0."""
        cursors = self._tables.cursors
        with self._database.read() as connection:
            found = connection.execute(
                sa.select(cursors.c.position).where(cursors.c.upstream == upstream)
            ).scalar_one_or_none()
        if found is not None:
            return int(found)
        dialect = postgresql if self._database.is_postgresql else sqlite
        with self._database.write() as connection:
            insert = dialect.insert(cursors).values(upstream=upstream, position=0)
            connection.execute(insert.on_conflict_do_nothing())
        return 0

    def parked(self, upstream: str) -> list[Upstream]:
        """The parked events of an upstream, oldest first."""
        rows = self._tables.parked_events
        with self._database.read() as connection:
            found = connection.execute(
                sa.select(rows.c.position, rows.c.type, rows.c.record, rows.c.confidential)
                .where(rows.c.upstream == upstream)
                .order_by(rows.c.position)
            ).all()
        return [_parked(*row) for row in found]

    def park(self, connection: sa.Connection, event: Upstream, upstream: str, reason: str) -> None:
        """Keep an event for later."""
        connection.execute(
            sa.insert(self._tables.parked_events).values(
                upstream=upstream,
                position=event.position,
                stream_id=event.stream_id,
                type=event.header.type,
                record=event.record,
                confidential=bool(event.confidential),
                reason=reason,
                parked_at=microseconds(self._clock.now()),
                tries=1,
            )
        )

    def take(self, connection: sa.Connection, event: Upstream, upstream: str) -> None:
        """Take a parked event off the shelf. Raises `Unavailable` when another worker already did."""
        rows = self._tables.parked_events
        taken = connection.execute(
            sa.delete(rows).where(rows.c.upstream == upstream, rows.c.position == event.position)
        )
        if taken.rowcount != 1:
            raise Unavailable("parked_event_taken")

    def failed_again(self, event: Upstream, upstream: str, reason: str) -> None:
        """Count another failed try of a parked event."""
        rows = self._tables.parked_events
        with self._database.write() as connection:
            connection.execute(
                sa.update(rows)
                .where(rows.c.upstream == upstream, rows.c.position == event.position)
                .values(tries=rows.c.tries + 1, reason=reason)
            )


def _parked(position: int, type_name: str, record: bytes, confidential: bool) -> Upstream:
    """A parked event; what it told in confidence is not kept here, so that it need not be erased here."""
    header = header_in(record, "")
    return Upstream(position, header, record, is_whole=type_name != UNREADABLE and not confidential)


def _ignored(registry: EventRegistry, kinds: Container[type[Event]]) -> frozenset[str]:
    """The known type names, present and former, without an effect here."""
    without = [kind for kind in registry.classes().values() if kind not in kinds]
    return frozenset(name for kind in without for name in registry.names_of(kind))


class JournalSink:
    """Effects decided as units of work of this service's own journal."""

    at_once = 1

    def __init__(
        self,
        journal: Journal,
        shelf: Shelf,
        registry: EventRegistry,
        handlers: Mapping[type[Event], WorkHandler],
    ) -> None:
        self._journal = journal
        self._shelf = shelf
        self._registry = registry
        self._handlers = handlers
        self._ignored = _ignored(registry, handlers)

    @property
    def source(self) -> str:
        """See `Sink`."""
        return self._registry.source

    def position(self, upstream: str) -> int:
        """See `Sink`."""
        return self._shelf.position(upstream)

    def handles(self, type_name: str) -> bool:
        """True for types with a handler and for unknown ones, which must park rather than pass unseen."""
        return type_name not in self._ignored

    def apply(self, event: Upstream, step: CursorStep) -> None:
        """See `Sink`."""
        self._run(lambda work: self._handle(work, event), step)

    def apply_all(self, events: Sequence[Upstream], step: CursorStep) -> None:
        """See `Sink`: a decision reads what the one before it recorded, so there is never more than one."""
        (event,) = events
        self.apply(event, step)

    def skip(self, step: CursorStep) -> None:
        """See `Sink`."""
        self._run(lambda _work: None, step)

    def park(self, event: Upstream, step: CursorStep, reason: str) -> None:
        """See `Sink`."""
        self._run(lambda work: work.write(self._parking(event, step.upstream, reason)), step)

    def parked(self, upstream: str) -> Sequence[Upstream]:
        """See `Sink`."""
        return self._shelf.parked(upstream)

    def retry(self, event: Upstream, upstream: str) -> None:
        """See `Sink`."""

        def decide(work: Work) -> None:
            self._handle(work, event)
            work.write(lambda connection, _recorded: self._shelf.take(connection, event, upstream))

        self._run(decide, None)

    def retry_failed(self, event: Upstream, upstream: str, reason: str) -> None:
        """See `Sink`."""
        self._shelf.failed_again(event, upstream, reason)

    def _handle(self, work: Work, event: Upstream) -> None:
        foreign = decoded(event, self._registry)
        handler = self._handlers.get(type(foreign.fact.data))
        if handler is not None:
            handler(work, foreign)

    def _run(self, decide: Callable[[Work], None], step: CursorStep | None) -> None:
        try:
            self._journal.transact(decide, step=step)
        except Conflict as error:
            if error.code == "changed_meanwhile":  # another worker moved on; read the position again
                raise Unavailable("position_moved") from error
            raise

    def _parking(self, event: Upstream, upstream: str, reason: str) -> Write:
        def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
            self._shelf.park(connection, event, upstream, reason)

        return write


class TableSink:
    """Effects written straight into a service's tables, for a service without a journal."""

    at_once = 100

    def __init__(
        self,
        database: Database,
        tables: FollowingTables,
        shelf: Shelf,
        registry: EventRegistry,
        kinds: Container[type[Event]],
        handle: TableHandler,
    ) -> None:
        self._database = database
        self._cursors = tables.cursors
        self._shelf = shelf
        self._registry = registry
        self._kinds = kinds
        self._handle = handle
        self._ignored = _ignored(registry, kinds)

    @property
    def source(self) -> str:
        """See `Sink`."""
        return self._registry.source

    def position(self, upstream: str) -> int:
        """See `Sink`."""
        return self._shelf.position(upstream)

    def handles(self, type_name: str) -> bool:
        """True for types with a handler and for unknown ones, which must park rather than pass unseen."""
        return type_name not in self._ignored

    def apply(self, event: Upstream, step: CursorStep) -> None:
        """See `Sink`."""
        self.apply_all([event], step)

    def apply_all(self, events: Sequence[Upstream], step: CursorStep) -> None:
        """See `Sink`."""
        with self._moving(step) as connection:
            self._handle(connection, self._decoded(events))

    def skip(self, step: CursorStep) -> None:
        """See `Sink`."""
        with self._moving(step):
            return

    def park(self, event: Upstream, step: CursorStep, reason: str) -> None:
        """See `Sink`."""
        with self._moving(step) as connection:
            self._shelf.park(connection, event, step.upstream, reason)

    def parked(self, upstream: str) -> Sequence[Upstream]:
        """See `Sink`."""
        return self._shelf.parked(upstream)

    def retry(self, event: Upstream, upstream: str) -> None:
        """See `Sink`."""
        cursors = self._cursors
        with self._database.write() as connection:
            # Whoever follows this upstream meanwhile waits: effects rest on what those before them left.
            held = sa.select(cursors.c.position).where(cursors.c.upstream == upstream)
            connection.execute(held.with_for_update())
            self._handle(connection, self._decoded([event]))
            self._shelf.take(connection, event, upstream)

    def retry_failed(self, event: Upstream, upstream: str, reason: str) -> None:
        """See `Sink`."""
        self._shelf.failed_again(event, upstream, reason)

    def _decoded(self, events: Sequence[Upstream]) -> list[Foreign]:
        found = [decoded(event, self._registry) for event in events]
        return [foreign for foreign in found if type(foreign.fact.data) in self._kinds]

    @contextmanager
    def _moving(self, step: CursorStep) -> Iterator[sa.Connection]:
        with self._database.write() as connection:
            cursors = self._cursors
            moved = connection.execute(
                sa.update(cursors)
                .where(cursors.c.upstream == step.upstream, cursors.c.position == step.previous)
                .values(position=step.position)
            )
            if moved.rowcount != 1:
                raise Unavailable("position_moved")
            yield connection
