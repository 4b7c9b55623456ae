"""Open by themselves the rounds of quarters that are over and were not monitored yet."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa

from services.kernel.calendar import Quarter, legal_date
from services.kernel.journal.journal import Journal
from services.verification.projections.included_entries import any_at_end_of, first_included_on
from services.verification.projections.rounds import known_quarters
from services.verification.usecases.open_round import open_round
from services.verification.usecases.practice import Practice


def open_rounds_due(journal: Journal, practice: Practice) -> int:
    """Art. 51-2(3): a round for each past quarter at whose end entries were included; returns how many.

    A quarter without a single entry has nothing to monitor and gets no round by itself.
    """
    running = Quarter.of(legal_date(practice.clock.now()))
    with journal.database.read() as connection:
        due = [
            quarter
            for quarter in _without_round(connection, running)
            if any_at_end_of(connection, quarter.last_day.isoformat())
        ]
    for quarter in due:
        journal.transact(partial(open_round, act=practice.own_act(), quarter=quarter))
    return len(due)


def _without_round(connection: sa.Connection, running: Quarter) -> list[Quarter]:
    first = first_included_on(connection)
    if first is None:
        return []
    known = known_quarters(connection)
    quarter, past = Quarter.of(first), []
    while quarter < running:
        if str(quarter) not in known:
            past.append(quarter)
        quarter = quarter.next
    return past
