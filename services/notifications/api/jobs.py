"""`/v1/subscriptions/{id}/jobs`: deliver again one, what was given up, or a piece of the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.errors import Invalid
from services.kernel.http.forms import Instant
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
from services.notifications.api.subscription_forms import (
    Bin,
    EventTypes,
    ProductId,
    Region,
    WantedStatus,
    WantedTrack,
)
from services.notifications.api.subscriptions import OWNERS, SubscriptionId
from services.notifications.domain.filters import Filter, checked
from services.notifications.projections.jobs import jobs_of
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.usecases import jobs
from services.notifications.usecases.once import once

router = APIRouter(tags=["subscriptions"])
JobId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", examples=["0191f3c0-0000-7000-8000-000000000000"])]
DeliveryId = JobId
Commands = Annotated[CommandRequest, Depends(Commanding(*OWNERS))]
Position = Annotated[int, Field(ge=1, le=2**53, strict=True, examples=[1])]


class Recovery(Representation):
    """What is to be recovered: everything given up, or what became due since an instant."""

    since: Instant | None = None


class Replay(Representation):
    """A piece of the register's journal: from a position or from an instant, to a position or its end.

    The filters narrow what is replayed; without any the subscription's own apply. Of events that do not
    themselves say whether an entry is included, `status` is the entry's present one.
    """

    from_position: Position | None = None
    from_time: Instant | None = Field(default=None, examples=["2026-03-02T12:00:00+05:00"])
    until_position: Position | None = None
    event_types: EventTypes | None = None
    bin: Bin | None = None
    product_id: ProductId | None = None
    status: WantedStatus | None = None
    region: Region | None = None
    track: WantedTrack | None = None


class Job(Representation):
    """What an owner asked to be delivered again, and how far it has come."""

    job_id: str
    kind: Literal["resend", "recover", "replay"]
    state: Literal["running", "done", "cancelled"] = Field(
        description="`done`: all its deliveries are queued; `pending` tells how many have yet to arrive, and "
        "as long as any has, it can be cancelled."
    )
    created_at: datetime
    ended_at: datetime | None = None
    from_position: int | None = None
    reached_position: int | None = None
    until_position: int | None = None
    queued: int
    pending: int
    delivered: int
    exhausted: int
    cancelled: int
    trouble: str | None = Field(
        default=None,
        description="What a running job waits for, trying again: `register_unavailable`, "
        "`register_answer_broken`, `register_behind`; `event_unreadable` here, or `write_refused` by the "
        "database: its operator has to look.",
    )


class JobPage(Page[Job]):
    """One page of jobs, newest first."""


@router.post(
    "/v1/subscriptions/{subscription_id}/deliveries/{delivery_id}/resend",
    operation_id="resend_delivery",
    summary="Deliver one event once more",
    status_code=201,
    responses={201: {"model": Job}},
)
def resend(
    desk: AtDesk, command: Commands, subscription_id: SubscriptionId, delivery_id: DeliveryId
) -> Response:
    """A delivery of its own, with the same `webhook-id`; each request makes another."""
    return _begun(
        desk, command, subscription_id, lambda c, row, now: jobs.resend(c, row, delivery_id, now=now)
    )


@router.post(
    "/v1/subscriptions/{subscription_id}/recover-failed",
    operation_id="recover_failed",
    summary="Deliver again what was given up",
    status_code=201,
    responses={201: {"model": Job}},
)
def recover(desk: AtDesk, command: Commands, subscription_id: SubscriptionId, body: Recovery) -> Response:
    """Each delivery whose ten tries failed and that no job has brought since; oldest first."""
    since = _instant(body.since)
    return _begun(desk, command, subscription_id, lambda c, row, now: jobs.recover(c, row, since, now=now))


@router.post(
    "/v1/subscriptions/{subscription_id}/replay",
    operation_id="replay_journal",
    summary="Deliver a piece of the journal again",
    status_code=201,
    responses={201: {"model": Job}},
)
def replay(desk: AtDesk, command: Commands, subscription_id: SubscriptionId, body: Replay) -> Response:
    """Read from the register's journal, which keeps everything; after new events, at the endpoint's rate."""
    asked = _asked(desk, body)
    return _begun(desk, command, subscription_id, lambda c, row, now: jobs.replay(c, row, asked, now=now))


@router.get(
    "/v1/subscriptions/{subscription_id}/jobs",
    operation_id="list_jobs",
    summary="List a subscription's jobs",
    responses={200: {"model": JobPage}},
)
def list_jobs(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*OWNERS))],
    subscription_id: SubscriptionId,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Newest first; those that ended are kept for ninety days."""
    filters = {"jobs": subscription_id}
    before = str(desk.cursors.read(request, cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        subscription_of(connection, caller.principal.key, subscription_id)
        rows = jobs_of(connection, subscription_id, before=before, limit=limit + 1)
    following = (
        desk.cursors.write(request, [rows[limit - 1]["job_id"]], filters) if len(rows) > limit else None
    )
    items = [_shown(row) for row in rows[:limit]]
    return page(request, items, JobPage, next_cursor=following)


@router.get(
    "/v1/subscriptions/{subscription_id}/jobs/{job_id}",
    operation_id="read_job",
    summary="See how far a job has come",
    responses={200: {"model": Job}},
)
def read_job(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*OWNERS))],
    subscription_id: SubscriptionId,
    job_id: JobId,
) -> Response:
    """Its deliveries stand in the list of deliveries too, under its id."""
    with desk.database.read() as connection:
        subscription_of(connection, caller.principal.key, subscription_id)
        row = jobs.job_of(connection, subscription_id, job_id)
    return read(request, _shown(row))


