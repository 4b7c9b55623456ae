"""An index of what was given up on the channels besides the account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    given_up = sa.text("state IN ('exhausted', 'refused')")
    op.create_index(
        "dispatches_given_up",
        "dispatches",
        ["channel", "ended_at"],
        postgresql_where=given_up,
        sqlite_where=given_up,
    )


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
