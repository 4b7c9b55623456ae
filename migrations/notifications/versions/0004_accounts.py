"""Accounts: one message of an occasion, its searchable texts, used wordings, and what waits for an act."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

from services.notifications.domain.messages import folded

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("messages") as table:
        table.add_column(sa.Column("occasion", sa.Text(), nullable=True))
        table.add_column(sa.Column("searched", sa.Text(), nullable=True))
        table.alter_column("event_id", existing_type=sa.Text(), nullable=True)
        table.alter_column("event_type", existing_type=sa.Text(), nullable=True)
    _fill()
    with op.batch_alter_table("messages") as table:
        table.drop_constraint("messages_once", type_="unique")
        table.alter_column("occasion", existing_type=sa.Text(), nullable=False)
        table.alter_column("searched", existing_type=sa.Text(), nullable=False)
        table.create_unique_constraint("messages_once", ["recipient", "occasion"])
    op.create_table(
        "used_wordings",
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("wording", "version"),
    )
    op.create_table(
        "matters",
        sa.Column("matter_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("product", sa.LargeBinary(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("reminded", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("matter_id"),
    )
    op.create_index("ix_matters_subject", "matters", ["subject"])
    op.create_index("matters_holder", "matters", ["holder", "due_on"])
    op.create_index("matters_due", "matters", ["due_on"])


def _fill() -> None:
    """Give the messages there are their occasion, which was their event, and their searchable texts."""
    messages = sa.table(
        "messages",
        sa.column("message_id", sa.Text),
        sa.column("event_id", sa.Text),
        sa.column("occasion", sa.Text),
        sa.column("texts", sa.LargeBinary),
        sa.column("searched", sa.Text),
    )
    connection = op.get_bind()
    for row in connection.execute(
        sa.select(messages.c.message_id, messages.c.event_id, messages.c.texts)
    ).all():
        filled = sa.update(messages).where(messages.c.message_id == row.message_id)
        texts = msgspec.json.decode(bytes(row.texts), type=dict[str, dict[str, str]])
        searched = "\n".join(folded(text[part]) for text in texts.values() for part in ("subject", "body"))
        connection.execute(filled.values(occasion=row.event_id, searched=searched))


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
