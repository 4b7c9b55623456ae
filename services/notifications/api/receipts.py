"""`/v1/accounts/{bin}/messages/{message_id}/receipt`: what proves that a message was served."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.http.negotiation import preferred_type
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import JSON, Representation, read_bytes, rendered
from services.kernel.journal.events import from_microseconds
from services.notifications.api.accounts import READERS, message_at
from services.notifications.api.channels import TryMade, made_try
from services.notifications.api.desk import AtDesk
from services.notifications.api.messages import MOVED, Account, MessageId, may_read
from services.notifications.api.receipt_page import HTML, SECURITY, page_of
from services.notifications.api.reflecting import REFLECTING
from services.notifications.domain.channels import ChannelName
from services.notifications.projections.channels import tries_of
from services.notifications.projections.messages import channels_of

router = APIRouter(tags=["accounts"])

_HTML_CONTENT: Final[dict[str, Any]] = {"text/html": {"schema": {"type": "string"}}}


class ChannelShown(Representation):
    """What became of the message on a channel besides the account; it proves nothing of service."""

    channel: ChannelName
    state: Literal["pending", "sent", "refused", "unaddressed", "exhausted"]
    ended_at: datetime | None = None
    tries: list[TryMade] = Field(description="Every try, kept for 90 days.")


class Receipt(Representation):
    """When a message was put into an account, and when it was first opened there."""

    account: str
    message_id: str
    subject: str = Field(description="In the language of the request.")
    template: str
    template_version: int
    texts_sha256: str = Field(
        description="Digest of the texts as they are kept, in all languages (RFC 8785 form of `texts`)."
    )
    event_id: str | None = None
    event_type: str | None = None
    put_at: datetime
    opened_at: datetime | None = Field(default=None, description="Absent while it was never opened.")
    opened_by: str | None = Field(default=None, description="Who opened it first, by opaque id.")
    due_on: date | None = None
    channels: list[ChannelShown] = Field(description="E-mail and the portal, where they are on.")


@router.get(
    "/v1/accounts/{bin}/messages/{message_id}/receipt",
    operation_id="get_receipt",
    dependencies=REFLECTING,
    summary="The proof of service of a message",
    responses={200: {"model": Receipt, "content": _HTML_CONTENT}, **MOVED},
)
def get_receipt(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading(*READERS))],
    account: Account,
    message_id: MessageId,
) -> Response:
    """As JSON, or as a page fit to print (`Accept: text/html`) in the language of the request."""
    may_read(caller, account)
    row = message_at(desk, account, message_id)
    with desk.database.read() as connection:
        tries = tries_of(connection, [message_id])
        channels = [_channel(one, tries) for one in channels_of(connection, message_id)]
    receipt = _receipt(row, channels, account, caller.language)
    if preferred_type(request.headers.get("accept"), (JSON, "text/html")) == JSON:
        answer = read_bytes(request, rendered(receipt), JSON)
    else:
        shown = receipt.model_dump(mode="json", exclude_none=True)
        answer = read_bytes(request, page_of(shown, caller.language), HTML)
        answer.headers["Content-Language"] = caller.language
        answer.headers["Content-Security-Policy"] = SECURITY
    answer.headers["Vary"] = "Accept, Accept-Language"
    return answer


def _receipt(row: sa.RowMapping, channels: list[ChannelShown], account: str, language: str) -> Receipt:
    texts = msgspec.json.decode(bytes(row["texts"]), type=dict[str, dict[str, str]])
    opened = row["opened_at"]
    return Receipt(
        account=account,
        message_id=row["message_id"],
        subject=texts[language]["subject"],
        template=row["template_id"],
        template_version=row["template_version"],
        texts_sha256=hashlib.sha256(msgspec.json.encode(texts, order="sorted")).hexdigest(),
        event_id=row["event_id"],
        event_type=row["event_type"],
        put_at=from_microseconds(row["put_at"]),
        opened_at=from_microseconds(opened) if opened is not None else None,
        opened_by=row["opened_by"],
        due_on=date.fromisoformat(row["due_on"]) if row["due_on"] else None,
        channels=channels,
    )


def _channel(row: sa.RowMapping, tries: Sequence[sa.RowMapping]) -> ChannelShown:
    ended = row["ended_at"]
    return ChannelShown(
        channel=row["channel"],
        state=row["state"],
        ended_at=from_microseconds(ended) if ended is not None else None,
        tries=[made_try(one) for one in tries if one["channel"] == row["channel"]],
    )
