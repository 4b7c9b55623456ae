"""The erasure of what the informatization authority keeps of a person besides its facts."""

from __future__ import annotations

from typing import ClassVar

from services.kernel.journal.events import Event
from services.verification.contract.events import VERIFICATION_EVENTS


@VERIFICATION_EVENTS.published("producer.personal-data-erased.v1")
class PersonalDataErased(Event, frozen=True, kw_only=True):
    """Following the register, what was kept here of a producer was erased: `fields` names it.

    `listing_ids` are the listings whose holder it was as an individual; they go on without a holder.
    """

    legal_basis: ClassVar[str] = "law-418-V art. 36"

    producer_id: str
    fields: tuple[str, ...]
    listing_ids: tuple[str, ...] = ()
