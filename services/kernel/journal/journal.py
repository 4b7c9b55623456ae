"""A service's journal: run a command as one unit of work, rebuild aggregates, read by position."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from eventsourcing import persistence
from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import EventStore, JSONTranscoder, Mapper, StoredEvent

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.errors import Conflict, DomainError, Invalid, NotFound, Unavailable
from services.kernel.journal.aggregate import Aggregate, AggregateT
from services.kernel.journal.events import EventRegistry, Fact, microseconds
from services.kernel.journal.projection import Projection
from services.kernel.journal.recorder import JournalRecorder
from services.kernel.journal.rows import Stored
from services.kernel.journal.signal import HeadWatcher, JournalSignal
from services.kernel.journal.tables import FollowingTables, JournalTables
from services.kernel.journal.units import (
    AnswerKey,
    Check,
    Committed,
    CursorStep,
    KeyRow,
    Recorded,
    StoredAnswer,
    Unit,
    Write,
    encode,
)
from services.kernel.telemetry import JOURNAL_HEAD, logger
from services.kernel.trouble import STORE_ERRORS, connection_lost

ATTEMPTS: Final = 3
ResultT = TypeVar("ResultT")


class _RegistryMapper(Mapper[UUID]):
    """The library's mapper over our registry: a stored name can only become a registered class."""

    def __init__(self, registry: EventRegistry) -> None:
        super().__init__(JSONTranscoder())
        self._registry = registry

    def to_stored_event(self, domain_event: object) -> StoredEvent:
        if not isinstance(domain_event, Fact):
            raise TypeError(f"not a fact: {type(domain_event).__name__}")
        return encode(self._registry, domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> Fact:
        return self._registry.decode(stored_event.topic, stored_event.state)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One recorded event as the feed serves it; `recorded_at` is in microseconds since 1970 (UTC)."""

    position: int
    stream_id: UUID
    stream_version: int
    type: str
    recorded_at: int
    record: bytes


class Work:
    """What one command loads and decides. It is made anew for every attempt."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._saved: list[Fact] = []
        self._aggregates: dict[UUID, Aggregate] = {}
        self._writes: list[Write] = []
        self._checks: list[Check] = []
        self._answer: tuple[str, int] | None = None

    @property
    def database(self) -> Database:
        """For the reads a decision needs beside its aggregates."""
        return self._journal.database

    def load(self, kind: type[AggregateT], stream_id: UUID) -> AggregateT:
        """Rebuild an aggregate. Raises `NotFound` (`<kind>_unknown`) when the stream does not exist."""
        return self._journal.load(kind, stream_id)

    def find(self, kind: type[AggregateT], stream_id: UUID) -> AggregateT | None:
        """Rebuild an aggregate, or None when the stream does not exist."""
        try:
            return self._journal.load(kind, stream_id)
        except NotFound:
            return None

    def save(self, *aggregates: Aggregate) -> None:
        """Take the facts that `aggregates` decided into this unit."""
        for aggregate in aggregates:
            self._aggregates[aggregate.id] = aggregate
            self._saved.extend(aggregate.collect_events())

    @property
    def taken(self) -> int:
        """How many facts the unit holds so far."""
        return len(self._saved)

    def write(self, write: Write) -> None:
        """Add a row that stands or falls with the facts."""
        self._writes.append(write)

    def rely_on(self, read: Callable[[sa.Connection], ResultT]) -> ResultT:
        """Read something that the decision rests on and that another unit might change meanwhile.

        It is read again under the ordering lock; another answer makes this unit conflict, so that it is
        decided again on what is true then. For facts outside the aggregates the unit writes.
        """
        with self.database.read() as connection:
            seen = read(connection)

        def check(connection: sa.Connection) -> None:
            if read(connection) != seen:
                raise persistence.IntegrityError("what the decision relied on changed meanwhile")

        self._checks.append(check)
        return seen

    def answer_with(self, aggregate: Aggregate, resource: str | None = None) -> None:
        """Name what the stored answer to the idempotency key presents (by default the aggregate itself)."""
        self._answer = (resource or str(aggregate.id), aggregate.version)

    def numbered(self, committed: Committed) -> None:
        """Tell the aggregates of this unit the numbers that recording gave."""
        for recorded in committed.recorded:
            if recorded.fact.data.numbered is not None:
                self._aggregates[recorded.fact.originator_id].numbered(recorded.fact.data)

    def unit(self, mapper: Mapper[UUID], answer: AnswerKey | None, step: CursorStep | None) -> Unit:
        """The unit of work decided so far."""
        key = None
        if answer is not None:
            resource, version = self._answer or ("", 0)
            key = KeyRow(answer, resource, version)
        events = tuple(mapper.to_stored_event(fact) for fact in self._saved)
        return Unit(events, key, step, tuple(self._writes), tuple(self._checks))


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ResultT]):
    """What a command came to: its result when it ran now, or the stored answer when its key was known."""

    result: ResultT | None
    committed: Committed | None
    replayed: StoredAnswer | None = None


