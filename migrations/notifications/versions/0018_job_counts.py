"""How many deliveries of each job are over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_STATES = {
    "delivered": "('delivered')",
    "exhausted": "('exhausted', 'recovered')",
    "cancelled": "('cancelled')",
}


def upgrade() -> None:
    """Apply, with what is over of jobs begun before."""
    for name, states in _STATES.items():
        op.add_column("jobs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        op.execute(
            f"UPDATE jobs SET {name} = (SELECT count(*) FROM deliveries "  # noqa: S608  # the constants above
            f"WHERE deliveries.job_id = jobs.job_id AND deliveries.job_id <> '' AND state IN {states})"
        )


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
