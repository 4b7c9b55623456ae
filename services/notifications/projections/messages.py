"""The messages of one account, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from services.kernel.personal_keys import pseudonym
from services.notifications.channel_tables import DISPATCHES
from services.notifications.domain.messages import folded
from services.notifications.schema import MESSAGES, RECEIPTS

MOST_COUNTED: Final = 10_000
_SHOWN = (
    sa.select(MESSAGES, RECEIPTS.c.opened_at, RECEIPTS.c.opened_by)
    .join_from(MESSAGES, RECEIPTS, RECEIPTS.c.message_id == MESSAGES.c.message_id, isouter=True)
    .order_by(MESSAGES.c.message_id.desc())
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which messages are asked for; what is not given asks for nothing.

    `text` stands in the message in any language, whatever its case. `put_from` and `put_before` are instants
    in microseconds since 1970 (UTC).
    """

    unread: bool = False
    text: str | None = None
    event_type: str | None = None
    template: str | None = None
    put_from: int | None = None
    put_before: int | None = None


def messages_of(
    connection: sa.Connection, account: str, search: Search, *, before: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """At most `limit` messages that a search finds, older than `before` (a message id)."""
    columns = MESSAGES.c
    query = _SHOWN.where(columns.recipient == pseudonym(connection, account)).limit(limit)
    if before is not None:
        query = query.where(columns.message_id < before)
    if search.unread:
        query = query.where(RECEIPTS.c.opened_at.is_(None))
    if search.text is not None:
        query = query.where(columns.searched.contains(folded(search.text), autoescape=True))
    if search.event_type is not None:
        query = query.where(columns.event_type == search.event_type)
    if search.template is not None:
        query = query.where(columns.template_id == search.template)
    if search.put_from is not None:
        query = query.where(columns.put_at >= search.put_from)
    if search.put_before is not None:
        query = query.where(columns.put_at < search.put_before)
    return connection.execute(query).mappings().all()


def message_of(connection: sa.Connection, account: str, message_id: str) -> sa.RowMapping | None:
    """One message of an account."""
    query = _SHOWN.where(
        MESSAGES.c.recipient == pseudonym(connection, account), MESSAGES.c.message_id == message_id
    )
    return connection.execute(query).mappings().one_or_none()


def counts_of(connection: sa.Connection, account: str) -> tuple[int, int]:
    """How many messages an account has, and how many of them were never opened: of the newest 10,000."""
    newest = (
        sa.select(MESSAGES.c.message_id)
        .where(MESSAGES.c.recipient == pseudonym(connection, account))
        .order_by(MESSAGES.c.message_id.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    opened = newest.join(RECEIPTS, RECEIPTS.c.message_id == newest.c.message_id, isouter=True)
    unread = sa.func.count(sa.case((RECEIPTS.c.opened_at.is_(None), 1)))
    row = connection.execute(sa.select(sa.func.count(), unread).select_from(opened)).one()
    return int(row[0]), int(row[1])


def channels_of(connection: sa.Connection, message_id: str) -> Sequence[sa.RowMapping]:
    """What became of a message on each channel besides the account."""
    query = (
        sa.select(DISPATCHES.c.channel, DISPATCHES.c.state, DISPATCHES.c.ended_at)
        .where(DISPATCHES.c.message_id == message_id)
        .order_by(DISPATCHES.c.channel)
    )
    return connection.execute(query).mappings().all()


def holds(connection: sa.Connection, recipient: str, occasion: str) -> bool:
    """Whether an account has the message of an occasion."""
    query = sa.select(MESSAGES.c.message_id).where(
        MESSAGES.c.recipient == recipient, MESSAGES.c.occasion == occasion
    )
    return connection.execute(query).first() is not None
