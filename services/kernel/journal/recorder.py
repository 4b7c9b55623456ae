"""The recorder under the event sourcing library: SQLAlchemy Core, the same on SQLite and PostgreSQL.

Writes go through one group-committing leader per process and one ordering lock per database, so positions
are contiguous, recorded instants strictly increase, and a later position is never visible before an earlier
one. Events, idempotency keys, read models and upstream positions commit together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
import sqlalchemy as sa
from eventsourcing import persistence
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.committer import GroupCommitter
from services.kernel.journal.events import microseconds
from services.kernel.journal.projection import Projection
from services.kernel.journal.rows import BulkInsert, Stored, outgoing
from services.kernel.journal.stores import Head, PostgreSQLStore, SQLiteStore, Store
from services.kernel.journal.tables import FollowingTables, JournalTables
from services.kernel.journal.units import Committed, CursorStep, EncodedEvent, KeyRow, Recorded, Unit
from services.kernel.trouble import connection_lost

_TRANSLATED: Final = (
    (sa.exc.IntegrityError, persistence.IntegrityError),
    (sa.exc.DataError, persistence.DataError),
    (sa.exc.InternalError, persistence.InternalError),
    (sa.exc.ProgrammingError, persistence.ProgrammingError),
    (sa.exc.InterfaceError, persistence.InterfaceError),
    (sa.exc.OperationalError, persistence.OperationalError),
    (sa.exc.TimeoutError, persistence.OperationalError),
    (sa.exc.DatabaseError, persistence.DatabaseError),
    (sa.exc.SQLAlchemyError, persistence.PersistenceError),
    (psycopg.IntegrityError, persistence.IntegrityError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.InterfaceError, persistence.InterfaceError),
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.Error, persistence.DatabaseError),
)

MAX_VERSION: Final = 2**31 - 1

_OUTCOME_UNKNOWN: Final = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
"""After one of these the COMMIT may have happened all the same."""

_SHARE_ORDER: Final = sa.text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended(current_schema() || '.journal', 0))"
)
"""Waits for the ordering lock's holder only (`journal_head` takes it)."""


