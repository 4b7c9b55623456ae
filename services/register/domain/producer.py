"""A producer: known from its first filing, until it is liquidated or reorganised into another entity."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Literal
from uuid import UUID

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.events import (
    ProducerLiquidated,
    ProducerRegistered,
    ProducerReorganised,
    ProducerTransformed,
)

Status = Literal["active", "liquidated", "reorganised"]
Reorganisation = Literal["merger", "accession", "division", "separation"]


class Producer(Aggregate):
    """A resident business entity that files applications."""

    born_of = (ProducerRegistered,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "active"
        self.ref: ProducerRef

    def register(self, act: Act, ref: ProducerRef) -> None:
        """Order 327 para. 3(1): become known with the first filing."""
        self.record(act, ProducerRegistered(producer=ref))

    def liquidate(self, act: Act, *, liquidated_on: str, reference: str) -> bool:
        """Art. 51-6: record the liquidation; a repeated report changes nothing."""
        self._must_be_legal_entity()
        if self.status != "active":
            return False
        self.record(
            act, ProducerLiquidated(producer=self.ref, liquidated_on=liquidated_on, reference=reference)
        )
        return True

    def reorganise(self, act: Act, *, form: Reorganisation, reorganised_on: str, reference: str) -> bool:
        """Art. 51-6: record a reorganisation other than transformation; a repeated report changes nothing."""
        self._must_be_legal_entity()
        if self.status != "active":
            return False
        self.record(
            act,
            ProducerReorganised(
                producer=self.ref, form=form, reorganised_on=reorganised_on, reference=reference
            ),
        )
        return True

    def transform(
        self, act: Act, *, bin_: str, name: OfficialText, transformed_on: str, reference: str
    ) -> bool:
        """Art. 51-6 excepts transformation: name or BIN change, entries stay."""
        self._must_be_legal_entity()
        if self.status != "active":
            raise Conflict("producer_ceased", state=self.status, allowed="none")
        if (self.ref.bin, self.ref.name) == (bin_, name):
            return False
        ref = ProducerRef(producer_id=self.ref.producer_id, kind="legal_entity", bin=bin_, name=name)
        self.record(
            act,
            ProducerTransformed(
                producer=ref,
                former_bin=self.ref.bin or "",
                transformed_on=transformed_on,
                reference=reference,
            ),
        )
        return True

    def _must_be_legal_entity(self) -> None:
        if self.ref.kind != "legal_entity":
            raise Invalid("producer_not_legal_entity")

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: ProducerRegistered, _fact: Fact) -> None:
        self.ref = event.producer

    @when.register
    def _(self, _event: ProducerLiquidated, _fact: Fact) -> None:
        self.status = "liquidated"

    @when.register
    def _(self, _event: ProducerReorganised, _fact: Fact) -> None:
        self.status = "reorganised"

    @when.register
    def _(self, event: ProducerTransformed, _fact: Fact) -> None:
        self.ref = event.producer
