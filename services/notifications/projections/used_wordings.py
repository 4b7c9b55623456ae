"""Every wording that a message was written with: what a changed template file is caught by at start."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from services.kernel.journal.rows import BulkUpsert
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
_KEEP: Final = BulkUpsert(USED_WORDINGS, replace=False)


def keep_used(connection: sa.Connection, editions: Collection[Edition]) -> None:
    """Keep what messages were written with, each wording once."""
    used = sorted(editions, key=lambda one: (one.id, one.version))  # in one order: nobody waits in a circle
    _KEEP(connection, [{"wording": one.id, "version": one.version, "digest": one.digest} for one in used])


def used_editions(connection: sa.Connection) -> list[Edition]:
    """Every wording used so far."""
    columns = USED_WORDINGS.c
    query = sa.select(columns.wording, columns.version, columns.digest).order_by(
        columns.wording, columns.version
    )
    return [Edition(row.wording, row.version, row.digest) for row in connection.execute(query)]
