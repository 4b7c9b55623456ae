"""Extracts, and what each of them says."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "extracts",
        sa.Column("extract_id", sa.Uuid(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("extract_id"),
        sa.UniqueConstraint("code_sha256"),
    )
    op.create_index("ix_extracts_producer_id", "extracts", ["producer_id"])
    op.create_table(
        "extract_contents",
        sa.Column("extract_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("personal_of", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("extract_id"),
    )


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
