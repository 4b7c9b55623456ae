"""How an appeal ends that is neither dismissed nor puts its entry back."""

from __future__ import annotations

from typing import ClassVar, Literal

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.journal.events import Event
from services.register.contract.events import REGISTER_EVENTS

AppealClosingGround = Literal[
    "included_anew", "exclusion_corrected", "court_ruling", "liquidation", "reorganisation"
]


@REGISTER_EVENTS.published("entry.appeal-closed.v1")
class AppealClosed(Event, frozen=True, kw_only=True):
    """An appeal ended although nothing was left for it to bring back into the register.

    `included_anew`: it was upheld (`notification_id`, `reasons`), but a reapplication had brought the product
    back before. On the other grounds it ended undecided.
    """

    legal_basis: ClassVar[str] = "law-86-VII arts. 51-2(5), 51-6; order-327 para. 31"

    entry_id: str
    appeal_id: str
    producer: ProducerRef
    exclusion_event_id: str
    ground: AppealClosingGround
    notification_id: str | None = None
    reasons: OfficialText | None = None
