"""`/v1/subscriptions`: webhook consumers, their deliveries, a test event."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints

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
from services.notifications.domain.filters import Status, Track
from services.notifications.projections.subscriptions import (
    attempts_of,
    deliveries_of,
    subscription_of,
    subscriptions_of,
)
from services.notifications.usecases.once import once
from services.notifications.usecases.subscribe import (
    NewSubscription,
    check,
    send_test,
    subscribe,
    unsubscribe,
)

router = APIRouter(tags=["subscriptions"])
OWNERS = ("integrator", "industry_officer", "informatization_officer", "service")
SubscriptionId = Annotated[
    str, Path(pattern=r"^[0-9a-f-]{36}$", examples=["0191f3c0-0000-7000-8000-000000000000"])
]
Printable = StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")


class SubscriptionRequest(Representation):
    """An endpoint and what it wants to hear."""

    url: Annotated[str, Field(max_length=2_000, examples=["https://procurement.example/hooks/register"])]
    event_types: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(
            max_length=50,
            description="Types of the register's events, or their prefixes with `.*`; none means all.",
            examples=[["kz.register.entry.*", "kz.register.application.inclusion-refused.v1"]],
        ),
    ] = Field(default_factory=list)
    bin: Annotated[str, Field(max_length=12, description="Only events that concern this BIN.")] | None = None
    product_id: (
        Annotated[
            str,
            Field(
                pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
                description="Only events that concern this product; an entry has its product's id.",
            ),
        ]
        | None
    ) = None
    status: Status | None = Field(
        default=None, description="Only events after which the entry they concern has this status."
    )
    region: (
        Annotated[
            str,
            Field(
                pattern="^[0-9]{2,9}$",
                description="Only events about products of this region: a KATO code or its beginning.",
                examples=["75"],
            ),
        ]
        | None
    ) = None
    track: Track | None = Field(
        default=None, description="Only events of this course of the Article 51-2 cycle: the kind of case."
    )
    description: Annotated[str, Field(max_length=500), Printable] | None = None
    secret: (
        Annotated[
            str, Field(max_length=200, description="`whsec_` and 24 to 64 bytes in base64; made if absent.")
        ]
        | None
    ) = None


class Subscription(Representation):
    """A webhook consumer's interest. `secret` is shown only in the first answer to its creation."""

    subscription_id: str
    url: str
    event_types: list[str]
    bin: str | None = None
    product_id: str | None = None
    status: Status | None = None
    region: str | None = None
    track: Track | None = None
    description: str | None = None
    state: Literal["pending", "active", "paused", "disabled"]
    state_reason: str | None = None
    created_at: datetime
    secret: str | None = None


class Subscriptions(Page[Subscription]):
    """One page of the caller's subscriptions."""


class AttemptMade(Representation):
    """One HTTP try."""

    number: int
    at: datetime
    status: int | None = None
    trouble: str | None = None
    milliseconds: int
    answer_head: str | None = None


class Delivery(Representation):
    """One event for one endpoint."""

    delivery_id: str
    event_id: str = Field(description="Also the `webhook-id` of every try.")
    event_type: str
    position: int | None = None
    kind: Literal["event", "challenge", "test"]
    state: Literal["pending", "delivered", "exhausted", "cancelled"]
    next_attempt_at: datetime | None = None
    attempts: list[AttemptMade]


class Deliveries(Page[Delivery]):
    """One page of deliveries, newest first."""


class Queued(Representation):
    """A delivery that leaves as soon as the worker takes it."""

    delivery_id: str


class Ended(Representation):
    """A subscription that was ended."""

    subscription_id: str
    state: Literal["deleted"]


@router.post(
    "/v1/subscriptions",
    operation_id="subscribe",
    summary="Subscribe an endpoint",
    status_code=201,
    responses={201: {"model": Subscription}},
)
def create(
    desk: AtDesk,
    command: Annotated[CommandRequest, Depends(Commanding(*OWNERS))],
    body: SubscriptionRequest,
) -> Response:
    """The endpoint gets a signed challenge first, and events once it has sent it back."""
    asked = NewSubscription(**{**body.model_dump(), "event_types": tuple(body.event_types)})
    checked = check(asked, desk.urls, desk.event_types)
    owner, now = command.caller.principal.key, microseconds(desk.clock.now())
    subscription_id, replayed = once(
        desk.database,
        desk.clock,
        command.answer,
        lambda connection: subscribe(connection, owner, checked, desk.box, now=now),
    )
    desk.wake()
    with desk.database.read() as connection:
        row = subscription_of(connection, owner, subscription_id)
    shown = _presented(row, secret=None if replayed else checked.secret)
    location = f"/v1/subscriptions/{subscription_id}"
    return recorded(shown, status=201, version=1, position=None, location=location)


