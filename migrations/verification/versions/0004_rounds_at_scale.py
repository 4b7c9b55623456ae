"""Rounds at scale: their counts, how far they have come, and the order in which inclusions became known."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTS = ("opened", "conforming", "excluded", "closed")


def upgrade() -> None:
    """Apply."""
    _number_periods()
    op.create_table(
        "round_progress",
        sa.Column("quarter", sa.Text(), nullable=False),
        sa.Column("opened", BigInt, nullable=False),
        sa.Column("judged", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("quarter"),
    )
    op.create_table(
        "expiring_rights",
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Text(), nullable=False),
        sa.Column("signalled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "sha256"),
    )
    op.create_index("expiring_rights_due", "expiring_rights", ["signalled", "valid_until"])
    _count_rounds()


def _number_periods() -> None:
    """Number the periods there are in the order in which they began."""
    with op.batch_alter_table("included_entries") as table:
        table.add_column(sa.Column("noted", BigInt, nullable=True))
    op.execute(
        "UPDATE included_entries SET noted = numbered.number FROM (SELECT begun_by, row_number() OVER "
        "(ORDER BY from_on, begun_by) AS number FROM included_entries) AS numbered "
        "WHERE numbered.begun_by = included_entries.begun_by"
    )
    with op.batch_alter_table("included_entries") as table:
        table.alter_column("noted", existing_type=BigInt, nullable=False)
    op.create_index("included_entries_noted", "included_entries", ["noted"], unique=True)


def _count_rounds() -> None:
    """Give the rounds there are their counts, from their cases, and their instants, from their events."""
    added: list[sa.Column[Any]] = [
        sa.Column("last_day", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in _COUNTS),
        sa.Column("known_to", BigInt, nullable=True),
        sa.Column("started_at", BigInt, nullable=True),
        sa.Column("finished_at", BigInt, nullable=True),
    ]
    with op.batch_alter_table("rounds") as table:
        for column in added:
            table.add_column(column)
    op.execute(
        "UPDATE rounds SET "
        "opened = (SELECT count(*) FROM cases WHERE cases.quarter = rounds.quarter), "
        "conforming = (SELECT count(*) FROM cases WHERE cases.quarter = rounds.quarter "
        "AND result = 'conforms'), "
        "excluded = (SELECT count(*) FROM cases WHERE cases.quarter = rounds.quarter "
        "AND result = 'exclude'), "
        "closed = (SELECT count(*) FROM cases WHERE cases.quarter = rounds.quarter "
        "AND cases.status = 'closed'), "
        "started_at = (SELECT recorded_at FROM events WHERE events.stream_id = rounds.round_id "
        "AND stream_version = 1), "
        "finished_at = CASE WHEN status = 'closed' THEN (SELECT recorded_at FROM events "
        "WHERE events.stream_id = rounds.round_id AND stream_version = rounds.version) END, "
        "last_day = substr(quarter, 1, 4) || CASE substr(quarter, 7, 1) "
        "WHEN '1' THEN '-03-31' WHEN '2' THEN '-06-30' WHEN '3' THEN '-09-30' ELSE '-12-31' END"
    )
    with op.batch_alter_table("rounds") as table:
        table.alter_column("last_day", existing_type=sa.Text(), nullable=False)
        table.alter_column("started_at", existing_type=BigInt, nullable=False)
        for name in _COUNTS:
            table.alter_column(name, existing_type=sa.Integer(), nullable=False)


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
