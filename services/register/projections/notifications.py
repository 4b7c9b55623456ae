"""Notifications as officers see them: what waits, what runs out, what came of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.contract import FixedTerm
from services.kernel.journal.projection import Row, RowFold
from services.kernel.journal.units import Recorded
from services.register.contract.events import (
    NotificationReceived,
    NotificationReturned,
    NotificationSettled,
    TermMissed,
)
from services.register.schema import METADATA

NOTIFICATIONS: Final = sa.Table(
    "notifications",
    METADATA,
    sa.Column("notification_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("producer_id", sa.Uuid, nullable=False),
    sa.Column("product_id", sa.Uuid, nullable=False),
    sa.Column("due_on", sa.Text, nullable=True),
    sa.Column("term", sa.LargeBinary, nullable=True),
    sa.Column("missed_due_on", sa.Text, nullable=True),
    sa.Index("notifications_status", "status", "notification_id"),
    sa.Index("notifications_due", "due_on"),
)
"""`term` is the running term (JSON), `due_on` its last day; none once the notification is settled."""

_KINDS: Final = (NotificationReceived, NotificationReturned, NotificationSettled, TermMissed)
_ENCODER: Final = msgspec.json.Encoder()
_TERM: Final = msgspec.json.Decoder(FixedTerm)


class Notifications(RowFold):
    """One row a notification."""

    def __init__(self) -> None:
        super().__init__(NOTIFICATIONS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The notification itself."""
        return (recorded.fact.originator_id,) if isinstance(recorded.fact.data, _KINDS) else ()

    def begins(self, recorded: Recorded) -> bool:
        """The first receipt begins a row."""
        return recorded.fact.originator_version == 1

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, NotificationReceived):
            settled = row is not None and row["status"] == "settled"
            begun = {
                "notification_id": key,
                "kind": data.kind,
                "result": data.result,
                "status": "settled" if settled else "received",
                "producer_id": UUID(data.producer.producer_id),
                "product_id": UUID(data.product_id),
                "missed_due_on": row["missed_due_on"] if row else None,
            }
            return {**begun, **_running(None if settled else data.term)}
        if row is None:
            raise ValueError(f"{key} was never received")
        if isinstance(data, NotificationReturned):
            return {**row, "status": "returned", **_running(data.rework_term)}
        if isinstance(data, TermMissed):
            return {**row, "missed_due_on": data.term.due_on}
        return {**row, "status": "settled", **_running(None)}


def _running(term: FixedTerm | None) -> Row:
    return {"due_on": term.due_on if term else None, "term": _ENCODER.encode(term) if term else None}


def overdue(connection: sa.Connection, today: str, limit: int) -> list[tuple[UUID, FixedTerm]]:
    """Notifications whose running term ended before `today` (ISO date, Asia/Almaty) and is not yet recorded."""
    columns = NOTIFICATIONS.c
    rows = connection.execute(
        sa.select(columns.notification_id, columns.term)
        .where(
            columns.due_on < today,
            sa.or_(columns.missed_due_on.is_(None), columns.missed_due_on != columns.due_on),
        )
        .order_by(columns.due_on, columns.notification_id)
        .limit(limit)
    )
    return [(row.notification_id, _TERM.decode(bytes(row.term))) for row in rows]