@router.get(
    "/v1/subscriptions",
    operation_id="list_subscriptions",
    summary="List one's subscriptions",
    responses={200: {"model": Subscriptions}},
)
def list_own(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*OWNERS))],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """The caller's own, oldest first."""
    filters = {"owner": caller.principal.key}
    after = str(desk.cursors.read(cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        rows = subscriptions_of(connection, caller.principal.key, after=after, limit=limit + 1)
    following = (
        desk.cursors.write([rows[limit - 1]["subscription_id"]], filters) if len(rows) > limit else None
    )
    return page(request, [_presented(row) for row in rows[:limit]], Subscriptions, next_cursor=following)


@router.get(
    "/v1/subscriptions/{subscription_id}",
    operation_id="read_subscription",
    summary="Read a subscription",
    responses={200: {"model": Subscription}},
)
def read_one(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*OWNERS))],
    subscription_id: SubscriptionId,
) -> Response:
    """Its state tells whether the challenge was answered."""
    with desk.database.read() as connection:
        row = subscription_of(connection, caller.principal.key, subscription_id)
    return read(request, _presented(row))


@router.delete(
    "/v1/subscriptions/{subscription_id}",
    operation_id="unsubscribe",
    summary="End a subscription",
    responses={200: {"model": Ended}},
)
def delete(
    desk: AtDesk,
    command: Annotated[CommandRequest, Depends(Commanding(*OWNERS, status=200))],
    subscription_id: SubscriptionId,
) -> Response:
    """What waits is cancelled; a POST under way may still arrive."""

    def act(connection: sa.Connection) -> str:
        subscription_of(connection, command.caller.principal.key, subscription_id)
        unsubscribe(connection, subscription_id)
        return subscription_id

    once(desk.database, desk.clock, command.answer, act)
    return recorded(
        Ended(subscription_id=subscription_id, state="deleted"), status=200, version=2, position=None
    )


@router.get(
    "/v1/subscriptions/{subscription_id}/deliveries",
    operation_id="list_deliveries",
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
    before = str(desk.cursors.read(cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        subscription_of(connection, caller.principal.key, subscription_id)
        rows = deliveries_of(connection, subscription_id, before=before, limit=limit + 1)
        attempts = attempts_of(connection, [row["delivery_id"] for row in rows])
    following = desk.cursors.write([rows[limit - 1]["delivery_id"]], filters) if len(rows) > limit else None
    items = [_delivery(row, attempts.get(row["delivery_id"], [])) for row in rows[:limit]]
    return page(request, items, Deliveries, next_cursor=following)


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


def _presented(row: sa.RowMapping, *, secret: str | None = None) -> Subscription:
    return Subscription(
        subscription_id=row["subscription_id"],
        url=row["url"],
        event_types=row["event_types"].split(" ") if row["event_types"] else [],
        bin=row["bin"],
        product_id=row["product_id"],
        status=row["status"],
        region=row["region"],
        track=row["track"],
        description=row["description"],
        state=row["state"],
        state_reason=row["state_reason"],
        created_at=from_microseconds(row["created_at"]),
        secret=secret,
    )


def _delivery(row: sa.RowMapping, attempts: list[sa.RowMapping]) -> Delivery:
    pending = row["state"] == "pending"
    return Delivery(
        delivery_id=row["delivery_id"],
        event_id=row["event_id"],
        event_type=row["type"],
        position=row["position"],
        kind=row["kind"],
        state=row["state"],
        next_attempt_at=from_microseconds(row["next_at"]) if pending else None,
        attempts=[
            AttemptMade(
                number=attempt["number"],
                at=from_microseconds(attempt["at"]),
                status=attempt["status"],
                trouble=attempt["trouble"],
                milliseconds=attempt["milliseconds"],
                answer_head=attempt["answer_head"],
            )
            for attempt in attempts
        ],
    )
