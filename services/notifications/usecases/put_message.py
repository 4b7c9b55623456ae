"""Put a message into an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import sqlalchemy as sa

from services.kernel.journal.events import microseconds, new_event_id
from services.notifications.domain.messages import ParameterValue, RenderedMessage, render, searchable
from services.notifications.projections.used_wordings import keep_used
from services.notifications.schema import MESSAGES


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


def put_message(
    connection: sa.Connection,
    recipient: str,
    template_id: str,
    params: Mapping[str, ParameterValue],
    occasion: Occasion,
    *,
    put_at: datetime,
) -> str:
    """Write a message in the caller's transaction; returns its id.

    The texts are kept as rendered, so that what was served can be shown years later, with the wordings they
    were made of. Raises `IntegrityError` for an occasion the account has a message of.
    """
    message = render(template_id, {"on": occasion.day, **params})
    keep_used(connection, message.editions)
    message_id = new_event_id()
    connection.execute(
        sa.insert(MESSAGES).values(
            message_id=message_id,
            recipient=recipient,
            occasion=occasion.key,
            event_id=occasion.event_id,
            event_type=occasion.event_type,
            template_id=message.template_id,
            template_version=message.version,
            texts=_kept(message),
            searched=searchable(message),
            due_on=occasion.due_on,
            put_at=microseconds(put_at),
        )
    )
    return message_id


def _kept(message: RenderedMessage) -> bytes:
    texts = (("kk", message.kk), ("ru", message.ru), ("en", message.en))
    return msgspec.json.encode(
        {language: {"subject": text.subject, "body": text.body} for language, text in texts}
    )


def day_of(text: str) -> date:
    """The legal day that an event writes as an ISO date."""
    return date.fromisoformat(text)
