"""Erasures that one officer proposes and another decides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("first_position", big, nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("erasure_id"),
    )
    op.create_index("erasures_status", "erasures", ["status", "first_position"])
    op.create_index("erasures_order", "erasures", ["first_position"], unique=True)


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
