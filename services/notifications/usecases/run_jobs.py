"""Run jobs, a page at a time: each page's deliveries and how far the job came commit together.

So a killed process loses nothing and makes nothing twice: whoever goes on compares how far the job had come
in the transaction that moves it. No page is made while many of the job's deliveries wait, so that a long
replay stays behind new events and can be cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Protocol

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.feed.following import Upstream
from services.kernel.journal.events import instant_text, microseconds
from services.kernel.journal.rows import Row
from services.kernel.telemetry import logger
from services.kernel.trouble import STORE_TROUBLE
from services.notifications.adapters.register_feed import FeedUnread
from services.notifications.delivery_tables import JOBS
from services.notifications.domain.filters import Filter
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.jobs import Asked, asked_of
from services.notifications.usecases.queue_deliveries import (
    FILTER_COLUMNS,
    WAITING,
    delivery_row,
    event_row,
    filter_of,
    hold_events,
    keep_events,
    line_up,
)

PAGE: Final = 200
MOST_WAITING: Final = 500
POLL_SECONDS: Final = 1.0
JOBS_AT_ONCE: Final = 50


class Feed(Protocol):
    """The register's journal, read from any position."""

    def read(self, after: int, limit: int) -> tuple[Sequence[Upstream], int]:
        """At most `limit` events after a position, and the journal's head. Raises `FeedUnread`."""


Matching = Callable[[sa.Connection, Sequence[Upstream], Filter], list[Upstream]]
"""Which events of the journal meet a filter."""


