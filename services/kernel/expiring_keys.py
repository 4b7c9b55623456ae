"""Idempotency keys are kept for thirty days and then deleted, a bounded batch at a time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import microseconds
from services.kernel.runtime import Election, Recurring

KEPT: Final = timedelta(days=30)
BATCH: Final = 1_000
PAUSE_SECONDS: Final = 3_600.0


def expiring_keys(database: Database, keys: sa.Table, clock: Clock) -> Recurring:
    """The background task of the elected process; `clock` is the one that gave `stored_at`."""
    return Recurring(
        "idempotency-keys", partial(_expire, database, keys, clock), Election(database, "idempotency-keys")
    )


def _expire(database: Database, keys: sa.Table, clock: Clock) -> float:
    """Seconds until the next look; at once again while there may be more."""
    return 0.0 if delete_expired(database, keys, clock) == BATCH else PAUSE_SECONDS


def delete_expired(database: Database, keys: sa.Table, clock: Clock, *, batch: int = BATCH) -> int:
    """Delete up to `batch` of the oldest keys stored more than thirty days ago; returns how many.

    Each batch is a short transaction of its own, so that commands wait for none of them long.
    """
    identity = tuple(keys.primary_key.columns)
    before = microseconds(clock.now() - KEPT)
    old = sa.select(*identity).where(keys.c.stored_at < before).order_by(keys.c.stored_at).limit(batch)
    with database.write() as connection:
        return connection.execute(sa.delete(keys).where(sa.tuple_(*identity).in_(old))).rowcount
