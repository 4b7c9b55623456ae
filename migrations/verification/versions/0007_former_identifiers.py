"""Which BINs of a producer are former ones: they still name it, but nobody acts by them."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


IDENTIFIERS = sa.table(
    "identifiers",
    sa.column("identifier", sa.Text()),
    sa.column("producer_id", sa.Text()),
    sa.column("former", sa.Boolean()),
)
ENTRIES = sa.table(
    "included_entries", sa.column("producer_id", sa.Text()), sa.column("entry", sa.LargeBinary())
)


def upgrade() -> None:
    """Apply; a number is a former one where the producer's entries name another BIN."""
    op.add_column("identifiers", sa.Column("former", sa.Boolean(), nullable=True))
    op.execute(sa.update(IDENTIFIERS).values(former=False))
    connection = op.get_bind()
    present = {
        row.producer_id: json.loads(bytes(row.entry))["producer"].get("bin")
        for row in connection.execute(sa.select(ENTRIES))
    }
    for producer_id, number in present.items():
        if number is not None:
            others = (IDENTIFIERS.c.producer_id == producer_id, IDENTIFIERS.c.identifier != number)
            connection.execute(sa.update(IDENTIFIERS).where(*others).values(former=True))
    with op.batch_alter_table("identifiers") as table:
        table.alter_column("former", existing_type=sa.Boolean(), nullable=False)


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
