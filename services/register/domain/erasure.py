"""An erasure of a producer's personal values: proposed by one officer, approved or declined by another.

Nothing brings back what was erased, so one officer alone never erases (law 418-V art. 36).
"""

from __future__ import annotations

from functools import singledispatchmethod
from uuid import UUID

import msgspec

from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Event, Fact
from services.register.contract.erasures import (
    ErasureApproved,
    ErasureDeclined,
    ErasureProposed,
    ErasureReason,
)
from services.register.domain.proposal import Authors, Proposal


class ProposedErasure(msgspec.Struct, frozen=True, kw_only=True):
    """Whose values, why, and the provision it rests on."""

    producer_id: str
    reason: ErasureReason
    legal_basis: str


class Erasure(Proposal):
    """`proposed -> approved | declined`; the producer's own stream holds `PersonalDataErased`."""

    born_of = (ErasureProposed,)
    decided = "erasure_decided"

    def propose(self, act: Act, commitments: dict[str, str]) -> None:
        """Record that an erasure is proposed; `commitments` bind what the vault holds of it."""
        self.record(act, ErasureProposed(erasure_id=str(self.id), commitments=commitments))

    def approve(self, act: Act, producer_id: UUID) -> Authors:
        """Approve as another officer. Raises as `must_be_anothers`."""
        self.must_be_anothers(act)
        self.record(act, ErasureApproved(erasure_id=str(self.id), producer_id=str(producer_id)))
        return self.authors()

    def decline(self, act: Act, commitments: dict[str, str]) -> None:
        """Decline as another officer. Raises as `must_be_anothers`."""
        self.must_be_anothers(act)
        self.record(act, ErasureDeclined(erasure_id=str(self.id), commitments=commitments))

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        raise TypeError(f"an erasure knows no {type(event).__name__}")

    @when.register
    def _(self, event: ErasureProposed, fact: Fact) -> None:
        self.proposal = fact

    @when.register
    def _(self, event: ErasureApproved, fact: Fact) -> None:
        self.status, self.decision = "approved", fact

    @when.register
    def _(self, event: ErasureDeclined, fact: Fact) -> None:
        self.status, self.decision = "declined", fact


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the register keeps of a producer, and what stands in the way of erasing it."""

    included: bool
    pending: bool
    fields: tuple[str, ...]

    def must_be_erasable(self) -> None:
        """Raise `Conflict` unless the values can be erased now.

        `erasure_while_published` while a product is in the register, whose producer's values are public
        (order 327 para. 5, Appendix 1); `erasure_while_pending` while an application, an appeal, a
        notification or a correction waits for its decision, which could bring a product (back) into the
        register; `nothing_to_erase`.
        """
        if self.included:
            raise Conflict("erasure_while_published")
        if self.pending:
            raise Conflict("erasure_while_pending")
        if not self.fields:
            raise Conflict("nothing_to_erase")
