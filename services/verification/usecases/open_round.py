"""Open the monitoring round of a quarter that is over."""

from __future__ import annotations

from services.kernel.calendar import Quarter
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.monitoring_round import MonitoringRound, round_id
from services.verification.projections.included_entries import (
    count_at_end_of,
    first_included_on,
    known_to,
)


def open_round(work: Work, act: Act, quarter: Quarter) -> tuple[MonitoringRound, bool]:
    """Order 327 para. 29: the quarter's round and whether it was opened now; asked again, the same round.

    It records how many entries were included at the quarter's end and up to which position of the register's
    journal that is known; what becomes known behind that position gets its case all the same. Raises
    `Invalid` (`quarter_not_over`, `quarter_before_register`).
    """
    found = work.find(MonitoringRound, round_id(quarter))
    if found is not None:
        return found, False
    with work.database.snapshot() as connection:
        entries = count_at_end_of(connection, quarter.last_day.isoformat())
        known = known_to(connection)
        first = first_included_on(connection)
    opened = MonitoringRound(round_id(quarter))
    opened.open(act, quarter, entries=entries, first=first, known_to=known)
    work.save(opened)
    return opened, True
