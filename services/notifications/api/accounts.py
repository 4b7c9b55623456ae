"""`/v1/accounts/{bin}/messages`: a producer's personal account."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.errors import Forbidden, Invalid, NotFound
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.kernel.http.responses import CursorParameter, Limit, Page, Representation, page, recorded
from services.kernel.identifiers import IdentifierWrong, parse_bin_or_iin
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.api.desk import AtDesk
from services.notifications.projections.messages import message_of, messages_of
from services.notifications.usecases.once import once
from services.notifications.usecases.open_message import open_message

router = APIRouter(tags=["accounts"])

Identifier = Annotated[
    str,
    Path(
        alias="bin",
        description="BIN or IIN of the account.",
        pattern=r"^[0-9]{12}$",
        examples=["181240006529"],
    ),
]
MessageId = Annotated[
    str, Path(pattern=r"^[0-9a-f-]{36}$", examples=["0191f3c0-0000-7000-8000-000000000000"])
]


class MessageText(Representation):
    """A message in one language."""

    subject: str
    body: str


class Message(Representation):
    """An item of a personal account: put there by a legal step, in Kazakh, Russian and English."""

    message_id: str
    event_id: str = Field(description="The fact behind it, as in the journal.")
    event_type: str
    template: str
    template_version: int
    subject: str = Field(description="In the language of the request.")
    texts: dict[str, MessageText]
    put_at: datetime
    opened_at: datetime | None = Field(
        default=None, description="When it was first opened: proof of service."
    )
    due_on: date | None = Field(default=None, description="The last day of the term it speaks of.")


class Messages(Page[Message]):
    """One page of an account, newest first."""


@router.get(
    "/v1/accounts/{bin}/messages",
    operation_id="list_messages",
    summary="Read a personal account",
    responses={200: {"model": Messages}},
)
def list_messages(
    request: Request,
    desk: AtDesk,
    caller: Annotated[
        Caller, Depends(Reading("producer", "informatization_officer", "industry_officer", "auditor"))
    ],
    identifier: Identifier,
    unread: Annotated[bool, Query(description="Only what was never opened.")] = False,  # a query
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Messages of a BIN or IIN."""
    _own(caller, identifier)
    filters = {"account": identifier, "unread": unread}
    before = str(desk.cursors.read(cursor, filters)[0]) if cursor else None
    with desk.database.read() as connection:
        rows = messages_of(connection, identifier, unread=unread, before=before, limit=limit + 1)
    following = desk.cursors.write([rows[limit - 1]["message_id"]], filters) if len(rows) > limit else None
    items = [_presented(row, caller.language) for row in rows[:limit]]
    return page(request, items, Messages, next_cursor=following)


@router.post(
    "/v1/accounts/{bin}/messages/{message_id}/receipt",
    operation_id="open_message",
    summary="Confirm that a message was opened",
    status_code=201,
    responses={201: {"model": Message}},
)
def confirm_opening(
    desk: AtDesk,
    command: Annotated[CommandRequest, Depends(Commanding("producer"))],
    identifier: Identifier,
    message_id: MessageId,
) -> Response:
    """The first opening is the proof of service; opening again changes nothing."""
    _own(command.caller, identifier)

    def act(connection: sa.Connection) -> str:
        if message_of(connection, identifier, message_id) is None:
            raise NotFound("message_unknown", id=message_id)
        now = microseconds(desk.legal_clock.now())
        open_message(connection, message_id, command.act.provenance.actor, now=now)
        return message_id

    once(desk.database, desk.clock, command.answer, act)
    with desk.database.read() as connection:
        row = message_of(connection, identifier, message_id)
    if row is None:
        raise NotFound("message_unknown", id=message_id)
    return recorded(
        _presented(row, command.caller.language),
        status=201,
        version=1,
        position=None,
        location=f"/v1/accounts/{identifier}/messages",
    )


def _own(caller: Caller, identifier: str) -> None:
    try:
        parse_bin_or_iin(identifier)
    except IdentifierWrong as wrong:
        raise Invalid(wrong.code) from wrong
    if not caller.acts_for(identifier):
        raise Forbidden("not_yours")


def _presented(row: sa.RowMapping, language: str) -> Message:
    texts = msgspec.json.decode(bytes(row["texts"]), type=dict[str, dict[str, str]])
    return Message(
        message_id=row["message_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        template=row["template_id"],
        template_version=row["template_version"],
        subject=texts[language]["subject"],
        texts={name: MessageText(**text) for name, text in texts.items()},
        put_at=from_microseconds(row["put_at"]),
        opened_at=from_microseconds(row["opened_at"]) if row["opened_at"] is not None else None,
        due_on=date.fromisoformat(row["due_on"]) if row["due_on"] else None,
    )
