"""Record a court's ruling on a notification about an entry (law 86-VII art. 51-5(7))."""

from __future__ import annotations

from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.register.contract.rulings import CourtRulingRecorded
from services.register.domain.entry import Entry


def record_ruling(work: Work, content: CourtRulingRecorded, act: Act) -> None:
    """The informatization authority recorded it; the entry's history names it. Once for each ruling.

    Raises `NotFound` for an entry that the register does not know.
    """
    entry = work.load(Entry, UUID(content.entry_id))
    if entry.record_ruling(act, content):
        work.save(entry)
