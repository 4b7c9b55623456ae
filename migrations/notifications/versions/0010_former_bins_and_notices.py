"""Former BINs of producers that were transformed, and which product a notification is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; what was followed before is not learnt again."""
    op.create_table(
        "former_bins",
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bin"),
    )
    op.create_index("ix_former_bins_producer_id", "former_bins", ["producer_id"])
    op.create_table(
        "notices",
        sa.Column("notification_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("notification_id"),
    )


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
