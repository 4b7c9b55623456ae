"""The messages of one account, newest first."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.notifications.schema import MESSAGES, RECEIPTS

_SHOWN = (
    sa.select(MESSAGES, RECEIPTS.c.opened_at)
    .join_from(MESSAGES, RECEIPTS, RECEIPTS.c.message_id == MESSAGES.c.message_id, isouter=True)
    .order_by(MESSAGES.c.message_id.desc())
)


def messages_of(
    connection: sa.Connection, recipient: str, *, unread: bool, before: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """At most `limit` messages older than `before` (a message id), unopened ones only with `unread`."""
    query = _SHOWN.where(MESSAGES.c.recipient == recipient).limit(limit)
    if before is not None:
        query = query.where(MESSAGES.c.message_id < before)
    if unread:
        query = query.where(RECEIPTS.c.opened_at.is_(None))
    return connection.execute(query).mappings().all()


def message_of(connection: sa.Connection, recipient: str, message_id: str) -> sa.RowMapping | None:
    """One message of an account."""
    query = _SHOWN.where(MESSAGES.c.recipient == recipient, MESSAGES.c.message_id == message_id)
    return connection.execute(query).mappings().one_or_none()


def unread_of(connection: sa.Connection, recipient: str) -> int:
    """How many messages of an account were never opened."""
    query = (
        sa.select(sa.func.count())
        .select_from(MESSAGES.join(RECEIPTS, RECEIPTS.c.message_id == MESSAGES.c.message_id, isouter=True))
        .where(MESSAGES.c.recipient == recipient, RECEIPTS.c.opened_at.is_(None))
    )
    return connection.scalar(query) or 0
