"""Tables of the industry authority and the guards of its journal."""

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
    _journal()
    _following()
    _personal()
    _producers()
    _applications()
    _entries()
    _periods()
    _notifications()
    create_guards(op.get_bind())


def _journal() -> None:
    """The journal, its numbers and its idempotency keys."""
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
        "sequences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_value", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("name"),
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


def _following() -> None:
    """Where the other authority"s journal is followed, and its listings."""
    op.create_table(
        "cursors",
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("upstream"),
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
        "trusted_listings",
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("name_kk", sa.Text(), nullable=False),
        sa.Column("name_ru", sa.Text(), nullable=False),
        sa.Column("listed_on", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Text(), nullable=True),
        sa.Column("delisted_on", sa.Text(), nullable=True),
        sa.Column("position", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("listing_id"),
    )
    op.create_index("ix_trusted_listings_holder", "trusted_listings", ["holder"])
    op.create_index("ix_trusted_listings_reference", "trusted_listings", ["reference"])


def _personal() -> None:
    """The erasable store of personal values."""
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
        "individuals",
        sa.Column("iin", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("iin"),
    )
    op.create_index("ix_individuals_producer_id", "individuals", ["producer_id"])


def _producers() -> None:
    """Producers and products."""
    op.create_table(
        "producers",
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bin", sa.Text(), nullable=True),
        sa.Column("iin_commitment", sa.Text(), nullable=True),
        sa.Column("name_kk", sa.Text(), nullable=True),
        sa.Column("name_ru", sa.Text(), nullable=True),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("ceased", sa.Text(), nullable=True),
        sa.Column("transformed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("producer_id"),
        sa.UniqueConstraint("bin"),
    )
    op.create_table(
        "producer_bins",
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("bin"),
    )
    op.create_index("ix_producer_bins_producer_id", "producer_bins", ["producer_id"])
    op.create_table(
        "products",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.Column("name_kk", sa.Text(), nullable=False),
        sa.Column("name_ru", sa.Text(), nullable=False),
        sa.Column("decided", sa.Uuid(), nullable=True),
        sa.Column("decided_as", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("product_id"),
        sa.UniqueConstraint("producer_id", "name_kk", name="products_name_kk"),
        sa.UniqueConstraint("producer_id", "name_ru", name="products_name_ru"),
    )


def _applications() -> None:
    """Applications; at most one pending for a product."""
    op.create_table(
        "applications",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("application_id"),
    )
    op.create_index(
        "applications_one_pending",
        "applications",
        ["product_id"],
        unique=True,
        postgresql_where=sa.text("status = 'filed'"),
        sqlite_where=sa.text("status = 'filed'"),
    )
    op.create_index("applications_producer", "applications", ["producer_id", "status"])
    op.create_index("ix_applications_product_id", "applications", ["product_id"])


def _entries() -> None:
    """Entries as they are now."""
    op.create_table(
        "entries",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("exclusion_ground", sa.Text(), nullable=True),
        sa.Column("name_kk", sa.Text(), nullable=False),
        sa.Column("name_ru", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("first_position", BigInt, nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("entries_status", "entries", ["status", "entry_id"])
    op.create_index("ix_entries_name_kk", "entries", ["name_kk"])
    op.create_index("ix_entries_name_ru", "entries", ["name_ru"])
    op.create_index("ix_entries_producer_id", "entries", ["producer_id"])


def _periods() -> None:
    """When entries were in force, in two times."""
    op.create_table(
        "entry_periods",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("known_from", BigInt, nullable=False),
        sa.Column("valid_from", BigInt, nullable=False),
        sa.Column("valid_to", BigInt, nullable=True),
        sa.Column("known_to", BigInt, nullable=True),
        sa.PrimaryKeyConstraint("entry_id", "known_from", "valid_from"),
    )
    op.create_table(
        "entry_status_facts",
        sa.Column("position", BigInt, autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_at", BigInt, nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_entry_status_facts_entry_id", "entry_status_facts", ["entry_id"])


def _notifications() -> None:
    """Notifications and the terms they run."""
    op.create_table(
        "notifications",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("first_position", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("producer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("notification_id"),
        sa.UniqueConstraint("first_position"),
    )
    op.create_index("notifications_producer", "notifications", ["producer_id", "status"])
    op.create_index("notifications_product", "notifications", ["product_id", "status"])
    op.create_index("notifications_status", "notifications", ["status", "first_position"])
    op.create_table(
        "open_terms",
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=False),
        sa.Column("term", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id"),
    )
    op.create_index("ix_open_terms_due_on", "open_terms", ["due_on"])


def downgrade() -> None:
    """Refused: a register"s history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
