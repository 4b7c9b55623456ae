"""Tables of the informatization authority and the guards of its journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.kernel.database import BigInt
from services.kernel.migrating import create_guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Text(), nullable=False),
        sa.Column("bin", sa.Text(), nullable=True),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("product_name_kk", sa.Text(), nullable=False),
        sa.Column("product_name_ru", sa.Text(), nullable=False),
        sa.Column("legal_date", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=True),
        sa.Column("entry_id", sa.Text(), nullable=True),
        sa.Column("quarter", sa.Text(), nullable=True),
        sa.Column("reporting_year", sa.Integer(), nullable=True),
        sa.Column("report_sha256", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("notification_id", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("term_missed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
        sa.UniqueConstraint("origin"),
    )
    op.create_index("cases_due", "cases", ["due_on"])
    op.create_index("cases_producer", "cases", ["producer_id", "status"])
    op.create_index("cases_quarter", "cases", ["quarter", "status"])
    op.create_index("cases_status", "cases", ["status", "case_id"])
    op.create_index("ix_cases_entry_id", "cases", ["entry_id"])
    op.create_index("ix_cases_notification_id", "cases", ["notification_id"])
    op.create_table(
        "cursors",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("upstream"),
    )
    op.create_table(
        "documents",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", BigInt, nullable=False),
        sa.Column("kept_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "events",
        sa.Column("position", BigInt, autoincrement=False, nullable=False),
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("stream_version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("recorded_at", BigInt, nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("stream_id", "stream_version", name="events_stream_version"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("stream_version", sa.Integer(), nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.Column("stored_at", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("principal", "operation", "key"),
    )
    op.create_index("ix_idempotency_keys_stored_at", "idempotency_keys", ["stored_at"])
    op.create_table(
        "identifiers",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("identifier"),
    )
    op.create_index("ix_identifiers_producer_id", "identifiers", ["producer_id"])
    op.create_table(
        "included_entries",
        sa.Column("begun_by", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Text(), nullable=False),
        sa.Column("matched_kk", sa.Text(), nullable=False),
        sa.Column("matched_ru", sa.Text(), nullable=False),
        sa.Column("from_on", sa.Text(), nullable=False),
        sa.Column("until_on", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("begun_by"),
    )
    op.create_index("included_entries_entry", "included_entries", ["entry_id", "from_on"])
    op.create_index("ix_included_entries_ended_by", "included_entries", ["ended_by"])
    op.create_index("ix_included_entries_from_on", "included_entries", ["from_on"])
    op.create_index("ix_included_entries_matched_kk", "included_entries", ["matched_kk"])
    op.create_index("ix_included_entries_matched_ru", "included_entries", ["matched_ru"])
    op.create_index("ix_included_entries_producer_id", "included_entries", ["producer_id"])
    op.create_table(
        "listings",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("holder_bin", sa.Text(), nullable=True),
        sa.Column("name_kk", sa.Text(), nullable=False),
        sa.Column("name_ru", sa.Text(), nullable=False),
        sa.Column("matched_kk", sa.Text(), nullable=False),
        sa.Column("matched_ru", sa.Text(), nullable=False),
        sa.Column("listed_on", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Text(), nullable=True),
        sa.Column("delisted_on", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("listing_id"),
    )
    op.create_index("ix_listings_holder_bin", "listings", ["holder_bin"])
    op.create_index("ix_listings_matched_kk", "listings", ["matched_kk"])
    op.create_index("ix_listings_matched_ru", "listings", ["matched_ru"])
    op.create_index(
        "listings_one_reference",
        "listings",
        ["reference"],
        unique=True,
        postgresql_where=sa.text("delisted_on IS NULL"),
        sqlite_where=sa.text("delisted_on IS NULL"),
    )
    op.create_table(
        "parked_events",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("confidential", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_at", BigInt, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "position"),
    )
    op.create_index("ix_parked_events_stream_id", "parked_events", ["stream_id"])
    op.create_table(
        "personal_values",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "field"),
    )
    op.create_index("ix_personal_values_subject_id", "personal_values", ["subject_id"])
    op.create_table(
        "rounds",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("quarter", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("round_id"),
        sa.UniqueConstraint("quarter"),
    )
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_value", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    create_guards(op.get_bind())


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
