"""Go on with closed rounds for an entry that turns out to have been included at their quarter's end."""

from __future__ import annotations

from functools import partial

from services.kernel.calendar import Quarter
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.monitoring_round import MonitoringRound, round_id
from services.verification.projections.rounds import closed_without


def reopen_rounds(work: Work, act: Act, *, entry_id: str, since: str, known_by: str) -> None:
    """Order 327 para. 29: every entry included at a quarter's end is monitored, however late that is known.

    The entry counts as included from the day `since` (ISO date) on, by the register's event `known_by`.
    Rounds still open meet it by themselves.
    """
    for quarter in work.rely_on(partial(closed_without, entry_id=entry_id, since=since)):
        monitored = work.load(MonitoringRound, round_id(Quarter.parse(quarter)))
        if monitored.reopen(act, entry_id=entry_id, known_by=known_by):
            work.save(monitored)
