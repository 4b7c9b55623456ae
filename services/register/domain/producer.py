"""A producer: a legal entity by its BIN, or an individual entrepreneur (order 327 para. 3(1))."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import singledispatchmethod
from typing import Literal
from uuid import UUID

import msgspec

from services.kernel.calendar import end_of, legal_date, start_of
from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict, Invalid
from services.kernel.identifiers import is_bin
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.register.contract.erasures import PersonalDataErased
from services.register.contract.events import (
    ProducerLiquidated,
    ProducerRegistered,
    ProducerReorganised,
    ProducerTransformed,
    TransformedField,
)
from services.register.domain.erasure import ProposedErasure
from services.register.domain.naming import named, transformed
from services.register.domain.own_data import Stated
from services.register.domain.proposal import Authors

CeasedGround = Literal["liquidation", "reorganisation"]
ReorganisationForm = Literal["merger", "accession", "division", "separation"]


@dataclass(frozen=True, slots=True)
class Ceased:
    """How a legal entity ended as a producer: on what ground, on which legal day, by which document."""

    ground: CeasedGround
    on: str
    reference: str
    form: ReorganisationForm | None = None


class Producer(Aggregate):
    """One producer over its whole life, under whatever name or BIN."""

    born_of = (ProducerRegistered,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self.ref = ProducerRef(producer_id=str(id), kind="legal_entity")
        self.ceased: Ceased | None = None
        self._registered = self.ref
        self._transformations: list[Fact] = []
        self.erased_on: str | None = None

    def register(self, act: Act, ref: ProducerRef) -> Fact:
        """Become known with the first filing."""
        return self.record(act, ProducerRegistered(producer=ref))

    def must_be_called(self, number: str) -> None:
        """Raise `Conflict` (`producer_transformed`) for a BIN that a transformation took away (art. 51-6).

        Who bore it goes on under the present one and nobody else bears it, so nobody ends under it.
        """
        if self.ref.kind == "legal_entity" and number != self.ref.bin:
            raise Conflict("producer_transformed", state="transformed", bin=self.ref.bin or "")

    def liquidate(self, act: Act, *, on: date, reference: str) -> Fact | None:
        """End by liquidation (law 86-VII art. 51-6). None when the producer had ended before."""
        if not self._ends(act, on):
            return None
        event = ProducerLiquidated(producer=self.ref, liquidated_on=on.isoformat(), reference=reference)
        return self.record(act, event, effective_at=_counts_from(act, on))

    def reorganise(self, act: Act, *, form: ReorganisationForm, on: date, reference: str) -> Fact | None:
        """End by reorganisation other than transformation (art. 51-6). None when ended before."""
        if not self._ends(act, on):
            return None
        event = ProducerReorganised(
            producer=self.ref, form=form, reorganised_on=on.isoformat(), reference=reference
        )
        return self.record(act, event, effective_at=_counts_from(act, on))

    def transform(
        self, act: Act, *, on: date, reference: str, new_bin: str | None, new_name: OfficialText | None
    ) -> Fact | None:
        """Change name or BIN and stay in the register (art. 51-6 excepts transformation).

        It counts from its own day, also where another one that counts from later was told before. None when
        nothing would change. Raises `Conflict` (`producer_ceased`) after the producer's end.
        """
        self._must_be_legal_entity()
        _must_have_come(act, on)
        self.must_be_active()
        if new_bin is not None and not is_bin(new_bin):
            raise Invalid("bin_type", pointer="/new_bin")
        told = (self.ref, self._as_of(end_of(on)))
        new: dict[TransformedField, str | OfficialText] = {}
        if new_bin is not None and new_bin not in [ref.bin for ref in told]:
            new["bin"] = new_bin
        if new_name is not None and new_name not in [ref.name for ref in told]:
            new["name"] = new_name
        if not new:
            return None
        at = _counts_from(act, on)
        before = self._as_of(at)
        event = ProducerTransformed(
            producer=msgspec.structs.replace(before, **new),
            former_bin=before.bin or "",
            transformed_on=on.isoformat(),
            reference=reference,
            fields=tuple(new),
            superseded=tuple(field for field in new if self._gave_later(field, at)),
        )
        return self.record(act, event, effective_at=at)

    def erase(
        self, act: Act, proposed: ProposedErasure, authors: Authors, *, fields: tuple[str, ...]
    ) -> Fact:
        """Law 418-V art. 36: what is kept of the producer besides its facts, `fields`, is erased."""
        event = PersonalDataErased(
            producer_id=str(self.id),
            fields=fields,
            reason=proposed.reason,
            erasure_id=authors.proposal_id,
            proposed_by=authors.proposed_by,
        )
        return self.record(act, event, basis=proposed.legal_basis)

    def repeat_erasure(
        self, act: Act, *, fields: tuple[str, ...], kept: tuple[str, ...] = (), told_in: tuple[str, ...] = ()
    ) -> Fact:
        """A restored backup holds `fields` that were erased after it was made: they are erased once more.

        It says what is, so nothing stands in its way: the keys that opened the values are gone. What was
        filed since stays: `kept` names its fields, `told_in` then the facts whose values go.
        """
        erased = PersonalDataErased(
            producer_id=str(self.id), fields=fields, reason="erased_before", kept=kept, told_in=told_in
        )
        return self.record(act, erased)

    def named(
        self, ref: ProducerRef, *, since: str, updated: Stated | None = None, at: datetime | None = None
    ) -> ProducerRef:
        """How to name, at a legal instant or now, the producer that event `since` stated as `ref`.

        `updated` is the update by which it is called as `ref` says, if one is.
        """
        return named(ref, since, updated, transformed(self._transformations, at=at))

    @property
    def former_bins(self) -> tuple[str, ...]:
        """The BINs it had before the present one, in the order in which they counted."""
        changes = sorted(self._transformations, key=lambda fact: fact.effective_at)
        bins = [self._registered.bin, *(_told_in(fact).producer.bin for fact in changes)]
        return tuple(dict.fromkeys(one for one in bins if one not in (None, self.ref.bin)))

    @property
    def renamed_at(self) -> datetime | None:
        """From when (UTC) the name counts that a transformation gave it last."""
        renamed = transformed(self._transformations).renamed
        return None if renamed is None else renamed.at

    def _as_of(self, at: datetime) -> ProducerRef:
        return transformed(self._transformations, at=at).applied(self._registered)

    def _gave_later(self, field: TransformedField, at: datetime) -> bool:
        return any(
            field in _told_in(fact).changed and fact.effective_at > at for fact in self._transformations
        )

    def must_be_active(self) -> None:
        """Raise `Conflict` (`producer_ceased`) once the producer has ended (art. 51-6)."""
        if self.ceased is not None:
            raise Conflict("producer_ceased", state=self.ceased.ground, on=self.ceased.on)

    def _ends(self, act: Act, on: date) -> bool:
        self._must_be_legal_entity()
        _must_have_come(act, on)
        return self.ceased is None

    def _must_be_legal_entity(self) -> None:
        if self.ref.kind != "legal_entity":
            raise Invalid("legal_entity_required")

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        raise TypeError(f"a producer knows no {type(event).__name__}")

    @when.register
    def _(self, event: ProducerRegistered, fact: Fact) -> None:
        self._registered = self.ref = event.producer

    @when.register
    def _(self, event: ProducerLiquidated, fact: Fact) -> None:
        self.ceased = Ceased("liquidation", event.liquidated_on, event.reference)

    @when.register
    def _(self, event: ProducerReorganised, fact: Fact) -> None:
        self.ceased = Ceased("reorganisation", event.reorganised_on, event.reference, event.form)

    @when.register
    def _(self, event: PersonalDataErased, fact: Fact) -> None:
        self.erased_on = legal_date(fact.effective_at).isoformat()

    @when.register
    def _(self, event: ProducerTransformed, fact: Fact) -> None:
        self._transformations.append(fact)
        self.ref = transformed(self._transformations).applied(self._registered)


def _told_in(fact: Fact) -> ProducerTransformed:
    if not isinstance(fact.data, ProducerTransformed):
        raise TypeError(f"{type(fact.data).__name__} is no transformation")
    return fact.data


def _must_have_come(act: Act, on: date) -> None:
    if on > legal_date(act.at):
        raise Invalid("day_in_future", pointer="/on", day=on.isoformat())


def _counts_from(act: Act, on: date) -> datetime:
    """From the start of the legal day `on`, or from the act itself when they are the same day."""
    return act.at if on == legal_date(act.at) else start_of(on)
