"""The authority's journal with its read models wired in."""

from __future__ import annotations

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.journal import Journal
from services.verification.contract.events import VERIFICATION_EVENTS
from services.verification.projections.cases import Cases
from services.verification.projections.judged_cases import JudgedCases
from services.verification.projections.listings import Listings
from services.verification.projections.rounds import Rounds
from services.verification.schema import FOLLOWING, JOURNAL


def open_journal(database: Database, clock: Clock) -> Journal:
    """The journal on a migrated database; `clock` gives `recorded_at`."""
    return Journal(
        database,
        VERIFICATION_EVENTS,
        JOURNAL,
        clock=clock,
        projections=[Cases(), JudgedCases(), Rounds(), Listings()],
        following=FOLLOWING,
    )
