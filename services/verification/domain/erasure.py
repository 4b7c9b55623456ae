"""An erasure: what was kept here of a person went, because the register's copy did."""

from __future__ import annotations

from functools import singledispatchmethod

from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.verification.contract.erasures import PersonalDataErased


class Erasure(Aggregate):
    """One erasure in a stream of its own: it concerns a producer and perhaps several listings."""

    born_of = (PersonalDataErased,)

    def carry_out(self, act: Act, erased: PersonalDataErased) -> None:
        """Law 418-V art. 36: record what was erased."""
        self.record(act, erased)

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: PersonalDataErased, _fact: Fact) -> None:
        self.erased = event
