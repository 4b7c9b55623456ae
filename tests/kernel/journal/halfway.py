"""A rebuild in a process of its own that stops half way: it says so, and goes on when it is told to.

`python -m tests.kernel.journal.halfway URL folding|copying|clearing`: where it stops, on SQLite.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import sqlalchemy as sa

from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.journal import beside_file, rebuilding
from services.kernel.journal.journal import Journal
from services.kernel.journal.units import Recorded
from tests.kernel.journal.ledger import EVENTS, FOLLOWING, TABLES, LedgerList

PAGE = 10


class HaltingList(LedgerList):
    """Halts after its first page."""

    halted = False

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        super().fold(facts, connection)
        if not self.halted:
            self.halted = True
            halt()


class Pauses:
    """Takes the place of `time` between two chunks, where writers come in; one of its pauses is long."""

    def __init__(self, halting: int) -> None:
        self._left = halting
        self.monotonic = time.monotonic

    def sleep(self, _seconds: float) -> None:
        self._left -= 1
        if self._left == 0:
            halt()


def halt() -> None:
    say("half way")
    sys.stdin.readline()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(url: str, stage: str) -> None:
    """Rebuild the ledgers of a database: fifteen in chunks of four are copied, and fifteen cleared away."""
    rebuilding.PAGE = PAGE  # type: ignore[misc]
    beside_file.ROWS_AT_ONCE = 4  # type: ignore[misc]
    if stage != "folding":
        setattr(beside_file, "time", Pauses(1 if stage == "copying" else 6))  # noqa: B010  # for this process
    models = [HaltingList() if stage == "folding" else LedgerList()]
    journal = Journal(
        Database(url), EVENTS, TABLES, clock=SystemClock(), projections=models, following=FOLLOWING
    )
    say(str(rebuilding.rebuild_read_models(journal)))


if __name__ == "__main__":
    main(*sys.argv[1:])
