"""`tizilim rebuild`: empty a service's read models and fold the whole journal into them again."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from services.commands.registry import Installation, database_of, journal_of
from services.kernel.journal.journal import Journal


def rebuild(installation: Installation, service: str) -> tuple[int, float]:
    """Rebuild in one transaction under the ordering lock; returns events folded and seconds taken.

    Readers go on seeing the old rows until it commits; writers wait.
    """
    database = database_of(service, installation.var)
    try:
        journal = journal_of(service, database)
        started = time.perf_counter()
        return refill(journal), time.perf_counter() - started
    finally:
        database.close()


def refill(journal: Journal) -> int:
    """Empty every read model of a journal and fold all events into them; returns how many."""
    count = 0
    with _uncollected(), journal.database.write() as connection:
        journal.recorder.hold_order(connection)
        for projection in journal.projections:
            for table in projection.tables:
                connection.execute(sa.delete(table))
        for page in journal.replay():
            count += len(page)
            for projection in journal.projections:
                projection.fold(page, connection)
    return count


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: facts and rows hold no cycles, and looking for some takes a third more."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
