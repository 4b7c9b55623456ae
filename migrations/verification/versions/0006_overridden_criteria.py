"""Which criteria an officer had overridden in a decision that a draft would change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("simulation_differences", sa.Column("overridden", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
