"""What one officer proposes and another decides: the four eyes of corrections and erasures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal
from uuid import UUID

from services.kernel.errors import Conflict, Forbidden
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Fact

ProposalStatus = Literal["proposed", "approved", "declined"]


@dataclass(frozen=True, slots=True)
class Authors:
    """The proposal on which a fact rests, and who made it (opaque); who approved is the fact's actor."""

    proposal_id: str
    proposed_by: str


class Proposal(Aggregate):
    """`proposed -> approved | declined`, a stream of its own; what is proposed stands in the vault."""

    decided: ClassVar[str]
    """The code of the problem that it is decided already."""

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self.status: ProposalStatus = "proposed"
        self.proposal: Fact
        self.decision: Fact | None = None

    def must_be_anothers(self, act: Act) -> None:
        """Raise `Conflict` (`decided`) after a decision, `Forbidden` (`own_proposal`) for who proposed."""
        if self.status != "proposed":
            raise Conflict(self.decided, state=self.status, allowed="none")
        if act.provenance.actor == self.proposal.provenance.actor:
            raise Forbidden("own_proposal")

    def authors(self) -> Authors:
        """On what the facts rest that an approval brings."""
        return Authors(str(self.id), self.proposal.provenance.actor)
