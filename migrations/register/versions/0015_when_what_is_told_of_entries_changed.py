"""From when requests, appeals, monitoring, rulings and exclusions changed what is told of entries."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from services.kernel.journal.events import microseconds

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

FACTS = sa.table(
    "entry_data_facts",
    sa.column("position", sa.BigInteger()),
    sa.column("stream_id", sa.Uuid()),
    sa.column("effective_at", sa.BigInteger()),
)
EVENTS = sa.table(
    "events",
    sa.column("position", sa.BigInteger()),
    sa.column("stream_id", sa.Uuid()),
    sa.column("type", sa.Text()),
    sa.column("record", sa.LargeBinary()),
)
TYPES = (
    "excluded",
    "reinstated",
    "exclusion-requested",
    "monitoring-recorded",
    "appeal-filed",
    "appeal-dismissed",
    "appeal-closed",
    "court-ruling-recorded",
)


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    columns = EVENTS.c
    query = sa.select(columns.position, columns.stream_id, columns.record).where(
        columns.type.in_([f"kz.register.entry.{name}.v1" for name in TYPES])
    )
    rows: list[dict[str, Any]] = []
    for position, stream_id, record in connection.execute(query):
        effective_at = datetime.fromisoformat(json.loads(bytes(record))["effectiveat"])
        told = {"stream_id": stream_id, "effective_at": microseconds(effective_at)}
        rows.append({"position": position, **told})
    if rows:
        connection.execute(sa.insert(FACTS), rows)


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
