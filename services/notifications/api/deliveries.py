"""`/v1/subscriptions/{id}/deliveries`: what became of them; a test event."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.kernel.http.responses import (
    CursorParameter,
    Limit,
    Page,
    Representation,
    page,
    read,
    recorded,
)
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.api.desk import AtDesk, Desk
from services.notifications.api.reflecting import REFLECTING
from services.notifications.api.subscriptions import OWNERS, SubscriptionId
from services.notifications.projections.statistics import statistics_of
from services.notifications.projections.subscriptions import attempts_of, deliveries_of, subscription_of
from services.notifications.usecases.once import once
from services.notifications.usecases.subscribe import send_test

router = APIRouter(tags=["subscriptions"])


class AttemptMade(Representation):
    """One HTTP try."""

    number: int
    at: datetime
    status: int | None = None
    trouble: str | None = Field(
        default=None,
        description="Why there was no complete answer: `no_usable_address`, `not_connected`, `tls_failed`, "
        "`deadline_passed`, `answer_broken`; `not_signed`: nothing was sent, its secret cannot be read here.",
    )
    milliseconds: int = Field(description="The whole try.")
    resolved_after: int | None = Field(
        default=None,
        description="Milliseconds until the name was resolved; absent on a connection used again.",
    )
    connected_after: int | None = Field(
        default=None, description="Until the connection stood, with TLS over `https`; absent likewise."
    )
    answered_after: int | None = Field(default=None, description="Until the head of the answer was there.")
    url: str | None = Field(default=None, description="Where it was sent.")
    request_headers: list[tuple[str, str]] = Field(description="Those made for this try.")
    body_digest: str | None = Field(default=None, description="SHA-256 of the body sent, hexadecimal.")
    answer_headers: list[tuple[str, str]] | None = Field(default=None, description="At most 4 KiB of them.")
    answer_head: str | None = Field(default=None, description="The beginning of the answer's body.")


class Statistics(Representation):
    """How the endpoint fares: tries of the last 24 hours, at most the latest 10,000; its present state."""

    subscription_id: str
    tries: int
    delivered: int
    success_rate: str | None = Field(description="Share of tries that arrived, a decimal string of 0 to 1.")
    p50_milliseconds: int | None
    p95_milliseconds: int | None
    backlog: int = Field(description="Deliveries that wait, counted up to 200,000.")
    exhausted: int = Field(description="Given up and not recovered, counted up to 100,000.")
    failing_since: datetime | None
    warned_percent: Literal[0, 50, 90] = Field(description="How much of five days of failure was warned of.")
    breaker: Literal["closed", "open", "half_open"]
    held_until: datetime | None = Field(description="Nothing leaves before.")
    paused_until: datetime | None = Field(description="When a pause ends by disabling the subscription.")
    missed_from: int | None = Field(
        description="From which position of the register a replay brings what was missed while disabled."
    )


class Delivery(Representation):
    """One event for one endpoint."""

    delivery_id: str
    event_id: str = Field(description="Also the `webhook-id` of every try.")
    event_type: str
    position: int | None = None
    kind: Literal["event", "challenge", "handshake", "test", "operational"]
    state: Literal["pending", "waiting", "delivered", "exhausted", "recovered", "cancelled"] = Field(
        description="`waiting`: an earlier event of its subject is not over yet (ordering `fifo`)."
    )
    job_id: str | None = Field(default=None, description="The job that made it.")
    next_attempt_at: datetime | None = None
    attempts: list[AttemptMade]


class Deliveries(Page[Delivery]):
    """One page of deliveries, newest first."""


class Queued(Representation):
    """A delivery that leaves as soon as the worker takes it."""

    delivery_id: str


@router.get(
    "/v1/subscriptions/{subscription_id}/deliveries",
    operation_id="list_deliveries",
    dependencies=REFLECTING,
    summary="See what became of the deliveries",
    responses={200: {"model": Deliveries}},
)
def list_deliveries(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*OWNERS))],
    subscription_id: SubscriptionId,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Newest first, each with its attempts."""
    filters = {"subscription": subscription_id}
    before = str(desk.cursors.read(request, cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        subscription_of(connection, caller.principal.key, subscription_id)
        rows = deliveries_of(connection, subscription_id, before=before, limit=limit + 1)
        attempts = attempts_of(connection, [row["delivery_id"] for row in rows])
    following = (
        desk.cursors.write(request, [rows[limit - 1]["delivery_id"]], filters) if len(rows) > limit else None
    )
    items = [_delivery(row, attempts.get(row["delivery_id"], [])) for row in rows[:limit]]
    return page(request, items, Deliveries, next_cursor=following)


@router.get(
    "/v1/subscriptions/{subscription_id}/statistics",
    operation_id="read_statistics",
    summary="See how the endpoint fares",
    responses={200: {"model": Statistics}},
)
def read_statistics(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*OWNERS))],
    subscription_id: SubscriptionId,
) -> Response:
    """Success, latencies, what waits, since when it fails, and its circuit breaker."""
    now = microseconds(desk.clock.now())
    with desk.database.read() as connection:
        row = subscription_of(connection, caller.principal.key, subscription_id)
        found = statistics_of(connection, subscription_id, now=now)
    since, held, paused = row["failing_since"], found.not_before, row["paused_until"]
    shown = Statistics(
        subscription_id=subscription_id,
        tries=found.tries,
        delivered=found.delivered,
        success_rate=f"{found.delivered / found.tries:.4f}" if found.tries else None,
        p50_milliseconds=found.p50_milliseconds,
        p95_milliseconds=found.p95_milliseconds,
        backlog=found.backlog,
        exhausted=found.exhausted,
        failing_since=None if since is None else from_microseconds(since),
        warned_percent=found.warned,
        breaker=found.breaker,
        held_until=from_microseconds(held) if held > now else None,
        paused_until=None if paused is None else from_microseconds(paused),
        missed_from=row["missed_from"],
    )
    return read(request, shown)


