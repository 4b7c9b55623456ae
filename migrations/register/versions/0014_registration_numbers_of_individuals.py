"""Where the vault holds an individual's state registration number that an extract names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; extracts issued before hold the number among what is kept of them."""
    with op.batch_alter_table("extract_contents") as table:
        table.add_column(sa.Column("registered_by", sa.Text(), nullable=True))


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
