"""Open by themselves the rounds of quarters that are over and were not monitored yet."""

from __future__ import annotations

from functools import partial

from services.kernel.calendar import Quarter, legal_date
from services.kernel.journal.journal import Journal
from services.verification.projections.included_entries import count_at_end_of, first_included_on
from services.verification.projections.rounds import find_round
from services.verification.usecases.open_round import open_round
from services.verification.usecases.practice import Practice


def open_rounds_due(journal: Journal, practice: Practice) -> int:
    """Art. 51-2(3): a round for each past quarter at whose end entries were included; returns how many.

    A quarter without a single entry has nothing to monitor and gets no round by itself.
    """
    opened = 0
    for quarter in _past_quarters(journal, practice):
        with journal.database.read() as connection:
            known = find_round(connection, str(quarter)) is not None
            entries = 0 if known else count_at_end_of(connection, quarter.last_day.isoformat())
        if entries:
            journal.transact(partial(open_round, act=practice.own_act(), quarter=quarter))
            opened += 1
    return opened


def _past_quarters(journal: Journal, practice: Practice) -> list[Quarter]:
    with journal.database.read() as connection:
        first = first_included_on(connection)
    if first is None:
        return []
    running = Quarter.of(legal_date(practice.clock.now()))
    quarter, past = Quarter.of(first), []
    while quarter < running:
        past.append(quarter)
        quarter = quarter.next
    return past
