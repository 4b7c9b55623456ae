"""Which worker sends over a channel, so that what one that is gone had under way is sent at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; what is under way now ends with its lease."""
    op.add_column("dispatches", sa.Column("lease_owner", sa.Text(), nullable=True))
    op.create_index(
        "dispatches_leased",
        "dispatches",
        ["lease_owner"],
        unique=False,
        postgresql_where=sa.text("lease_owner IS NOT NULL"),
        sqlite_where=sa.text("lease_owner IS NOT NULL"),
    )


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
