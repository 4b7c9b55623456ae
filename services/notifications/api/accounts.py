"""`/v1/accounts/{bin}`: a producer's personal account, and an authority's."""

from __future__ import annotations

from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.kernel.http.responses import CursorParameter, Limit, page, read, recorded
from services.kernel.journal.events import microseconds
from services.notifications.api.desk import AtDesk
from services.notifications.api.messages import (
    MOVED,
    Account,
    AccountShown,
    Message,
    MessageId,
    Messages,
    asked,
    may_open,
    may_read,
    presented,
    presented_term,
)
from services.notifications.api.reflecting import REFLECTING
from services.notifications.projections.known import account_holder, refuse_former
from services.notifications.projections.matters import AUTHORITIES, terms_of
from services.notifications.projections.messages import Search, counts_of, message_of, messages_of
from services.notifications.usecases.once import once
from services.notifications.usecases.open_message import open_message

router = APIRouter(tags=["accounts"])

READERS: Final = ("producer", "informatization_officer", "industry_officer", "auditor")
MAX_TERMS: Final = 100


@router.get(
    "/v1/accounts/{bin}",
    operation_id="get_account",
    dependencies=REFLECTING,
    summary="What an account holds: unread messages and running terms",
    responses={200: {"model": AccountShown}, **MOVED},
)
def get_account(
    request: Request, desk: AtDesk, caller: Annotated[Caller, Depends(Reading(*READERS))], account: Account
) -> Response:
    """An account that holds nothing yet is empty."""
    may_read(caller, account)
    with desk.database.read() as connection:
        refuse_former(connection, account)
        messages, unread = counts_of(connection, account)
        holder = account if account in AUTHORITIES else account_holder(connection, account)
        terms = terms_of(connection, holder, limit=MAX_TERMS) if holder is not None else ()
    shown = [presented_term(term) for term in terms]
    return read(request, AccountShown(account=account, messages=messages, unread=unread, terms=shown))


@router.get(
    "/v1/accounts/{bin}/messages",
    operation_id="list_messages",
    dependencies=REFLECTING,
    summary="Read a personal account",
    responses={200: {"model": Messages}, **MOVED},
)
def list_messages(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*READERS))],
    account: Account,
    search: Annotated[Search, Depends(asked)],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Messages of a BIN or IIN, or of an authority, newest first."""
    may_read(caller, account)
    filters = {"account": account, "search": search}
    before = str(desk.cursors.read(request, cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        refuse_former(connection, account)
        rows = messages_of(connection, account, search, before=before, limit=limit + 1)
    following = (
        desk.cursors.write(request, [rows[limit - 1]["message_id"]], filters) if len(rows) > limit else None
    )
    items = [presented(row, caller.language) for row in rows[:limit]]
    return page(request, items, Messages, next_cursor=following)


@router.get(
    "/v1/accounts/{bin}/messages/{message_id}",
    operation_id="get_message",
    dependencies=REFLECTING,
    summary="Read one message; this is no receipt",
    responses={200: {"model": Message}, **MOVED},
)
def get_message(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*READERS))],
    account: Account,
    message_id: MessageId,
) -> Response:
    """A message counts as opened only by its receipt, which its own account confirms."""
    may_read(caller, account)
    return read(request, presented(message_at(desk, account, message_id), caller.language))


@router.post(
    "/v1/accounts/{bin}/messages/{message_id}/receipt",
    operation_id="open_message",
    summary="Confirm that a message was opened",
    status_code=201,
    responses={201: {"model": Message}},
)
def confirm_opening(
    desk: AtDesk,
    command: Annotated[
        CommandRequest, Depends(Commanding("producer", "informatization_officer", "industry_officer"))
    ],
    account: Account,
    message_id: MessageId,
) -> Response:
    """The first opening is the proof of service; opening again changes nothing."""
    may_open(command.caller, account)

    def act(connection: sa.Connection) -> str:
        refuse_former(connection, account)
        if message_of(connection, account, message_id) is None:
            raise NotFound("message_unknown", id=message_id)
        now = microseconds(desk.legal_clock.now())
        open_message(connection, message_id, command.act.provenance.actor, now=now)
        return message_id

    once(desk.database, desk.clock, command.answer, act)
    return recorded(
        presented(message_at(desk, account, message_id), command.caller.language),
        status=201,
        version=1,
        position=None,
        location=f"/v1/accounts/{account}/messages/{message_id}/receipt",
    )


def message_at(desk: AtDesk, account: str, message_id: str) -> sa.RowMapping:
    """A message of an account. Raises `NotFound` (`message_unknown`), and `Conflict` for a former BIN's."""
    with desk.database.read() as connection:
        refuse_former(connection, account)
        row = message_of(connection, account, message_id)
    if row is None:
        raise NotFound("message_unknown", id=message_id)
    return row
