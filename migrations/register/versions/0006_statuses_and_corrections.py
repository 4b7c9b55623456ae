"""Periods of every status in two times, not of being in force alone; corrections of entries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FACTS = sa.table(
    "entry_status_facts",
    sa.column("position", sa.BigInteger()),
    sa.column("entry_id", sa.Uuid()),
    sa.column("event_id", sa.Text()),
    sa.column("kind", sa.Text()),
    sa.column("effective_at", sa.BigInteger()),
    sa.column("target", sa.Text()),
)
PERIODS = sa.table(
    "entry_periods",
    sa.column("entry_id", sa.Uuid()),
    sa.column("known_from", sa.BigInteger()),
    sa.column("valid_from", sa.BigInteger()),
    sa.column("valid_to", sa.BigInteger()),
    sa.column("known_to", sa.BigInteger()),
    sa.column("status", sa.Text()),
)


def upgrade() -> None:
    """Apply."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("entry_status_facts") as table:
        table.add_column(sa.Column("counts_from", big, nullable=True))
    op.execute(sa.delete(PERIODS))
    with op.batch_alter_table("entry_periods") as table:
        table.add_column(sa.Column("status", sa.Text(), nullable=False))
    _tell_statuses()
    op.create_index("entry_periods_status", "entry_periods", ["status", "valid_from", "entry_id"])
    op.create_index("entry_periods_known", "entry_periods", ["status", "known_from", "entry_id"])
    op.create_table(
        "corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("first_position", big, nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("correction_id"),
    )
    op.create_index("corrections_status", "corrections", ["status", "first_position"])
    op.create_index("corrections_order", "corrections", ["first_position"], unique=True)


def _tell_statuses() -> None:
    """Make the periods anew from the facts they are made of, an entry at a time."""
    connection = op.get_bind()
    query = sa.select(FACTS).order_by(FACTS.c.entry_id, FACTS.c.position)
    held: list[Any] = []
    for fact in connection.execute(query).all():
        if held and held[-1].entry_id != fact.entry_id:
            _write(connection, held)
            held = []
        held.append(fact)
    if held:
        _write(connection, held)


def _write(connection: sa.Connection, facts: list[Any]) -> None:
    """The rows of one entry, each closed once a later fact made it untrue."""
    rows: list[dict[str, Any]] = []
    for count, fact in enumerate(facts, start=1):
        wanted = _periods(facts[:count])
        for row in rows:
            held = (row["status"], row["valid_from"], row["valid_to"])
            if row["known_to"] is None and held not in wanted:
                row["known_to"] = fact.position
            elif row["known_to"] is None:
                wanted.remove(held)
        for status, since, until in wanted:
            rows.append(
                {
                    "entry_id": fact.entry_id,
                    "known_from": fact.position,
                    "valid_from": since,
                    "valid_to": until,
                    "known_to": None,
                    "status": status,
                }
            )
    if rows:
        connection.execute(sa.insert(PERIODS), rows)


def _periods(facts: list[Any]) -> list[tuple[str, int, int | None]]:
    """The statuses that facts make, as they were told when this migration was written."""
    left_out = {fact.target for fact in facts if fact.kind == "annuls"}
    counting = [fact for fact in facts if fact.kind != "annuls" and fact.event_id not in left_out]
    changes: list[tuple[int, str]] = []
    out_by: str | None = None
    for fact in sorted(counting, key=lambda fact: (fact.effective_at, fact.position)):
        status = changes[-1][1] if changes else None
        returns = fact.kind == "returns" and fact.target == out_by
        if fact.kind == "begins" or (returns and status == "excluded"):
            after = "included"
        elif fact.kind == "ends" and status is not None:
            after, out_by = "excluded", fact.event_id
        else:
            continue
        if after != status:
            changes.append((fact.effective_at, after))
    ends = [since for since, _ in changes[1:]]
    return [
        (status, since, until)
        for (since, status), until in zip(changes, [*ends, None], strict=True)
        if since != until
    ]


def downgrade() -> None:
    """Refused: a register's history goes forward only; restore a backup instead."""
    raise RuntimeError("restore a backup instead of downgrading")
