"""What is kept of persons stands encrypted, and an IIN by its pseudonym (docs/decisions/0012)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.migrating import refuse_clear

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Values in clear have no keys here to encrypt them with; no release ever wrote any.

    Raises `CannotMigrate` when the database holds some.
    """
    refuse_clear(op.get_bind(), personal=("personal_values",), numbers=("trusted_listings.holder",))
    op.drop_index("ix_personal_values_subject_id", "personal_values")
    op.drop_table("personal_values")
    op.create_table(
        "personal_values",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("lookup", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "field"),
    )
    op.create_index("ix_personal_values_subject_id", "personal_values", ["subject_id"])
    op.create_index("ix_personal_values_lookup", "personal_values", ["lookup"])
    op.create_table(
        "keys_to_destroy",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
    with op.batch_alter_table("individuals") as table:
        table.alter_column("iin", new_column_name="number")
    op.drop_column("parked_events", "confidential")
    op.add_column(
        "parked_events", sa.Column("confidential", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    with op.batch_alter_table("parked_events") as table:
        table.alter_column("confidential", server_default=None)


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
