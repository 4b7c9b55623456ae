"""Open the monitoring round of a quarter that is over."""

from __future__ import annotations

from services.kernel.calendar import Quarter
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.monitoring_round import MonitoringRound, round_id
from services.verification.projections.included_entries import count_at_end_of


def open_round(work: Work, act: Act, quarter: Quarter) -> tuple[MonitoringRound, bool]:
    """Order 327 para. 29: the quarter's round and whether it was opened now; asked again, the same round.

    Raises `Invalid` (`quarter_not_over`).
    """
    found = work.find(MonitoringRound, round_id(quarter))
    if found is not None:
        return found, False
    last_day = quarter.last_day.isoformat()
    entries = work.rely_on(lambda connection: count_at_end_of(connection, last_day))
    opened = MonitoringRound(round_id(quarter))
    opened.open(act, quarter, entries=entries)
    work.save(opened)
    return opened, True
