"""Record the terms that the industry authority let pass: each is a fact of its own, recorded once."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import uuid4

from services.kernel.calendar import legal_date
from services.kernel.clock import Clock
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.kernel.journal.journal import Journal, Work
from services.register.domain.entry import Entry
from services.register.domain.notification import Notification
from services.register.projections.open_terms import Overdue, overdue

AT_ONCE: Final = 200
ACTOR: Final = "system:register"


def record_missed_terms(journal: Journal, clock: Clock) -> int:
    """Record every term whose last day lies before today in Almaty; returns how many were recorded."""
    now = clock.now()
    with journal.database.read() as connection:
        found = overdue(connection, legal_date(now).isoformat(), AT_ONCE)
    recorded = 0
    for missed in found:
        act = Act(now, Provenance(actor=ACTOR, decided_by="automatic", correlation_id=uuid4().hex))
        recorded += bool(journal.transact(partial(_decide, missed=missed, act=act)).result)
    return recorded


def _decide(work: Work, *, missed: Overdue, act: Act) -> bool:
    holder: Notification | Entry
    if missed.holder == "notification":
        holder = work.load(Notification, missed.stream_id)
    else:
        holder = work.load(Entry, missed.stream_id)
    happened = holder.miss_term(act, missed.term)
    work.save(holder)
    return happened
