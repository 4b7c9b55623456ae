"""Delete simulations that ended long ago: they are questions, no legal facts, and nothing rests on them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.kernel.database import Database
from services.kernel.journal.events import microseconds
from services.verification.projections.simulations import purge

BATCH: Final = 5_000


def purge_simulations(database: Database, *, kept: timedelta, now: datetime, batch: int = BATCH) -> int:
    """Delete at most `batch` rows of simulations ended more than `kept` before `now`; returns how many."""
    with database.write() as connection:
        return purge(connection, finished_before=microseconds(now - kept), limit=batch)
