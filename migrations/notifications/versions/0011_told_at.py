"""At which position what is known of producers and products was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TOLD = {
    "producers": ("identifier_told_at", "language_told_at", "email_told_at"),
    "products": ("name_told_at", "region_told_at"),
}


def upgrade() -> None:
    """Apply; of what is known so far it is not known when it was told, and any fact tells anew."""
    for table, names in _TOLD.items():
        for name in names:
            op.add_column(table, sa.Column(name, BigInt, nullable=True))


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
