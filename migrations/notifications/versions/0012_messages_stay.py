"""Messages stay as they were put: neither changed nor deleted, but for the account they stand in."""

from __future__ import annotations

from alembic import op

from services.notifications.schema import MESSAGE_GUARDS_POSTGRESQL, MESSAGE_GUARDS_SQLITE

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    for statement in MESSAGE_GUARDS_POSTGRESQL if on_postgresql else MESSAGE_GUARDS_SQLITE:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