class Jobs:
    """The background task of the elected process."""

    def __init__(
        self, database: Database, feed: Feed, matching: Matching, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._feed = feed
        self._matching = matching
        self._clock = clock
        self._wake = wake

    def run(self) -> float:
        """Move each running job on by a page; returns the seconds until the next look."""
        able = _RUNNING.where(_WAITING < MOST_WAITING).limit(JOBS_AT_ONCE)
        with self._database.read() as connection:
            running = connection.execute(able).mappings().all()
        moved = [self._moved(job) for job in running]
        if any(moved):
            self._wake()
            return 0.0
        return POLL_SECONDS

    def _moved(self, job: sa.RowMapping) -> bool:
        try:
            return self._recover(job) if job["kind"] == "recover" else self._replay(job)
        except FeedUnread as error:
            trouble = str(error)
        except STORE_TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001  # what cannot be read or written stops no other owner's job
            refused = isinstance(error, sa.exc.SQLAlchemyError)
            trouble = "write_refused" if refused else "event_unreadable"
            if job["trouble"] != trouble:  # it is tried again every second
                logger.error("job failed", exc_info=error, extra={"job": job["job_id"]})
        with self._database.write() as connection:
            self._move(connection, job, {"trouble": trouble})
        return False

    # --- recovery ------------------------------------------------------------------------------------

    def _recover(self, job: sa.RowMapping) -> bool:
        columns, asked = DELIVERIES.c, asked_of(job)
        with self._database.write() as connection:
            self._subscription(connection, job)
            after = max(job["reached"], first_id(asked.since))
            found = connection.execute(
                sa.select(columns.delivery_id, columns.event_id, columns.subject)
                .where(
                    columns.subscription_id == job["subscription_id"],
                    columns.state == sa.literal_column("'exhausted'", sa.Text),
                    columns.kind == "event",
                    columns.delivery_id > after,
                    columns.delivery_id <= job["until"],
                )
                .order_by(columns.delivery_id)
                .limit(PAGE)
            ).all()
            reached = found[-1].delivery_id if found else job["until"]
            wanted = {row.event_id: row.subject for row in found}  # one is enough of what was given up twice
            kept = hold_events(connection, wanted) - _made(connection, job, wanted)
            rows = [self._row(job, name, subject) for name, subject in wanted.items() if name in kept]
            over = len(found) < PAGE
            return self._move(connection, job, {"reached": reached}, rows, over=over)

    # --- replay --------------------------------------------------------------------------------------

    def _replay(self, job: sa.RowMapping) -> bool:
        asked = asked_of(job)
        if job["until"] is None:
            return self._settle(job, asked)
        reached, until = int(job["reached"]), int(job["until"])
        events, _head = self._feed.read(reached, min(PAGE, max(until - reached, 1)))
        events = [event for event in events if event.position <= until]
        if not events:  # what was there when the replay began is not there now
            raise FeedUnread("register_behind")
        with self._database.write() as connection:
            subscription = self._subscription(connection, job)
            wanted = filter_of(subscription) if asked.filter is None else _filter(asked.filter)
            chosen = self._matching(connection, events, wanted)
            kept = [event_row(one.header.id, one.header.type, one.record, one.position) for one in chosen]
            keep_events(connection, kept)
            if len(hold_events(connection, [row["event_id"] for row in kept])) < len(kept):
                keep_events(connection, kept)  # some were pruned just now
            position = events[-1].position
            in_order = subscription.ordering == "fifo"
            rows = [
                self._row(job, event.header.id, event.header.subject if in_order else None)
                for event in chosen
            ]
            change: dict[str, object] = {"reached": str(position)}
            moved = self._move(connection, job, change, rows, over=position >= until)
            if moved and position >= until:
                _note_caught_up(connection, job["subscription_id"], asked)
            return moved

    def _settle(self, job: sa.RowMapping, asked: Asked) -> bool:
        """Fix, before the first page, where the replay begins and ends."""
        _events, head = self._feed.read(0, 1)
        until = head if asked.until_position is None else min(asked.until_position, head)
        before = job["reached"]
        if before is None:
            before = str(self._before(asked.from_time or 0, head))
        with self._database.write() as connection:
            self._subscription(connection, job)
            over = int(before) >= until
            moved = self._move(connection, job, {"reached": before, "until": str(until)}, over=over)
            if moved and over:
                _note_caught_up(connection, job["subscription_id"], asked)
            return moved

    def _before(self, from_time: int, head: int) -> int:
        """The last position recorded before an instant: positions and times of record grow together."""
        low, high, instant = 0, head, instant_text(from_time)
        while low < high:
            middle = (low + high) // 2
            events, _head = self._feed.read(middle, 1)
            if events and events[0].header.time < instant:
                low = middle + 1
            else:
                high = middle
        return low

    # --- what both do --------------------------------------------------------------------------------

    def _subscription(self, connection: sa.Connection, job: sa.RowMapping) -> sa.Row[*tuple[Any, ...]]:
        """The job's subscription, held before its endpoint and its job are, as by every command."""
        query = _SUBSCRIPTION.where(SUBSCRIPTIONS.c.subscription_id == job["subscription_id"])
        return connection.execute(query.with_for_update(key_share=True)).one()

    def _row(self, job: sa.RowMapping, event_id: str, subject: str | None = None) -> Row:
        now, name = microseconds(self._clock.now()), job["subscription_id"]
        return delivery_row(name, event_id, "event", now, job_id=job["job_id"], subject=subject)

    def _move(
        self,
        connection: sa.Connection,
        job: sa.RowMapping,
        change: dict[str, object],
        rows: Sequence[Row] = (),
        *,
        over: bool = False,
    ) -> bool:
        """Write a page if the job still stands where it was read; False when it was cancelled or moved."""
        ended = {"state": "done", "ended_at": microseconds(self._clock.now())} if over else {}
        moved = connection.execute(
            sa.update(JOBS)
            .where(
                JOBS.c.job_id == job["job_id"],
                JOBS.c.state == "running",
                JOBS.c.reached.is_not_distinct_from(job["reached"]),
            )
            .values({"trouble": None, **change, **ended, "queued": JOBS.c.queued + len(rows)})
        )
        if moved.rowcount != 1:
            return False
        line_up(connection, rows)
        if rows:
            connection.execute(sa.insert(DELIVERIES), list(rows))
        return "trouble" not in change


def _note_caught_up(connection: sa.Connection, subscription_id: str, asked: Asked) -> None:
    """All of what a subscription asks for is queued again from a position on: nothing behind it is missed."""
    whole = asked.filter is None and asked.until_position is None
    if whole and asked.from_position is not None:
        caught_up = sa.and_(
            SUBSCRIPTIONS.c.subscription_id == subscription_id,
            SUBSCRIPTIONS.c.missed_from >= asked.from_position,
        )
        noted = sa.update(SUBSCRIPTIONS).where(caught_up)
        connection.execute(noted.values(missed_from=None, version=SUBSCRIPTIONS.c.version + 1))


def _made(connection: sa.Connection, job: sa.RowMapping, events: Collection[str]) -> set[str]:
    """Those of the events of which the job made a delivery with an earlier page."""
    columns = DELIVERIES.c
    made = sa.select(columns.event_id).where(
        columns.event_id.in_(events),
        columns.subscription_id == job["subscription_id"],
        columns.job_id == job["job_id"],
    )
    return set(connection.execute(made).scalars())


def _filter(values: dict[str, Any]) -> Filter:
    return Filter(**{**values, "event_types": tuple(values.get("event_types") or ())})


def first_id(since: int | None) -> str:
    """The least id of a delivery made at an instant: UUIDv7 begins with the milliseconds."""
    if since is None:
        return ""
    digits = f"{max(since, 0) // 1_000:012x}"
    return f"{digits[:8]}-{digits[8:]}"


_SUBSCRIPTION: Final = sa.select(SUBSCRIPTIONS.c.ordering, *FILTER_COLUMNS)
_WAITING: Final = (
    sa.select(sa.func.count())
    .select_from(DELIVERIES)
    .where(
        DELIVERIES.c.job_id == JOBS.c.job_id,
        DELIVERIES.c.job_id != sa.literal_column("''", sa.Text),
        DELIVERIES.c.state.in_(WAITING),
    )
    .correlate(JOBS)
    .scalar_subquery()
)
_RUNNING: Final = (
    sa.select(JOBS).where(JOBS.c.state == sa.literal_column("'running'", sa.Text)).order_by(JOBS.c.job_id)
)
