"""Looks at documents, documents that were replaced, imports of listings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt
from services.kernel.journal.tables import append_only_guards

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "document_looks",
        sa.Column("look_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("seen_as", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("looked_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("look_id"),
    )
    op.create_index("document_looks_document", "document_looks", ["sha256", "look_id"])
    op.create_table(
        "document_supersessions",
        sa.Column("application_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("superseded_by", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("marked_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("application_id", "sha256"),
    )
    op.create_table(
        "listing_imports",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("imported_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    for table, key in (
        ("document_looks", ["look_id"]),
        ("document_supersessions", ["application_id", "sha256"]),
        ("listing_imports", ["sha256"]),
    ):
        for statement in append_only_guards(table, key, postgresql=postgresql):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