@router.post(
    "/v1/subscriptions/{subscription_id}/test",
    operation_id="test_subscription",
    summary="Send a test event",
    status_code=201,
    responses={201: {"model": Queued}},
)
def test(
    desk: AtDesk,
    command: Annotated[CommandRequest, Depends(Commanding(*OWNERS))],
    subscription_id: SubscriptionId,
) -> Response:
    """A signed event of type `kz.notifications.subscription.test.v1`, sent and retried like any other."""
    delivery_id = _queue_test(desk, command, subscription_id)
    desk.wake()
    location = f"/v1/subscriptions/{subscription_id}/deliveries"
    return recorded(Queued(delivery_id=delivery_id), status=201, version=1, position=None, location=location)


def _queue_test(desk: Desk, command: CommandRequest, subscription_id: str) -> str:
    def act(connection: sa.Connection) -> str:
        subscription_of(connection, command.caller.principal.key, subscription_id)
        return send_test(connection, subscription_id, now=microseconds(desk.clock.now()))

    delivery_id, _replayed = once(desk.database, desk.clock, command.answer, act)
    return delivery_id


def _pairs(text: str | None) -> list[tuple[str, str]] | None:
    return None if text is None else msgspec.json.decode(text, type=list[tuple[str, str]])


def _delivery(row: sa.RowMapping, attempts: list[sa.RowMapping]) -> Delivery:
    pending = row["state"] == "pending"
    return Delivery(
        delivery_id=row["delivery_id"],
        event_id=row["event_id"],
        event_type=row["type"],
        position=row["position"],
        kind=row["kind"],
        state=row["state"],
        job_id=row["job_id"] or None,
        next_attempt_at=from_microseconds(row["next_at"]) if pending else None,
        attempts=[
            AttemptMade(
                number=attempt["number"],
                at=from_microseconds(attempt["at"]),
                status=attempt["status"],
                trouble=attempt["trouble"],
                milliseconds=attempt["milliseconds"],
                resolved_after=attempt["resolved_after"],
                connected_after=attempt["connected_after"],
                answered_after=attempt["answered_after"],
                url=attempt["url"],
                request_headers=_pairs(attempt["request_headers"]) or [],
                body_digest=attempt["body_digest"],
                answer_headers=_pairs(attempt["answer_headers"]),
                answer_head=attempt["answer_head"],
            )
            for attempt in attempts
        ],
    )
