"""When an owner was warned last of an endpoint that fails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; warnings given before count as given long ago."""
    op.add_column("endpoints", sa.Column("warned_at", BigInt, nullable=False, server_default="0"))


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
