"""From when a producer's present BIN and name count, where a transformation gave them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from services.kernel.journal.events import microseconds

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

PRODUCERS = sa.table(
    "producers",
    sa.column("producer_id", sa.Uuid()),
    sa.column("renamed_by", sa.Text()),
    sa.column("numbered_at", sa.BigInteger()),
    sa.column("renamed_at", sa.BigInteger()),
)
EVENTS = sa.table(
    "events",
    sa.column("position", sa.BigInteger()),
    sa.column("stream_id", sa.Uuid()),
    sa.column("type", sa.Text()),
    sa.column("record", sa.LargeBinary()),
)


def upgrade() -> None:
    """Apply; until now the BIN and name of the transformation recorded last counted."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("producers") as table:
        table.add_column(sa.Column("numbered_at", big, nullable=True))
        table.add_column(sa.Column("renamed_at", big, nullable=True))
    _tell()


def _tell() -> None:
    connection = op.get_bind()
    columns = EVENTS.c
    query = (
        sa.select(columns.stream_id, columns.record)
        .where(columns.type == "kz.register.producer.transformed.v1")
        .order_by(columns.position)
    )
    for producer_id, record in connection.execute(query).all():
        told: dict[str, Any] = json.loads(bytes(record))
        at = microseconds(datetime.fromisoformat(told["effectiveat"]))
        own = PRODUCERS.c.producer_id == producer_id
        if told["data"]["former_bin"] != told["data"]["producer"].get("bin"):
            connection.execute(sa.update(PRODUCERS).where(own).values(numbered_at=at))
        named = sa.and_(own, PRODUCERS.c.renamed_by == told["id"])
        connection.execute(sa.update(PRODUCERS).where(named).values(renamed_at=at))


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
