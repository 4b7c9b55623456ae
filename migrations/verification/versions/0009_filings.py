"""Whose evidence a document is: who uploaded which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt
from services.kernel.migrating import CannotMigrate

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Who uploaded the documents of before was recorded nowhere; no release ever kept any.

    They could only be given to whoever names them, which is what filings end, or to nobody, which would let
    the next round exclude products. Raises `CannotMigrate` when the database holds some.
    """
    documents = sa.table("documents")
    if op.get_bind().execute(sa.select(sa.func.count()).select_from(documents)).scalar_one():
        raise CannotMigrate("it holds documents without who uploaded them; start with an empty data folder")
    op.create_table(
        "document_filings",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uploader", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("sha256", "uploader"),
    )
    op.create_index("document_filings_uploader", "document_filings", ["uploader"])


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