class JournalRecorder(ApplicationRecorder):
    """Stores the events of one service and serves them by stream and by position.

    `announce` is called with the new head after every commit (to wake feeds); it must not block.
    """

    def __init__(
        self,
        database: Database,
        tables: JournalTables,
        *,
        clock: Clock,
        projections: Sequence[Projection] = (),
        following: FollowingTables | None = None,
        announce: Callable[[int], None] = lambda _position: None,
    ) -> None:
        self.database = database
        self.tables = tables
        self._clock = clock
        self._projections = tuple(projections)
        self._following = following
        self._announce = announce
        self._committer = GroupCommitter(self._write)
        self._prepare_statements()

    def _prepare_statements(self) -> None:
        events = self.tables.events
        self._events = BulkInsert(events)
        self._keys = BulkInsert(self.tables.idempotency_keys)
        self._store: Store = PostgreSQLStore() if self.database.is_postgresql else SQLiteStore(self.tables)
        self._head = (
            sa.select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
        )
        self._stored = Stored(events)

    # --- writing -------------------------------------------------------------------------------------

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events (the library's interface). Raises the library's `IntegrityError` on a conflict."""
        if not stored_events:
            return []
        first = self.commit(Unit(events=tuple(stored_events))).position - len(stored_events) + 1
        return list(range(first, first + len(stored_events)))

    def commit(self, unit: Unit) -> Committed:
        """Commit one unit of work, possibly in one transaction with others.

        Raises the library's `IntegrityError` when a stream version, key, upstream position or set rule was
        taken meanwhile, and its `OperationalError` when the store could not answer.
        """
        try:
            return self._committer.commit(unit)
        except (sa.exc.SQLAlchemyError, psycopg.Error) as error:
            for theirs, ours in _TRANSLATED:
                if isinstance(error, theirs):
                    raise ours(str(error)) from error
            raise

    def _write(self, units: Sequence[Unit], *, again: bool = True) -> list[Committed]:
        """Commit all `units` in one transaction, or none. An unknown outcome is settled by reading back.

        A connection that was found ended before anything was sent is replaced `again`.
        """
        outcomes: list[Committed] = []
        try:
            with self.database.write() as connection:
                head = self._store.lock(connection, _numbers_wanted(units))
                for check in units[0].checks:  # only the first of a batch has any: see `GroupCommitter`
                    check(connection)
                outcomes, events, keys = self._placed(units, head)
                self._step(connection, [unit.step for unit in units if unit.step is not None])
                with outgoing(connection) as held:
                    self._fold(connection, units, outcomes)
                    self._events(connection, events)
                    self._keys(connection, keys)
                    if held is not None:
                        held.commit()
        except _OUTCOME_UNKNOWN as error:
            if again and not outcomes and connection_lost(error):
                return self._write(units, again=False)
            if not (outcomes and self._was_committed(outcomes)):
                raise
        if outcomes:
            self._announce(outcomes[-1].position)
        return outcomes

    def hold_order(self, connection: sa.Connection) -> int:
        """Take the ordering lock in a transaction of the caller's; returns the head position."""
        return self._store.lock(connection, {}).position

    def settled_head(self) -> int:
        """The head once nothing is being committed; later records have later instants than the clock's now.

        Readers share the lock on PostgreSQL; on SQLite only the writer's own lock tells.
        """
        if not self.database.is_postgresql:
            with self.database.write() as connection:
                return self.hold_order(connection)
        with self.database.write() as connection:
            connection.execute(_SHARE_ORDER)
            head = connection.execute(self._head).one_or_none()
        return 0 if head is None else int(head[0])

    def _placed(
        self, units: Sequence[Unit], head: Head
    ) -> tuple[list[Committed], list[dict[str, Any]], list[dict[str, Any]]]:
        """Give every event its position, instant and number; returns outcomes, event rows and key rows."""
        now = microseconds(self._clock.now())
        position, recorded_at, numbers = head.position, head.recorded_at, dict(head.numbers)
        outcomes: list[Committed] = []
        rows: list[dict[str, Any]] = []
        for unit in units:
            recorded: list[Recorded] = []
            for event in unit.events:
                position, recorded_at = position + 1, max(now, recorded_at + 1)
                record = event.state
                if isinstance(event, EncodedEvent):
                    done = event.recorded(position, recorded_at, _next_number(numbers, event))
                    recorded.append(done)
                    record = done.record
                rows.append(_event_row(event, position, recorded_at, record))
            outcomes.append(Committed(tuple(recorded), position))
        keys = [
            _answer_row(unit.key, committed.position, now)
            for unit, committed in zip(units, outcomes, strict=True)
            if unit.key is not None
        ]
        return outcomes, rows, keys

    def _step(self, connection: sa.Connection, steps: Sequence[CursorStep]) -> None:
        """Move upstream positions, each from exactly where the follower read it."""
        if not steps:
            return
        if self._following is None:
            raise TypeError("this journal follows no other")
        cursors = self._following.cursors
        for step in steps:
            moved = connection.execute(
                sa.update(cursors)
                .where(cursors.c.upstream == step.upstream, cursors.c.position == step.previous)
                .values(position=step.position)
            )
            if moved.rowcount != 1:
                raise persistence.IntegrityError(f"{step.upstream} is no longer at {step.previous}")

    def _fold(self, connection: sa.Connection, units: Sequence[Unit], outcomes: Sequence[Committed]) -> None:
        facts = [recorded for committed in outcomes for recorded in committed.recorded]
        if facts:
            for projection in self._projections:
                projection.fold(facts, connection)
        for unit, committed in zip(units, outcomes, strict=True):
            for write in unit.writes:
                write(connection, committed.recorded)

    def _was_committed(self, outcomes: Sequence[Committed]) -> bool:
        """After a connection broke during COMMIT: is the batch's last record in the journal?

        A batch commits whole and every record holds a unique event id, so one record answers for all. A
        batch without events cannot be told apart and counts as not committed: its follower reads the same
        upstream event again, and the compare-and-set of its position decides. The broken session holds the
        ordering lock until its outcome is final, so the look waits for that lock.
        """
        recorded = [fact for committed in outcomes for fact in committed.recorded]
        if not recorded:
            return False
        events = self.tables.events
        with self.database.write() as connection:
            self.hold_order(connection)
            found = connection.execute(
                sa.select(events.c.record).where(events.c.position == recorded[-1].position)
            ).scalar_one_or_none()
        return found is not None and bytes(found) == recorded[-1].record

    # --- reading -------------------------------------------------------------------------------------

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one stream (the library's interface)."""
        stream = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
        bounds = (-1 if gt is None else gt, MAX_VERSION if lte is None else lte)
        with self.database.read() as connection:
            rows = self._stored.stream(connection, stream, *bounds)
        found = [StoredEvent(stream, version, name, bytes(record)) for version, name, record in rows]
        return (found[::-1] if desc else found)[:limit]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position (the library's interface; its notification is any recorded event)."""
        events = self.tables.events.c
        query = (
            sa.select(events.stream_id, events.stream_version, events.type, events.record, events.position)
            .order_by(events.position)
            .limit(limit)
        )
        if start is not None:
            query = query.where(events.position >= start if inclusive_of_start else events.position > start)
        if stop is not None:
            query = query.where(events.position <= stop)
        if topics:
            query = query.where(events.type.in_(list(topics)))
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return [Notification(row[0], row[1], row[2], bytes(row[3]), row[4]) for row in rows]

    def max_notification_id(self) -> int | None:
        """The head position, or None while the journal is empty (the library's interface)."""
        with self.database.read() as connection:
            head = connection.execute(self._head).one_or_none()
        return None if head is None else int(head[0])

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        """Refused: followers read the feed, which keeps effect and position in one transaction."""
        raise persistence.NotSupportedError("follow the feed instead (services.kernel.feed)")


def _numbers_wanted(units: Sequence[Unit]) -> dict[str, int]:
    """How many human numbers of each sequence a batch needs."""
    wanted: dict[str, int] = {}
    for unit in units:
        for event in unit.events:
            if isinstance(event, EncodedEvent) and event.sequence is not None:
                wanted[event.sequence] = wanted.get(event.sequence, 0) + 1
    return wanted


def _next_number(numbers: dict[str, int], event: EncodedEvent) -> int | None:
    if event.sequence is None:
        return None
    numbers[event.sequence] += 1
    return numbers[event.sequence]


def _event_row(event: StoredEvent, position: int, recorded_at: int, record: bytes) -> dict[str, Any]:
    return {
        "position": position,
        "stream_id": event.originator_id,
        "stream_version": event.originator_version,
        "type": event.topic,
        "recorded_at": recorded_at,
        "record": record,
    }


def _answer_row(key: KeyRow, position: int, now: int) -> dict[str, Any]:
    answer = key.answer
    return {
        "principal": answer.principal,
        "operation": answer.operation,
        "key": answer.key,
        "body_digest": answer.body_digest,
        "status": answer.status,
        "resource": key.resource,
        "stream_version": key.stream_version,
        "position": position,
        "stored_at": now,
    }
