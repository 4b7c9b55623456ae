"""A rebuild in a process of its own that stops half way: it says so, and goes on when it is told to.

`python -m tests.kernel.journal.halfway URL folding|placing`: where it stops; `placing` is SQLite's.
"""

from __future__ import annotations

import sys
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


class HaltingBeside(beside_file.Beside):
    """Halts where old rows have been replaced, before that is committed."""

    def replace(self, table: sa.Table) -> None:
        super().replace(table)
        halt()


def halt() -> None:
    say("half way")
    sys.stdin.readline()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(url: str, stage: str) -> None:
    """Rebuild the ledgers of a database, in pages of ten events."""
    rebuilding.PAGE = PAGE  # type: ignore[misc]
    if stage == "placing":
        beside_file.Beside = HaltingBeside  # type: ignore[misc]
    models = [HaltingList() if stage == "folding" else LedgerList()]
    journal = Journal(
        Database(url), EVENTS, TABLES, clock=SystemClock(), projections=models, following=FOLLOWING
    )
    say(str(rebuilding.rebuild_read_models(journal)))


if __name__ == "__main__":
    main(*sys.argv[1:])
