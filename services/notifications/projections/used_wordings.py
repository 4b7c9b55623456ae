"""Every wording that a message was written with: what a changed template file is caught by at start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.notifications.domain.templates import Edition
from services.notifications.schema import METADATA

USED_WORDINGS: Final = sa.Table(
    "used_wordings",
    METADATA,
    sa.Column("wording", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
)
"""`wording` is a template's id, or `vocabulary/` and a name; `digest` that of its first use."""


def keep_used(connection: sa.Connection, editions: Iterable[Edition]) -> None:
    """Keep what a message was written with, each wording once."""
    rows = [{"wording": one.id, "version": one.version, "digest": one.digest} for one in editions]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(USED_WORDINGS).values(rows).on_conflict_do_nothing())


def used_editions(connection: sa.Connection) -> list[Edition]:
    """Every wording used so far."""
    columns = USED_WORDINGS.c
    query = sa.select(columns.wording, columns.version, columns.digest).order_by(
        columns.wording, columns.version
    )
    return [Edition(row.wording, row.version, row.digest) for row in connection.execute(query)]
