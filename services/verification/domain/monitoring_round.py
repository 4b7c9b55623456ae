"""A monitoring round: one quarter's monitoring of every entry that was included at the quarter's end.

`open`, then `closed`; an entry that becomes known later, and was included at the quarter's end all the same,
opens it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache, singledispatchmethod
from typing import Final, Literal
from uuid import UUID, uuid5

from services.kernel.calendar import Quarter, legal_date
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.verification.contract.events import (
    MonitoringRoundClosed,
    MonitoringRoundOpened,
    MonitoringRoundReopened,
)

Status = Literal["open", "closed"]
_ROUNDS: Final = UUID("0192f0c4-5d1e-7c3a-9a41-7d2b6c0e51a2")


@dataclass(frozen=True, slots=True)
class Tally:
    """What the cases of a round came to; `under_way` counts those neither concluded nor closed."""

    conforming: int = 0
    excluded: int = 0
    closed: int = 0
    under_way: int = 0


class MonitoringRound(Aggregate):
    """The round of one quarter; its stream id follows from the quarter, so there is only one."""

    born_of = (MonitoringRoundOpened,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "open"
        self.quarter: Quarter
        self.entries = 0

    def open(
        self, act: Act, quarter: Quarter, *, entries: int, first: date | None, known_to: int | None = None
    ) -> None:
        """Order 327 para. 29: begin the quarter's monitoring.

        `first` is the day on which an entry was first included: before it there was nothing to monitor, and a
        round would stand for a monitoring that no one carried out. `known_to` is the position of the industry
        authority's journal up to which entries are known. Raises `Invalid` (`quarter_not_over`,
        `quarter_before_register`).
        """
        if quarter.last_day >= legal_date(act.at):
            raise Invalid(
                "quarter_not_over",
                pointer="/quarter",
                quarter=str(quarter),
                last_day=quarter.last_day.isoformat(),
            )
        if first is None or quarter.last_day < first:
            raise Invalid("quarter_before_register", pointer="/quarter", quarter=str(quarter))
        self.record(
            act,
            MonitoringRoundOpened(
                quarter=str(quarter),
                entries=entries,
                last_day=quarter.last_day.isoformat(),
                known_to=known_to,
            ),
        )

    def reopen(self, act: Act, *, entry_id: str, known_by: str) -> bool:
        """Order 327 para. 29: go on for an entry that became known late; False while the round is open."""
        if self.status == "open":
            return False
        self.record(
            act, MonitoringRoundReopened(quarter=str(self.quarter), entry_id=entry_id, known_by=known_by)
        )
        return True

    def close(self, act: Act, tally: Tally, *, known_to: int | None = None) -> None:
        """End the round once every case of it is concluded or closed."""
        if self.status != "open":
            raise Conflict("round_closed", state=self.status, quarter=str(self.quarter))
        if tally.under_way:
            raise Conflict("round_under_way", state=self.status, under_way=str(tally.under_way))
        self.record(
            act,
            MonitoringRoundClosed(
                quarter=str(self.quarter),
                conforming=tally.conforming,
                excluded=tally.excluded,
                closed=tally.closed,
                known_to=known_to,
            ),
        )

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: MonitoringRoundOpened, _fact: Fact) -> None:
        self.quarter = Quarter.parse(event.quarter)
        self.entries = event.entries

    @when.register
    def _(self, _event: MonitoringRoundClosed, _fact: Fact) -> None:
        self.status = "closed"

    @when.register
    def _(self, _event: MonitoringRoundReopened, _fact: Fact) -> None:
        self.status = "open"


@lru_cache(maxsize=256)
def round_id(quarter: Quarter) -> UUID:
    """The stream of a quarter's round."""
    return uuid5(_ROUNDS, str(quarter))
