"""Queue one delivery of each event for each subscription that asked for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from services.kernel.feed.following import Foreign
from services.kernel.journal.events import new_event_id
from services.kernel.journal.rows import BulkInsert, BulkUpsert, Row
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.filters import Concerns, Filter
from services.notifications.domain.lines import never_behind
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS

OWN, NEW, AGAIN = 0, 1, 2
"""Priorities: what asks for consent, and tests; first tries of events; what is made again."""
OWN_KINDS: Final = frozenset({"challenge", "handshake", "test"})
FILTER_COLUMNS: Final = (
    SUBSCRIPTIONS.c.event_types,
    SUBSCRIPTIONS.c.bin,
    SUBSCRIPTIONS.c.product_id,
    SUBSCRIPTIONS.c.status,
    SUBSCRIPTIONS.c.region,
    SUBSCRIPTIONS.c.track,
)
_COLLECTING: Final = ("pending", "active", "paused")
EVENTS_AT_ONCE: Final = 20
_FIRST_TRY: Final[Row] = {
    "kind": "event",
    "attempts": 0,
    "lease": None,
    "leased_until": 0,
    "lease_owner": None,
    "priority": NEW,
    "job_id": "",
}
_QUEUE: Final = BulkInsert(
    DELIVERIES,
    same=_FIRST_TRY,
    plain={"delivery_id", "subscription_id", "event_id", "state", "subject"},
)
_KEEP: Final = BulkUpsert(EVENTS, replace=False)
WAITING: Final = ("pending", "waiting")
"""The states of a delivery that is not over."""
NOT_OVER: Final = "deliveries.subject IS NOT NULL AND deliveries.state IN ('pending', 'waiting')"
"""What lines are of. As the index of lines says it, so that every plan knows it."""
_LINES: Final = sa.text(
    f"""
    SELECT line.endpoint, line.subject
    FROM unnest(CAST(:endpoints AS text[]), CAST(:subjects AS text[])) AS line(endpoint, subject)
    CROSS JOIN LATERAL (
        SELECT FROM deliveries
        WHERE subscription_id = line.endpoint AND deliveries.subject = line.subject
            AND {NOT_OVER}
        ORDER BY delivery_id LIMIT 1
    ) AS first
    """  # noqa: S608  # nothing but constants
)
_LINES_AMONG: Final = sa.text(
    f"""
    SELECT DISTINCT subscription_id AS endpoint, subject FROM deliveries
    WHERE subscription_id IN :endpoints AND subject IN :subjects AND {NOT_OVER}
    """  # noqa: S608  # nothing but constants
).bindparams(sa.bindparam("endpoints", expanding=True), sa.bindparam("subjects", expanding=True))


class Queue:
    """The deliveries of the events of one transaction, for each subscription that asked for the event.

    They are written as they gather, while the next are prepared; those in order at the end, for what stands
    before them in their lines has to be read.
    """

    def __init__(self, connection: sa.Connection, *, now: int) -> None:
        self._connection = connection
        self._now = now
        self._asking: Mapping[Filter, Sequence[tuple[str, bool]]] | None = None
        self._kept: list[Row] = []
        self._rows: list[Row] = []
        self._in_order: list[Row] = []

    def add(self, foreign: Foreign, concerns: Concerns) -> None:
        """Queue one event's deliveries, and keep its recorded bytes if there are any."""
        if self._asking is None:
            self._asking = _asking(self._connection)
        header = foreign.upstream.header
        wanted = [
            one
            for asked, those in self._asking.items()
            if asked.asks_for(header.type, concerns)
            for one in those
        ]
        if not wanted:
            return
        self._kept.append(
            event_row(header.id, header.type, foreign.upstream.record, foreign.upstream.position)
        )
        for name, in_order in wanted:
            row = _first_try(name, header.id, header.subject if in_order else None, self._now)
            (self._in_order if in_order else self._rows).append(row)
        if len(self._kept) == EVENTS_AT_ONCE:
            self._write_gathered()

    def write(self) -> None:
        """Write what was not written yet."""
        self._write_gathered()
        line_up(self._connection, self._in_order)
        _QUEUE(self._connection, self._in_order)
        self._in_order = []

    def _write_gathered(self) -> None:
        keep_events(self._connection, self._kept)
        _QUEUE(self._connection, self._rows)
        self._kept, self._rows = [], []


def _asking(connection: sa.Connection) -> dict[Filter, list[tuple[str, bool]]]:
    """The subscriptions that collect, and whether in order, by what they ask for.

    One still waiting for its consent, and a paused one, collect deliveries, which leave once it is active. No
    owner changes or ends one until the transaction ends: what is queued for it is there to be cancelled.
    """
    columns = SUBSCRIPTIONS.c
    found: dict[Filter, list[tuple[str, bool]]] = {}
    collecting = (
        sa.select(columns.subscription_id, columns.ordering, *FILTER_COLUMNS)
        .where(columns.state.in_(_COLLECTING))
        .order_by(columns.subscription_id)
        .with_for_update(read=True, key_share=True)
    )
    for row in connection.execute(collecting):
        found.setdefault(filter_of(row), []).append((row.subscription_id, row.ordering == "fifo"))
    return found


