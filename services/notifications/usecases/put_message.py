"""Put messages into accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from services.kernel.journal.events import microseconds, new_event_id
from services.kernel.journal.rows import BulkInsert, Row
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.messages import ParameterValue, RenderedMessage, render, searchable
from services.notifications.domain.templates import Edition
from services.notifications.projections.used_wordings import keep_used
from services.notifications.schema import MESSAGES
from services.notifications.usecases.dispatch import queue_dispatches

_INSERT: Final = BulkInsert(MESSAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a message is put for. An account has one message of an occasion: the same `key` puts nothing more.

    `day` is the legal day that chooses the wording and that the texts name; `due_on` the last day of the term
    they speak of. `event_id` and `event_type` are those of the fact behind it, where there is one.
    """

    key: str
    day: date
    event_id: str | None = None
    event_type: str | None = None
    due_on: str | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as it will stand in the account, the wordings it is made of, and its other channels."""

    row: Row
    editions: tuple[Edition, ...]
    channels: tuple[ChannelName, ...]


def compose(
    recipient: str,
    template_id: str,
    params: Mapping[str, ParameterValue],
    occasion: Occasion,
    *,
    put_at: datetime,
    channels: Collection[ChannelName] = (),
) -> NewMessage:
    """Write the texts of a message in all languages.

    They are kept as rendered, so that what was served can be shown years later, with the wordings they were
    made of.
    """
    message = render(template_id, {"on": occasion.day, **params})
    row: Row = {
        "message_id": new_event_id(),
        "recipient": recipient,
        "occasion": occasion.key,
        "event_id": occasion.event_id,
        "event_type": occasion.event_type,
        "template_id": message.template_id,
        "template_version": message.version,
        "texts": _kept(message),
        "searched": searchable(message),
        "due_on": occasion.due_on,
        "put_at": microseconds(put_at),
    }
    return NewMessage(row, message.editions, tuple(channels))


def put_messages(connection: sa.Connection, messages: Sequence[NewMessage]) -> None:
    """Put messages into their accounts and on their channels, in the caller's transaction.

    The database refuses one for an occasion its account has a message of.
    """
    keep_used(connection, {edition for message in messages for edition in message.editions})
    _INSERT(connection, [message.row for message in messages])
    queue_dispatches(
        connection,
        [(message.row["message_id"], channel) for message in messages for channel in message.channels],
    )


def _kept(message: RenderedMessage) -> bytes:
    texts = (("kk", message.kk), ("ru", message.ru), ("en", message.en))
    return msgspec.json.encode(
        {language: {"subject": text.subject, "body": text.body} for language, text in texts}
    )


def day_of(text: str) -> date:
    """The legal day that an event writes as an ISO date."""
    return date.fromisoformat(text)
