"""What a subscription asks for besides types and a BIN: filters, ordering, rate, consent, several secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; who has been active until now has consented."""
    op.add_column("products", sa.Column("region", sa.Text(), nullable=True))
    op.add_column("products", sa.Column("status", sa.Text(), nullable=True))
    op.add_column("products", sa.Column("exclusion_id", sa.Text(), nullable=True))
    for column in (
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("track", sa.Text(), nullable=True),
        sa.Column("ordering", sa.Text(), nullable=False, server_default="unordered"),
        sa.Column("deliveries_per_minute", sa.Integer(), nullable=True),
        sa.Column("allowed_per_minute", sa.Integer(), nullable=True),
        sa.Column("consent", sa.Text(), nullable=False, server_default="challenge"),
        sa.Column("consented_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("former_secrets", sa.LargeBinary(), nullable=True),
    ):
        op.add_column("subscriptions", column)
    op.execute("UPDATE subscriptions SET consented_at = created_at WHERE state = 'active'")


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
