"""Every name under which a product was ever filed, so that no two products share one."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from services.kernel.names import normalised_name

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAMES = sa.table(
    "product_names",
    sa.column("product_id", sa.Uuid()),
    sa.column("language", sa.Text()),
    sa.column("name", sa.Text()),
    sa.column("producer_id", sa.Uuid()),
)
EVENTS = sa.table(
    "events", sa.column("position"), sa.column("type", sa.Text()), sa.column("record", sa.LargeBinary())
)
FILED = "kz.register.application.filed.v1"


def upgrade() -> None:
    """Apply; of two products that share a name already, the one filed first keeps it."""
    op.create_table(
        "product_names",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "language", "name"),
        sa.UniqueConstraint("producer_id", "language", "name", name="product_names_one_product"),
    )
    _name_products()
    with op.batch_alter_table("products") as table:
        table.drop_constraint("products_name_kk", type_="unique")
        table.drop_constraint("products_name_ru", type_="unique")
        table.drop_column("name_kk")
        table.drop_column("name_ru")
    op.create_index("ix_products_producer_id", "products", ["producer_id"])


def _name_products() -> None:
    connection = op.get_bind()
    query = sa.select(EVENTS.c.record).where(EVENTS.c.type == FILED).order_by(EVENTS.c.position)
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for record in connection.execute(query).scalars():
        filed = json.loads(bytes(record))["data"]
        producer_id = filed["producer"]["producer_id"]
        for language in ("kk", "ru"):
            name = normalised_name(filed["product"]["name"][language])
            row = {"product_id": UUID(filed["product_id"]), "language": language, "name": name}
            rows.setdefault((producer_id, language, name), {**row, "producer_id": UUID(producer_id)})
    if rows:
        connection.execute(sa.insert(NAMES), list(rows.values()))


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
