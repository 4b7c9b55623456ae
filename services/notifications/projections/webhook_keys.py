"""The public halves of the keys that sign webhooks."""

from __future__ import annotations

import sqlalchemy as sa

from services.kernel.journal.events import from_microseconds
from services.notifications.domain.signing import PublicKey
from services.notifications.domain.webhook_keys import WebhookKey
from services.notifications.schema import WEBHOOK_KEYS


def keys_of(connection: sa.Connection) -> list[WebhookKey]:
    """All keys there ever were, oldest first."""
    columns = WEBHOOK_KEYS.c
    rows = connection.execute(
        sa.select(columns.number, columns.public_key, columns.signs_from, columns.signs_until).order_by(
            columns.number
        )
    )
    return [
        WebhookKey(
            row.number,
            PublicKey(bytes(row.public_key)),
            from_microseconds(row.signs_from),
            from_microseconds(row.signs_until) if row.signs_until is not None else None,
        )
        for row in rows
    ]
