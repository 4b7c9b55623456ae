"""The journal's tables, the same on SQLite and PostgreSQL; Alembic owns what this describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from services.kernel.database import BigInt

POSTGRESQL_GUARDS = (
    """
    CREATE FUNCTION journal_head(
        wanted text[], counts bigint[],
        OUT head_position bigint, OUT head_recorded_at bigint, OUT numbers bigint[]
    ) LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        raised bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.journal', 0));
        SELECT position, recorded_at INTO head_position, head_recorded_at
        FROM events ORDER BY position DESC LIMIT 1;
        FOR i IN 1 .. coalesce(array_length(wanted, 1), 0) LOOP
            INSERT INTO sequences AS s (name, last_value) VALUES (wanted[i], counts[i])
            ON CONFLICT (name) DO UPDATE SET last_value = s.last_value + excluded.last_value
            RETURNING s.last_value INTO raised;
            numbers := numbers || (raised - counts[i]);
        END LOOP;
    END $$
    """,
    """
    CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()
    """,
)
"""Lock, head and numbers in one round trip: inside a volatile function each query has a fresh snapshot, so
the head is read after the lock is held."""

SQLITE_GUARDS = (
    """
    CREATE TRIGGER events_no_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
    """
    CREATE TRIGGER events_no_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
    """
    CREATE TRIGGER events_no_replace BEFORE INSERT ON events
    WHEN EXISTS (
        SELECT 1 FROM events
        WHERE position >= NEW.position
        OR (stream_id = NEW.stream_id AND stream_version = NEW.stream_version)
    )
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
)
"""The third guard is for `INSERT OR REPLACE`, which deletes without firing the second."""


def append_only_guards(table: str, key: Sequence[str], *, postgresql: bool) -> Sequence[str]:
    """Statements that let a table beside the journal only grow, whoever asks; `key` is its primary key."""
    refusal = f"{table} is append-only"
    if postgresql:
        return (
            f"""
            CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation';
            END $$
            """,
            f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()
            """,
        )
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    doubled = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608  # the names are ours
    ignored = "BEGIN SELECT RAISE(IGNORE); END"
    refused = f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refused}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refused}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {doubled} {ignored}",
    )


@dataclass(frozen=True)
class JournalTables:
    """The tables every service with a journal has."""

    events: sa.Table
    sequences: sa.Table
    idempotency_keys: sa.Table


@dataclass(frozen=True)
class FollowingTables:
    """The tables every service that follows a journal has."""

    cursors: sa.Table
    parked_events: sa.Table


def journal_tables(metadata: sa.MetaData) -> JournalTables:
    """Describe the journal's tables in `metadata`."""
    events = sa.Table(
        "events",
        metadata,
        sa.Column("position", BigInt, primary_key=True, autoincrement=False),
        sa.Column("stream_id", sa.Uuid, nullable=False),
        sa.Column("stream_version", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("recorded_at", BigInt, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("stream_id", "stream_version", name="events_stream_version"),
    )
    sequences = sa.Table(
        "sequences",
        metadata,
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last_value", BigInt, nullable=False),
    )
    keys = sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("principal", sa.Text, primary_key=True),
        sa.Column("operation", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body_digest", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("stream_version", sa.Integer, nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.Column("stored_at", BigInt, nullable=False, index=True),
    )
    return JournalTables(events=events, sequences=sequences, idempotency_keys=keys)


def following_tables(metadata: sa.MetaData) -> FollowingTables:
    """Describe the tables of a follower: where it stands, and what it could not handle yet."""
    cursors = sa.Table(
        "cursors",
        metadata,
        sa.Column("upstream", sa.Text, primary_key=True),
        sa.Column("position", BigInt, nullable=False),
    )
    parked = sa.Table(
        "parked_events",
        metadata,
        sa.Column("upstream", sa.Text, primary_key=True),
        sa.Column("position", BigInt, primary_key=True),
        sa.Column("stream_id", sa.Uuid, nullable=False, index=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("confidential", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", BigInt, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
    )
    return FollowingTables(cursors=cursors, parked_events=parked)
