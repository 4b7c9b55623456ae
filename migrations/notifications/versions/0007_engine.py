"""The delivery engine: each endpoint's health and rate, lines of subjects, jobs, and fuller attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNFINISHED = "subject IS NOT NULL AND state IN ('pending', 'waiting')"


def upgrade() -> None:
    """Apply."""
    _endpoints_and_jobs()
    _deliveries()
    _attempts()


def _endpoints_and_jobs() -> None:
    op.create_table(
        "endpoints",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("breaker", sa.Text(), nullable=False, server_default="closed"),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("opened", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("not_before", BigInt, nullable=False, server_default="0"),
        sa.Column("at_once", sa.Integer(), nullable=True),
        sa.Column("warned", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("free_at", BigInt, nullable=False, server_default="0"),
        sa.Column("served_at", BigInt, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("subscription_id"),
    )
    op.execute("INSERT INTO endpoints (subscription_id) SELECT subscription_id FROM subscriptions")
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=True),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("created_at", BigInt, nullable=False),
        sa.Column("ended_at", BigInt, nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("jobs_subscription", "jobs", ["subscription_id", "job_id"])
    _partial("jobs_running", "jobs", ["subscription_id"], "state = 'running'", unique=True)


def _deliveries() -> None:
    op.drop_index("deliveries_due", "deliveries")
    op.drop_index("deliveries_leased", "deliveries")
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_constraint("deliveries_once", type_="unique")
        batch.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="2"))
        batch.add_column(sa.Column("subject", sa.Text(), nullable=True))
        batch.add_column(sa.Column("job_id", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute("UPDATE deliveries SET priority = 0 WHERE kind <> 'event'")
    op.execute("UPDATE deliveries SET priority = 1 WHERE kind = 'event' AND attempts = 0")
    op.create_index("deliveries_once", "deliveries", ["event_id", "subscription_id", "job_id"], unique=True)
    op.create_index("deliveries_listed", "deliveries", ["subscription_id", "delivery_id"])
    _partial("deliveries_due", "deliveries", ["subscription_id", "priority", "next_at"], "state = 'pending'")
    _partial("deliveries_leased", "deliveries", ["subscription_id", "lease_owner"], "lease_owner IS NOT NULL")
    _partial("deliveries_lined_up", "deliveries", ["subscription_id", "subject", "delivery_id"], UNFINISHED)
    _partial("deliveries_of_jobs", "deliveries", ["job_id", "state"], "job_id <> ''")
    _partial("deliveries_exhausted", "deliveries", ["subscription_id", "delivery_id"], "state = 'exhausted'")


def _attempts() -> None:
    for column in (
        sa.Column("subscription_id", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("delivered", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("request_headers", sa.Text(), nullable=True),
        sa.Column("body_digest", sa.Text(), nullable=True),
        sa.Column("answer_headers", sa.Text(), nullable=True),
    ):
        op.add_column("attempts", column)
    op.execute(
        "UPDATE attempts SET subscription_id = (SELECT d.subscription_id FROM deliveries AS d "
        "WHERE d.delivery_id = attempts.delivery_id)"
    )
    op.create_index("attempts_made", "attempts", ["subscription_id", "at"])


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=condition, sqlite_where=condition)


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
