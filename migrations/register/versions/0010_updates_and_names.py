"""Which transformation gave a producer its present name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PRODUCERS = sa.table("producers", sa.column("transformed_by", sa.Text()), sa.column("renamed_by", sa.Text()))


def upgrade() -> None:
    """Apply; until now every transformation counted as giving the name it states."""
    with op.batch_alter_table("producers") as table:
        table.add_column(sa.Column("renamed_by", sa.Text(), nullable=True))
    op.execute(sa.update(PRODUCERS).values(renamed_by=PRODUCERS.c.transformed_by))


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
