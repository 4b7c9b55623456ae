"""Messages stay as they were put: neither changed nor deleted, but for the account they stand in."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LASTING = (
    "message_id, occasion, event_id, event_type, template_id, "
    "template_version, texts, searched, due_on, put_at"
)
"""The columns of `messages` at this revision, but for the account it stands in."""
POSTGRESQL = (
    """
    CREATE FUNCTION messages_stay_as_put() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'messages stay as they were put' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    f"""
    CREATE TRIGGER messages_stay BEFORE UPDATE OF {LASTING} OR DELETE OR TRUNCATE ON messages
    FOR EACH STATEMENT EXECUTE FUNCTION messages_stay_as_put()
    """,
)
SQLITE = (
    f"""
    CREATE TRIGGER messages_no_update BEFORE UPDATE OF {LASTING} ON messages
    BEGIN SELECT RAISE(ABORT, 'messages stay as they were put'); END
    """,
    """
    CREATE TRIGGER messages_no_delete BEFORE DELETE ON messages
    BEGIN SELECT RAISE(ABORT, 'messages stay as they were put'); END
    """,
    """
    CREATE TRIGGER messages_no_replace BEFORE INSERT ON messages
    WHEN EXISTS (
        SELECT 1 FROM messages
        WHERE message_id = NEW.message_id OR (recipient = NEW.recipient AND occasion = NEW.occasion)
    )
    BEGIN SELECT RAISE(ABORT, 'messages stay as they were put'); END
    """,
)
"""The third guard is for `INSERT OR REPLACE`, which deletes without firing the second."""


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    for statement in POSTGRESQL if on_postgresql else SQLITE:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Refused: history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
