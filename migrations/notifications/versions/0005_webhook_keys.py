"""The Ed25519 keys that sign webhooks beside each endpoint's secret."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; the first key is made when the service starts."""
    instant = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "webhook_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("signs_from", instant, nullable=False),
        sa.Column("signs_until", instant, nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