@router.post(
    "/v1/subscriptions/{subscription_id}/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    summary="Cancel a job",
    responses={200: {"model": Job}},
)
def cancel(
    desk: AtDesk,
    command: Annotated[CommandRequest, Depends(Commanding(*OWNERS, status=200))],
    subscription_id: SubscriptionId,
    job_id: JobId,
) -> Response:
    """What it queued and has not left is cancelled; what is under way may still arrive."""

    def act(connection: sa.Connection) -> str:
        subscription_of(connection, command.caller.principal.key, subscription_id, to_change=True)
        jobs.cancel_job(connection, subscription_id, job_id, now=microseconds(desk.clock.now()))
        return job_id

    once(desk.database, desk.clock, command.answer, act)
    return _answered(desk, command, subscription_id, job_id, status=200)


Beginning = Callable[[sa.Connection, sa.RowMapping, int], str]


def _begun(desk: Desk, command: CommandRequest, subscription_id: str, begin: Beginning) -> Response:
    """Begin a job on the caller's own subscription, whose row is held meanwhile."""

    def act(connection: sa.Connection) -> str:
        owner = command.caller.principal.key
        row = subscription_of(connection, owner, subscription_id, to_change=True)
        return begin(connection, row, microseconds(desk.clock.now()))

    job_id, _replayed = once(desk.database, desk.clock, command.answer, act)
    desk.wake()
    return _answered(desk, command, subscription_id, job_id, status=201)


def _answered(
    desk: Desk, command: CommandRequest, subscription_id: str, job_id: str, *, status: int
) -> Response:
    with desk.database.read() as connection:
        subscription_of(connection, command.caller.principal.key, subscription_id)
        row = jobs.job_of(connection, subscription_id, job_id)
    location = f"/v1/subscriptions/{subscription_id}/jobs/{job_id}" if status == 201 else None
    return recorded(_shown(row), status=status, version=1, position=None, location=location)


def _asked(desk: Desk, body: Replay) -> jobs.Asked:
    if (body.from_position is None) == (body.from_time is None):
        raise Invalid("replay_start_unclear", pointer="/from_position")
    if body.until_position is not None and body.until_position < (body.from_position or 1):
        raise Invalid("replay_ends_before_it_begins", pointer="/until_position")
    names = ("event_types", "bin", "product_id", "status", "region", "track")
    given: dict[str, Any] = {name: getattr(body, name) for name in names if getattr(body, name) is not None}
    if given:
        checked(Filter(**{**given, "event_types": tuple(given.get("event_types", ()))}), desk.event_types)
    return jobs.Asked(
        from_position=body.from_position,
        from_time=_instant(body.from_time),
        until_position=body.until_position,
        filter=given or None,
    )


def _instant(given: datetime | None) -> int | None:
    return None if given is None else microseconds(given)


def _shown(row: sa.RowMapping) -> Job:
    replayed = row["kind"] == "replay"
    ended = row["ended_at"]
    begins = jobs.asked_of(row).from_position
    return Job(
        job_id=row["job_id"],
        kind=row["kind"],
        state=row["state"],
        created_at=from_microseconds(row["created_at"]),
        ended_at=None if ended is None else from_microseconds(ended),
        from_position=begins,
        reached_position=int(row["reached"]) if replayed and row["reached"] is not None else None,
        until_position=int(row["until"]) if replayed and row["until"] is not None else None,
        queued=row["queued"],
        pending=row["queued"] - row["delivered"] - row["exhausted"] - row["cancelled"],
        delivered=row["delivered"],
        exhausted=row["exhausted"],
        cancelled=row["cancelled"],
        trouble=row["trouble"],
    )
