"""Until when a pause may last, and from which position a disabled subscription missed events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt
from services.kernel.journal.events import microseconds

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_LASTS = timedelta(days=30)


def upgrade() -> None:
    """Apply; pauses that go on may last thirty days from now."""
    for name in ("paused_until", "missed_from"):
        op.add_column("subscriptions", sa.Column(name, BigInt, nullable=True))
    until = microseconds(datetime.now(UTC) + _LASTS)
    op.execute(f"UPDATE subscriptions SET paused_until = {until} WHERE state = 'paused'")  # noqa: S608  # a number


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
