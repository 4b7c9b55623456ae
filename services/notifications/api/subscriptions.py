"""`/v1/subscriptions`: webhook consumers, what they ask for, and their secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from services.kernel.http.requests import Caller, Commanding, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, page, read, recorded
from services.kernel.journal.events import microseconds
from services.notifications.api.desk import AtDesk, Desk
from services.notifications.api.subscription_forms import (
    Ended,
    SecretRotation,
    Subscription,
    SubscriptionChange,
    SubscriptionRequest,
    Subscriptions,
    subscription_shown,
)
from services.notifications.domain.secrets import secret_given
from services.notifications.projections.outlook import warnings_of
from services.notifications.projections.subscriptions import subscription_of, subscriptions_of
from services.notifications.usecases import change_subscription
from services.notifications.usecases.once import once
from services.notifications.usecases.subscribe import NewSubscription, check, subscribe, unsubscribe

router = APIRouter(tags=["subscriptions"])
OWNERS = ("integrator", "industry_officer", "informatization_officer", "service")
SubscriptionId = Annotated[
    str, Path(pattern=r"^[0-9a-f-]{36}$", examples=["0191f3c0-0000-7000-8000-000000000000"])
]
Editing = Annotated[CommandRequest, Depends(Deciding(*OWNERS, status=200))]
Change = Callable[[sa.Connection, sa.RowMapping], Sequence[str] | None]


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
    """The endpoint is asked for its consent first, and gets events once it has given it."""
    asked = NewSubscription(**{**body.model_dump(), "event_types": tuple(body.event_types)})
    checked = check(asked, desk.urls, desk.event_types)
    owner, now = command.caller.principal.key, microseconds(desk.clock.now())
    subscription_id, replayed = once(
        desk.database,
        desk.clock,
        command.answer,
        lambda connection: subscribe(
            connection, owner, checked, desk.box, now=now, limit=desk.max_subscriptions
        ),
    )
    desk.wake()
    secret = None if replayed else checked.secret
    location = f"/v1/subscriptions/{subscription_id}"
    return _answered(
        desk, command, subscription_id, status=201, secret=secret, location=location, replayed=replayed
    )


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
    """The caller's own, oldest first, each with warnings about a filter that seems to match nothing."""
    filters = {"owner": caller.principal.key}
    after = str(desk.cursors.read(request, cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        rows = subscriptions_of(connection, caller.principal.key, after=after, limit=limit + 1)
        warnings = warnings_of(connection, rows[:limit], now=microseconds(desk.clock.now()))
    following = (
        desk.cursors.write(request, [rows[limit - 1]["subscription_id"]], filters)
        if len(rows) > limit
        else None
    )
    shown = [subscription_shown(row, warnings=warnings[row["subscription_id"]]) for row in rows[:limit]]
    return page(request, shown, Subscriptions, next_cursor=following)


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
    """Its state tells whether the endpoint has consented; its `ETag` is what an edit must name."""
    with desk.database.read() as connection:
        row = subscription_of(connection, caller.principal.key, subscription_id)
    return read(request, subscription_shown(row), version=row["version"])


@router.patch(
    "/v1/subscriptions/{subscription_id}",
    operation_id="change_subscription",
    summary="Change a subscription",
    responses={200: {"model": Subscription}},
)
def change(
    desk: AtDesk, command: Editing, subscription_id: SubscriptionId, body: SubscriptionChange
) -> Response:
    """What waits is delivered as it was queued; a new URL or way of consent is asked for its consent anew."""
    given, now = body.given(), microseconds(desk.clock.now())
    if "event_types" in given:
        given["event_types"] = tuple(given["event_types"])

    def act(connection: sa.Connection, row: sa.RowMapping) -> None:
        asked = replace(change_subscription.as_asked(row), **given)
        change_subscription.edit(connection, row, check(asked, desk.urls, desk.event_types), now=now)

    return _changed(desk, command, subscription_id, act)


@router.post(
    "/v1/subscriptions/{subscription_id}/pause",
    operation_id="pause_subscription",
    summary="Let deliveries wait",
    responses={200: {"model": Subscription}},
)
def pause(desk: AtDesk, command: Editing, subscription_id: SubscriptionId) -> Response:
    """Deliveries are queued on until `paused_until`, and leave after `resume`.

    One that is not resumed by then is disabled. A POST under way may still arrive.
    """
    until = microseconds(desk.clock.now() + desk.longest_pause)

    def act(connection: sa.Connection, row: sa.RowMapping) -> None:
        change_subscription.pause(connection, row, until=until)

    return _changed(desk, command, subscription_id, act)


@router.post(
    "/v1/subscriptions/{subscription_id}/resume",
    operation_id="resume_subscription",
    summary="Let a paused or disabled subscription go on",
    responses={200: {"model": Subscription}},
)
def resume(desk: AtDesk, command: Editing, subscription_id: SubscriptionId) -> Response:
    """After a pause what waited leaves; after having been disabled the endpoint is asked for consent anew."""
    now = microseconds(desk.clock.now())

    def act(connection: sa.Connection, row: sa.RowMapping) -> None:
        change_subscription.resume(connection, row, now=now)

    return _changed(desk, command, subscription_id, act)


@router.post(
    "/v1/subscriptions/{subscription_id}/secret-rotations",
    operation_id="rotate_secret",
    summary="Put a new secret in force",
    status_code=201,
    responses={201: {"model": Subscription}},
)
def rotate(
    desk: AtDesk,
    command: Annotated[CommandRequest, Depends(Deciding(*OWNERS))],
    subscription_id: SubscriptionId,
    body: SecretRotation,
) -> Response:
    """Both secrets sign while they overlap; the new one is shown once, in this answer.

    A former secret that cannot be read any more signs no more: `warnings` tell it.
    """
    secret, now = secret_given(body.secret).serialise(), microseconds(desk.clock.now())

    def act(connection: sa.Connection, row: sa.RowMapping) -> Sequence[str]:
        readable = change_subscription.rotate_secret(
            connection, row, desk.box, secret=secret, overlap=timedelta(hours=body.overlap_hours), now=now
        )
        return () if readable else ("former_secret_unreadable",)

    return _changed(desk, command, subscription_id, act, status=201, secret=secret)


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
        subscription_of(connection, command.caller.principal.key, subscription_id, to_change=True)
        unsubscribe(connection, subscription_id, now=microseconds(desk.clock.now()))
        return subscription_id

    once(desk.database, desk.clock, command.answer, act)
    return recorded(
        Ended(subscription_id=subscription_id, state="deleted"), status=200, version=2, position=None
    )


def _changed(
    desk: Desk,
    command: CommandRequest,
    subscription_id: str,
    act: Change,
    *,
    status: int = 200,
    secret: str | None = None,
) -> Response:
    """Change the caller's own subscription if it is still what the caller saw."""
    told: list[str] = []

    def change_it(connection: sa.Connection) -> str:
        owner = command.caller.principal.key
        row = subscription_of(connection, owner, subscription_id, to_change=True)
        command.require_version(row["version"])
        told.extend(act(connection, row) or ())
        return subscription_id

    _resource, replayed = once(desk.database, desk.clock, command.answer, change_it)
    desk.wake()
    shown = None if replayed else secret
    return _answered(
        desk, command, subscription_id, status=status, secret=shown, replayed=replayed, told=told
    )


def _answered(
    desk: Desk,
    command: CommandRequest,
    subscription_id: str,
    *,
    status: int,
    secret: str | None = None,
    location: str | None = None,
    replayed: bool = False,
    told: Sequence[str] = (),
) -> Response:
    """The subscription as it is now; to a repeated key also one that was deleted since."""
    owner = command.caller.principal.key
    with desk.database.read() as connection:
        row = subscription_of(connection, owner, subscription_id, or_deleted=replayed)
        warnings = warnings_of(connection, [row], now=microseconds(desk.clock.now()))[subscription_id]
    shown = subscription_shown(row, secret=secret, warnings=[*warnings, *told])
    return recorded(shown, status=status, version=row["version"], position=None, location=location)
