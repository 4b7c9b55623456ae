"""Names that entries and producers had before, to find them by at a past moment.

What was said before this migration and is not said now is known from the next rebuild on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.names import normalised_name

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PRODUCERS = sa.table(
    "producers",
    sa.column("producer_id", sa.Uuid()),
    sa.column("name_kk", sa.Text()),
    sa.column("name_ru", sa.Text()),
    sa.column("name_en", sa.Text()),
    sa.column("search", sa.Text()),
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("entries") as table:
        table.add_column(sa.Column("former_names", sa.Text(), nullable=True))
    with op.batch_alter_table("producers") as table:
        table.add_column(sa.Column("search", sa.Text(), nullable=False, server_default=""))
    _name_producers()
    with op.batch_alter_table("producers") as table:
        table.alter_column("search", server_default=None)
    op.create_index("product_names_name", "product_names", ["name"])


def _name_producers() -> None:
    connection = op.get_bind()
    columns = PRODUCERS.c
    query = sa.select(columns.producer_id, columns.name_kk, columns.name_ru, columns.name_en)
    for producer_id, *names in connection.execute(query).all():
        search = "\n".join(sorted({normalised_name(name) for name in names if name}))
        own = sa.update(PRODUCERS).where(columns.producer_id == producer_id)
        connection.execute(own.values(search=search))


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
