"""What courts say of an entry, as the industry authority publishes it."""

from __future__ import annotations

from typing import ClassVar, Literal

from services.kernel.contract import CourtRuling, OfficialText
from services.kernel.journal.events import Event
from services.register.contract.events import REGISTER_EVENTS


@REGISTER_EVENTS.published("entry.court-ruling-recorded.v1")
class CourtRulingRecorded(Event, frozen=True, kw_only=True):
    """A court's ruling on a notification about the entry, as the informatization authority recorded it.

    It changes nothing by itself: what it undoes is undone by `Reinstated` or by no one.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-5(7)"

    entry_id: str
    producer_id: str
    notification_id: str
    ruling: CourtRuling
    outcome: Literal["upheld", "undone"]
    reasons: OfficialText
    annuls_from_start: bool = False
