"""The erasure of what the register keeps of a producer besides its facts.

An officer proposes and another approves; of whom is not public before that.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from services.kernel.journal.events import Event
from services.register.contract.events import REGISTER_EVENTS

ErasureReason = Literal["purpose_reached", "consent_withdrawn", "unlawfully_processed", "ordered"]


@REGISTER_EVENTS.published("producer.personal-data-erased.v1")
class PersonalDataErased(Event, frozen=True, kw_only=True):
    """What was kept of a producer was erased: `fields` names it, the values are gone.

    Commitments to them stay in earlier facts and open to nobody. `reason`: the purpose is reached, consent
    was withdrawn, they were processed unlawfully, or a court or authority ordered it; `erased_before`: they
    were erased already when a backup from before that was restored. `erasure_id` names the proposal on which
    it rests, `proposed_by` the officer who made it; who approved it is the event's actor. Followers erase
    their copies.

    Where the producer filed anew before that was found out, `kept` names the fields of which a value stays,
    and `told_in` the facts (by event id) whose values alone were erased; otherwise nothing is kept.
    """

    legal_basis: ClassVar[str] = "law-418-V art. 36"

    producer_id: str
    fields: tuple[str, ...]
    reason: ErasureReason | Literal["erased_before"]
    erasure_id: str | None = None
    proposed_by: str | None = None
    kept: tuple[str, ...] = ()
    told_in: tuple[str, ...] = ()


@REGISTER_EVENTS.published("erasure.proposed.v1")
class ErasureProposed(Event, frozen=True, kw_only=True):
    """An officer proposed to erase a producer's personal values; whose and why stands in the vault."""

    legal_basis: ClassVar[str] = "law-418-V art. 36"

    erasure_id: str
    commitments: dict[str, str]


@REGISTER_EVENTS.published("erasure.approved.v1")
class ErasureApproved(Event, frozen=True, kw_only=True):
    """Another officer approved it; the producer's own stream holds `PersonalDataErased`."""

    legal_basis: ClassVar[str] = "law-418-V art. 36"

    erasure_id: str
    producer_id: str


@REGISTER_EVENTS.published("erasure.declined.v1")
class ErasureDeclined(Event, frozen=True, kw_only=True):
    """Another officer declined it, for reasons that stand in the vault; nothing is erased."""

    legal_basis: ClassVar[str] = "law-418-V art. 36"

    erasure_id: str
    commitments: dict[str, str]
