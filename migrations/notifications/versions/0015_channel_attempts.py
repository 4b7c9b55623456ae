"""Every try over a channel besides the account, and how each channel fares."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; of earlier tries only their number is known."""
    channels = op.create_table(
        "channels",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("breaker", sa.Text(), nullable=False, server_default="closed"),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("opened", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("not_before", BigInt, nullable=False, server_default="0"),
        sa.Column("at_once", sa.Integer(), nullable=True),
        sa.Column("failing_since", BigInt, nullable=True),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.bulk_insert(channels, [{"channel": "email"}, {"channel": "portal"}])
    op.create_table(
        "dispatch_attempts",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", BigInt, nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", "channel", "number"),
    )
    op.create_index("dispatch_attempts_made", "dispatch_attempts", ["channel", "at"])


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
