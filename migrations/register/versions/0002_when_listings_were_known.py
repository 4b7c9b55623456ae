"""When each trusted listing, and each delisting, became known to the industry authority."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LISTINGS = sa.table(
    "trusted_listings",
    sa.column("position", BigInt),
    sa.column("known_from", BigInt),
    sa.column("delisted_on", sa.Text()),
    sa.column("delisting_position", BigInt),
    sa.column("delisting_known_from", BigInt),
)


def upgrade() -> None:
    """Apply. Listings kept before count as always known: when they came was not kept."""
    op.add_column("trusted_listings", sa.Column("known_from", BigInt, nullable=True))
    op.add_column("trusted_listings", sa.Column("delisting_position", BigInt, nullable=True))
    op.add_column("trusted_listings", sa.Column("delisting_known_from", BigInt, nullable=True))
    op.execute(sa.update(LISTINGS).values(known_from=0))
    op.execute(
        sa.update(LISTINGS)
        .where(LISTINGS.c.delisted_on.is_not(None))
        .values(delisting_position=LISTINGS.c.position, delisting_known_from=0)
    )
    with op.batch_alter_table("trusted_listings") as table:
        table.alter_column("known_from", existing_type=BigInt, nullable=False)