def filter_of(row: sa.Row[*tuple[Any, ...]]) -> Filter:
    """What a subscription asks for, from its `FILTER_COLUMNS`."""
    types = tuple(row.event_types.split())
    return Filter(types, row.bin, row.product_id, row.status, row.region, row.track)


def _first_try(subscription_id: str, event_id: str, subject: str | None, now: int) -> Row:
    """What differs between the first tries of events."""
    return {
        "delivery_id": new_event_id(),
        "subscription_id": subscription_id,
        "event_id": event_id,
        "state": "pending",
        "next_at": now,
        "subject": subject,
    }


def line_up(connection: sa.Connection, rows: Iterable[Row]) -> None:
    """Let new deliveries with a `subject` wait behind those of it that are not over yet (ordering `fifo`).

    Their lines are held, so that the ones before are not over meanwhile. Whichever host's clock is behind,
    their ids come after all that their endpoint has: by them they leave, and are recovered.
    """
    lined = [row for row in rows if row["subject"] is not None]
    if not lined:
        return
    endpoints = {row["subscription_id"] for row in lined}
    hold_lines(connection, endpoints)
    last = last_ids(connection, endpoints)
    lines = _not_over(connection, {(row["subscription_id"], row["subject"]) for row in lined})
    for row in lined:
        line = (row["subscription_id"], row["subject"])
        if line in lines:
            row["state"] = "waiting"
        lines.add(line)
        row["delivery_id"] = last[line[0]] = never_behind(row["delivery_id"], last[line[0]])


def _not_over(connection: sa.Connection, lines: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the lines (endpoint and subject) in which a delivery is not over yet."""
    endpoints, subjects = [endpoint for endpoint, _ in lines], [subject for _, subject in lines]
    if connection.dialect.name == "postgresql":
        found = connection.execute(_LINES, {"endpoints": endpoints, "subjects": subjects})
    else:
        among = {"endpoints": list(set(endpoints)), "subjects": list(set(subjects))}
        found = connection.execute(_LINES_AMONG, among)
    return {(row.endpoint, row.subject) for row in found}


def last_ids(connection: sa.Connection, endpoints: Collection[str]) -> dict[str, str]:
    """The id of each endpoint's last delivery, empty for one that has none."""
    columns = DELIVERIES.c
    last = (
        sa.select(columns.delivery_id)
        .where(columns.subscription_id == ENDPOINTS.c.subscription_id)
        .order_by(columns.delivery_id.desc())
        .limit(1)
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )
    found = sa.select(ENDPOINTS.c.subscription_id, last).where(ENDPOINTS.c.subscription_id.in_(endpoints))
    return {str(row[0]): str(row[1] or "") for row in connection.execute(found)}


def hold_lines(connection: sa.Connection, endpoints: Collection[str]) -> None:
    """Nobody lines up or goes on in these endpoints' lines until the transaction ends."""
    rows = sa.select(ENDPOINTS.c.subscription_id).where(ENDPOINTS.c.subscription_id.in_(endpoints))
    connection.execute(rows.order_by(ENDPOINTS.c.subscription_id).with_for_update())


def next_in_line(connection: sa.Connection, endpoint: str, subject: str, free_at: int) -> None:
    """The next delivery of a subject may leave when the one before it is over, at `free_at`."""
    columns = DELIVERIES.c
    first = (
        sa.select(columns.delivery_id)
        .where(
            columns.subscription_id == endpoint,
            columns.subject == subject,
            columns.subject.is_not(None),
            columns.state.in_(WAITING),
        )
        .order_by(columns.delivery_id)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(DELIVERIES)
        .where(columns.delivery_id == first, columns.state == "waiting")
        .values(state="pending", next_at=free_at)
    )


def event_row(event_id: str, type_name: str, body: bytes, position: int | None = None) -> Row:
    """What is posted, as it is kept; `position` where it stands in a journal."""
    return {"event_id": event_id, "type": type_name, "position": position, "body": body}


def keep_events(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Keep what is posted, once."""
    _KEEP(connection, rows)


def hold_events(connection: sa.Connection, event_ids: Collection[str]) -> set[str]:
    """Those of kept events that are still there, and stay until the transaction ends."""
    columns = EVENTS.c
    query = sa.select(columns.event_id).where(columns.event_id.in_(event_ids)).order_by(columns.event_id)
    return set(connection.execute(query.with_for_update(read=True, key_share=True)).scalars())


def delivery_row(
    subscription_id: str, event_id: str, kind: str, now: int, *, job_id: str = "", subject: str | None = None
) -> Row:
    """A delivery due at once; what a job makes comes after new events."""
    priority = OWN if kind in OWN_KINDS else NEW
    return {
        **_FIRST_TRY,
        **_first_try(subscription_id, event_id, subject, now),
        "kind": kind,
        "priority": AGAIN if job_id else priority,
        "job_id": job_id,
    }
