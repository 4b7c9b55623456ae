"""Judged cases, the rule sets they rest on, and simulations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("cases_legal_date", "cases", ["legal_date", "case_id"])
    op.create_table(
        "judged_cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("departs", sa.Boolean(), nullable=False),
        sa.Column("judged", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "used_rule_sets",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("rule_set", "version", name="used_rule_sets_edition"),
    )
    op.create_table(
        "simulations",
        sa.Column("simulation_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("draft", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Text(), nullable=False),
        sa.Column("looser", sa.LargeBinary(), nullable=False),
        sa.Column("compared_with", sa.Text(), nullable=True),
        sa.Column("requested_at", BigInt, nullable=False),
        sa.Column("finished_at", BigInt, nullable=True),
        sa.Column("cases_found", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("mark_date", sa.Text(), nullable=True),
        sa.Column("mark_case", sa.Uuid(), nullable=True),
        sa.Column("tally", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("simulation_id"),
    )
    op.create_index("ix_simulations_status", "simulations", ["status"])
    op.create_table(
        "simulation_differences",
        sa.Column("simulation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("legal_date", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Text(), nullable=False),
        sa.Column("bin", sa.Text(), nullable=True),
        sa.Column("product_name_kk", sa.Text(), nullable=False),
        sa.Column("product_name_ru", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("departs", sa.Boolean(), nullable=False),
        sa.Column("conforms", sa.Boolean(), nullable=False),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("simulation_id", "number"),
    )


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
