"""Put a message into an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import msgspec
import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import microseconds, new_event_id
from services.notifications.domain.messages import ParameterValue, render
from services.notifications.schema import MESSAGES


def put_message(
    connection: sa.Connection,
    foreign: Foreign,
    recipient: str,
    template_id: str,
    params: Mapping[str, ParameterValue],
    *,
    put_at: datetime,
    due_on: str | None = None,
) -> None:
    """Write the message an event calls for, in the transaction that handles the event.

    The legal day of the event is the message's day; `put_at` is when it was put there. The texts are kept as
    rendered, so that what was served can be shown years later.
    """
    day = legal_date(foreign.fact.effective_at)
    message = render(template_id, {"on": day, **params})
    texts = {
        language: {"subject": text.subject, "body": text.body}
        for language, text in (("kk", message.kk), ("ru", message.ru), ("en", message.en))
    }
    connection.execute(
        sa.insert(MESSAGES).values(
            message_id=new_event_id(),
            recipient=recipient,
            event_id=foreign.fact.id,
            event_type=foreign.upstream.header.type,
            template_id=message.template_id,
            template_version=message.version,
            texts=msgspec.json.encode(texts),
            due_on=due_on,
            put_at=microseconds(put_at),
        )
    )


def day_of(text: str) -> date:
    """The legal day that an event writes as an ISO date."""
    return date.fromisoformat(text)
