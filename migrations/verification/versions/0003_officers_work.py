"""Who holds a case, what waits for a second officer or for documents, and the officers known here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in ("assigned_to", "proposed_by", "documents_due_on"):
        op.add_column("cases", sa.Column(column, sa.Text(), nullable=True))
    op.create_index("cases_documents_due", "cases", ["documents_due_on"])
    op.create_index("cases_worklist", "cases", ["status", "due_on", "case_id"])
    op.create_index("cases_assigned", "cases", ["assigned_to", "status", "due_on", "case_id"])
    op.create_table(
        "officers",
        sa.Column("officer_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("officer_id"),
    )


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
