"""The erasure of what the register keeps of a producer besides its facts."""

from __future__ import annotations

from typing import ClassVar, Literal

from services.kernel.journal.events import Event
from services.register.contract.events import REGISTER_EVENTS

ErasureReason = Literal["purpose_reached", "consent_withdrawn", "unlawfully_processed", "ordered"]


@REGISTER_EVENTS.published("producer.personal-data-erased.v1")
class PersonalDataErased(Event, frozen=True, kw_only=True):
    """What was kept of a producer was erased: `fields` names it, the values are gone.

    Commitments to them stay in earlier facts and open to nobody. `reason`: the purpose is reached, consent
    was withdrawn, they were processed unlawfully, or a court or authority ordered it. Followers erase their
    copies.
    """

    legal_basis: ClassVar[str] = "law-418-V art. 36"

    producer_id: str
    fields: tuple[str, ...]
    reason: ErasureReason