class Journal:
    """The one way to write and the first way to read what a service recorded."""

    def __init__(
        self,
        database: Database,
        registry: EventRegistry,
        tables: JournalTables,
        *,
        clock: Clock,
        projections: Sequence[Projection] = (),
        following: FollowingTables | None = None,
    ) -> None:
        self.database = database
        self.registry = registry
        self.tables = tables
        self.projections = tuple(projections)
        self.signal = JournalSignal()
        self.recorder = JournalRecorder(
            database,
            tables,
            clock=clock,
            projections=projections,
            following=following,
            announce=self.signal.announce,
        )
        self._stored = Stored(tables.events)
        self._mapper = _RegistryMapper(registry)
        self._repository = Repository[UUID](EventStore(self._mapper, self.recorder))
        self.watcher = HeadWatcher(database, self.signal, self.recorder.max_notification_id)

    # --- commands ------------------------------------------------------------------------------------

    def transact(
        self,
        decide: Callable[[Work], ResultT],
        *,
        answer: AnswerKey | None = None,
        step: CursorStep | None = None,
        attempts: int = ATTEMPTS,
    ) -> Outcome[ResultT]:
        """Decide and commit as one unit; on a conflict decide again, up to `attempts` times.

        A known idempotency key gives the stored answer, whether the decision now fails or conflicts.
        Raises what `decide` raises, `Invalid` (`idempotency_key_reused`) for a key with another body,
        `Conflict` (`changed_meanwhile`) when every attempt met another writer, and `Unavailable`.
        """
        for attempt in range(1, attempts + 1):
            try:
                work, result = self._decided(decide)
                committed = self.recorder.commit(work.unit(self._mapper, answer, step))
            except DomainError:
                if (stored := self.stored_answer(answer)) is not None:
                    return Outcome(None, None, stored)
                raise
            except persistence.IntegrityError:
                if (stored := self.stored_answer(answer)) is not None:
                    return Outcome(None, None, stored)
                if attempt == attempts:
                    raise Conflict("changed_meanwhile") from None
                continue
            except STORE_ERRORS as error:
                logger.error("the store did not answer", exc_info=error)
                raise Unavailable("store_unavailable") from error
            work.numbered(committed)
            return Outcome(result, committed)
        raise AssertionError("unreachable: every attempt returns or raises")

    def _decided(self, decide: Callable[[Work], ResultT]) -> tuple[Work, ResultT]:
        """Decide; once more where the store ended the connection that was read from, for nothing was sent."""
        for is_last in (False, True):
            work = Work(self)
            try:
                with self.database.reading_together():
                    return work, decide(work)
            except sa.exc.DBAPIError as error:
                if is_last or not connection_lost(error):
                    raise
        raise AssertionError("unreachable: the second time returns or raises")

    def stored_answer(self, answer: AnswerKey | None) -> StoredAnswer | None:
        """What was answered to this key before, if anything.

        Raises `Invalid` (`idempotency_key_reused`) when the key came with another body.
        """
        if answer is None:
            return None
        keys = self.tables.idempotency_keys.c
        with self.database.read() as connection:
            row = connection.execute(
                sa.select(
                    keys.body_digest, keys.status, keys.resource, keys.stream_version, keys.position
                ).where(
                    keys.principal == answer.principal,
                    keys.operation == answer.operation,
                    keys.key == answer.key,
                )
            ).one_or_none()
        if row is None:
            return None
        if row.body_digest != answer.body_digest:
            raise Invalid("idempotency_key_reused")
        return StoredAnswer(*row)

    # --- reading -------------------------------------------------------------------------------------

    def load(self, kind: type[AggregateT], stream_id: UUID, *, version: int | None = None) -> AggregateT:
        """Rebuild an aggregate, optionally as it was at `version`. Raises `NotFound`."""

        def project(start: AggregateT | None, facts: Iterable[Any]) -> AggregateT | None:
            aggregate = start
            for fact in facts:
                if aggregate is None:
                    if not isinstance(fact.data, kind.born_of):
                        return None  # the stream of something else
                    aggregate = kind(stream_id)
                aggregate.apply(fact)
            return aggregate

        try:
            found = self._repository.get(stream_id, version=version, projector_func=project)
        except AggregateNotFoundError:
            raise NotFound(f"{kind.__name__.lower()}_unknown", id=str(stream_id)) from None
        if not isinstance(found, kind):
            raise NotFound(f"{kind.__name__.lower()}_unknown", id=str(stream_id))
        return found

    def facts_of(self, stream_id: UUID) -> list[Recorded]:
        """Every recorded fact of one stream, oldest first."""
        return [self._recorded(row) for row in self._rows(self.tables.events.c.stream_id == stream_id)]

    def after(self, position: int, limit: int) -> list[JournalRow]:
        """At most `limit` contiguous events after `position`."""
        return self._rows(self.tables.events.c.position > position, limit)

    def replay(self, *, page: int = 5_000, after: int = 0, to: int | None = None) -> Iterator[list[Recorded]]:
        """The whole journal as decoded facts, page by page, in order."""
        decode = self.registry.decode
        last = self.head() if to is None else to
        while after < last:
            upper = min(after + page, last)
            with self.database.read() as connection:
                rows = self._stored.between(connection, after, upper)
            if len(rows) != upper - after:
                raise ValueError(f"the journal lacks a position between {after} and {upper}")
            after = upper
            yield [
                Recorded(position, recorded_at, record, decode(name, record))
                for position, recorded_at, record, name in rows
            ]

    def head(self) -> int:
        """The last position, 0 while the journal is empty."""
        return self.recorder.max_notification_id() or 0

    def position_at(self, instant: datetime) -> int:
        """The last position recorded at or before an instant (an instant names exactly one position).

        Recorded instants increase with positions, so a bisection of about twenty look-ups finds it and the
        journal needs no further index. For an instant behind the head the ordering lock is waited for: a unit
        that is being committed may have been given an earlier instant.
        """
        wanted = microseconds(instant)
        events = self.tables.events.c
        query = sa.select(events.recorded_at).where(events.position == sa.bindparam("position"))

        def recorded_at(position: int) -> int:
            return int(connection.execute(query, {"position": position}).scalar_one())

        with self.database.read() as connection:
            head = self.head()
            if head and recorded_at(head) > wanted:
                return bisect_right(range(1, head + 1), wanted, key=recorded_at)
        head = self.recorder.settled_head()
        with self.database.read() as connection:
            return bisect_right(range(1, head + 1), wanted, key=recorded_at)

    def _recorded(self, row: JournalRow) -> Recorded:
        return Recorded(row.position, row.recorded_at, row.record, self.registry.decode(row.type, row.record))

    def _rows(self, condition: sa.ColumnElement[bool], limit: int | None = None) -> list[JournalRow]:
        events = self.tables.events.c
        query = sa.select(
            events.position,
            events.stream_id,
            events.stream_version,
            events.type,
            events.recorded_at,
            events.record,
        )
        query = query.where(condition).order_by(events.position).limit(limit)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return [JournalRow(row[0], row[1], row[2], row[3], row[4], bytes(row[5])) for row in rows]

    def start(self) -> None:
        """Begin to watch for what other processes record, and to tell the head as a metric."""
        service = self.registry.source.rpartition(":")[2]
        JOURNAL_HEAD.labels(service).set_function(lambda: self.signal.head)
        self.watcher.start()

    def close(self) -> None:
        """Stop watching and close the connections."""
        self.watcher.stop()
        self.database.close()
