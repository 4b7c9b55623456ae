"""The positions at which matters were opened and ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; what waits already ends with the next fact that ends it, whichever that is."""
    op.add_column("matters", sa.Column("told_at", BigInt, nullable=False, server_default="0"))
    op.create_table(
        "ended_matters",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("told_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind"),
    )


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
