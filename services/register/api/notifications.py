"""`/v1/notifications`: what the informatization authority notified, and what officers do with it."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.http.requests import Caller, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, Page
from services.register.api import presenting
from services.register.api.desk import desk_of
from services.register.api.forms import ReturnForm
from services.register.api.moments import (
    MOMENT_HEADERS,
    AtMoment,
    filters_of,
    not_then,
    page_at,
    pinned,
    read_at,
    unpinned,
)
from services.register.api.representations import NotificationShown
from services.register.contract.events import NotificationKind
from services.register.domain.notification import Notification, NotificationStatus
from services.register.projections.notifications import list_at, list_notifications, notification_at
from services.register.usecases.accept_notification import AcceptNotification, accept_notification
from services.register.usecases.return_notification import ReturnNotification, return_notification

commands: Final = APIRouter(tags=["notifications"])
reads: Final = APIRouter(tags=["notifications"])
LOCATION: Final = "/v1/notifications/{id}"
READING: Final = Reading("industry_officer", "informatization_officer", "service", "auditor")


def _shown(found: Notification) -> NotificationShown:
    return presenting.notification(found.state)


@reads.get(
    "/v1/notifications",
    operation_id="list_notifications",
    summary="Notifications by status and kind, oldest first, now or at any two times",
    responses={200: {"model": Page[NotificationShown], "headers": MOMENT_HEADERS}},
)
def list_all(
    request: Request,
    _caller: Annotated[Caller, Depends(READING)],
    moment: AtMoment,
    status: Annotated[NotificationStatus | None, Query()] = None,
    kind: Annotated[NotificationKind | None, Query()] = None,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """In the order of their first receipt; `status=received` is what waits for the industry authority.

    A page of a past may hold fewer than `limit` and yet have a next one.
    """
    desk = desk_of(request)
    filters = filters_of(request)
    after = 0
    if cursor is not None:
        last, *kept = desk.cursors.read(request, cursor, filters)
        after, moment = int(last), unpinned(kept, moment)
    with desk.journal.database.snapshot() as connection:
        if moment is None:
            found, last_seen = list_notifications(
                connection, status=status, kind=kind, after=after, limit=limit
            )
        else:
            found, last_seen = list_at(connection, moment, status=status, kind=kind, after=after, limit=limit)
    items = [presenting.notification(one.state) for one in found]
    following = None
    if last_seen is not None:
        following = desk.cursors.write(request, [last_seen, *pinned(moment)], filters)
    return page_at(request, items, Page[NotificationShown], moment, next_cursor=following)


@reads.get(
    "/v1/notifications/{notification_id}",
    operation_id="read_notification",
    summary="Read a notification, now or at any two times",
    responses={200: {"model": NotificationShown, "headers": MOMENT_HEADERS}},
)
def read_notification(
    request: Request,
    notification_id: UUID,
    _caller: Annotated[Caller, Depends(READING)],
    moment: AtMoment,
) -> Response:
    """The `ETag` of the present is the version that an acceptance or return must name."""
    journal = desk_of(request).journal
    found = journal.load(Notification, notification_id)
    if moment is None:
        return read_at(request, _shown(found), None, version=found.version)
    with journal.database.read() as connection:
        then = notification_at(connection, notification_id, moment)
        if then is None:
            raise not_then(connection, notification_id, moment)
    return read_at(request, presenting.notification(then), moment)


@commands.post(
    "/v1/notifications/{notification_id}/acceptance",
    operation_id="accept_notification",
    summary="Accept a notification and let it take effect",
    status_code=201,
    responses={201: {"model": NotificationShown, "description": "Settled; `outcome` says how."}},
)
def accept(
    request: Request,
    notification_id: UUID,
    command: Annotated[CommandRequest, Depends(Deciding("industry_officer"))],
) -> Response:
    """Order 327 paras. 9, 31: include, refuse, exclude or reinstate, as the notification says."""
    desk = desk_of(request)
    accepted = AcceptNotification(notification_id=notification_id, version=command.if_match)
    outcome = accept_notification(desk.journal, accepted, command.act, desk.procedure, command.answer)
    return desk.answered(outcome, Notification, command, _shown, LOCATION)


@commands.post(
    "/v1/notifications/{notification_id}/return",
    operation_id="return_notification",
    summary="Return an inclusion notification for rework",
    status_code=201,
    responses={201: {"model": NotificationShown, "description": "Returned with remarks."}},
)
def give_back(
    request: Request,
    notification_id: UUID,
    body: ReturnForm,
    command: Annotated[CommandRequest, Depends(Deciding("industry_officer"))],
) -> Response:
    """Order 327 para. 9: within the term of the review; rework takes five working days."""
    desk = desk_of(request)
    returned = ReturnNotification(
        notification_id=notification_id, remarks=body.remarks.text(), version=command.if_match
    )
    outcome = return_notification(desk.journal, returned, command.act, desk.procedure, command.answer)
    return desk.answered(outcome, Notification, command, _shown, LOCATION)
