"""From when data of entries changed in law; from when a notification's row answers about a past too.

The second is unknown until the next rebuild; null is right of every row, which is then folded from its facts.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from services.kernel.journal.events import microseconds

revision = "0012"
down_revision = "0011"
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
TYPES = ("entry.updated.v1", "entry.corrected.v1", "producer.transformed.v1")


def upgrade() -> None:
    """Apply."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "entry_data_facts",
        sa.Column("position", big, autoincrement=False, nullable=False),
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("effective_at", big, nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_entry_data_facts_stream_id", "entry_data_facts", ["stream_id"])
    op.create_index("entry_data_facts_effective", "entry_data_facts", ["effective_at", "stream_id"])
    _tell()
    with op.batch_alter_table("notifications") as table:
        table.add_column(sa.Column("counts_from", big, nullable=True))


def _tell() -> None:
    connection = op.get_bind()
    columns = EVENTS.c
    query = sa.select(columns.position, columns.stream_id, columns.record).where(
        columns.type.in_([f"kz.register.{name}" for name in TYPES])
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
