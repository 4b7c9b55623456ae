"""How long a try took up to each of its stages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; of earlier tries only the whole time is known."""
    for name in ("resolved_after", "connected_after", "answered_after"):
        op.add_column("attempts", sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
