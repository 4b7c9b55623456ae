"""Open a message: the receipt that proves when it was first read."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.notifications.schema import RECEIPTS


def open_message(connection: sa.Connection, message_id: str, opened_by: str, *, now: int) -> None:
    """Write the receipt, once; opening again changes nothing. `now` in microseconds since 1970 (UTC)."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"message_id": message_id, "opened_at": now, "opened_by": opened_by}
    connection.execute(insert(RECEIPTS).values(row).on_conflict_do_nothing())
