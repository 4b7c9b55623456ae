"""What the facts of a case make of it: its state, and nothing that decides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Literal
from uuid import UUID

import msgspec

from services.kernel.calendar import legal_date
from services.kernel.contract import DocumentRef, FixedTerm, OfficialText
from services.kernel.journal.aggregate import Aggregate
from services.kernel.journal.events import Event, Fact
from services.verification.contract.events import (
    AppealDecided,
    CaseClosed,
    CaseConcluded,
    CaseKind,
    CaseOpened,
    CaseReopened,
    ClosingGround,
    MonitoringSignalReceived,
    NotificationIssued,
    NotificationResubmitted,
    NotificationResult,
    ReworkBegun,
    TermMissed,
)
from services.verification.contract.officers_work import (
    CaseAssigned,
    ConclusionProposed,
    CourtRulingRecorded,
    CriterionChecked,
    DocumentsRequested,
    DocumentsSupplied,
    ProposalReturned,
)
from services.verification.domain.checking import Check
from services.verification.domain.supplying import with_supplied
from services.verification.domain.terms import Terms

Status = Literal["open", "concluded", "rework", "closed"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed end of the case that waits for a second officer."""

    content: ConclusionProposed
    by: str


class CaseFacts(Aggregate):
    """The state of a case. `concluded_by` are all who concluded, proposed or approved its end."""

    born_of = (CaseOpened,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "open"
        self.opened: CaseOpened
        self.opened_by: Fact
        self.terms = Terms()
        self.assigned_to: str | None = None
        self.request: DocumentsRequested | None = None
        self.requests: list[DocumentsRequested] = []
        self.supplied: list[DocumentsSupplied] = []
        self.checks: dict[str, Check] = {}
        self.proposal: Proposal | None = None
        self.returned_proposal: ProposalReturned | None = None
        self.conclusion: CaseConcluded | None = None
        self.decision: AppealDecided | None = None
        self.decided_on = ""
        self.concluded_by: set[str] = set()
        self.ruling: CourtRulingRecorded | None = None
        self.rulings: list[CourtRulingRecorded] = []
        self.notification: NotificationIssued | NotificationResubmitted | None = None
        self.told = False
        self.rework: ReworkBegun | None = None
        self.closing_ground: ClosingGround | None = None
        self.reopened: CaseReopened | None = None
        self.signals: list[MonitoringSignalReceived] = []

    @property
    def kind(self) -> CaseKind:
        """Confirmation, monitoring or appeal."""
        return self.opened.kind

    @property
    def is_under_way(self) -> bool:
        """True while something is left to decide."""
        return self.status in ("open", "rework")

    @property
    def result(self) -> NotificationResult | None:
        """What the case came to, in the words of its notification; None while undecided.

        A ruling that undid an exclusion, or an appeal's dismissal, stands in the place of what it undid.
        """
        if self.ruling is not None:
            return "upheld" if self.kind == "appeal" else "conforms"
        if self.decision is not None:
            return "dismissed" if self.decision.decision == "dismissed" else "upheld"
        return self.conclusion.result if self.conclusion is not None else None

    @property
    def reasons(self) -> OfficialText | None:
        """The reasons of the result: the ruling's, the decision's, or the conclusion's."""
        told = self.ruling or self.decision or self.conclusion
        return told.reasons if told is not None else None

    @property
    def annuls_from_start(self) -> bool:
        """Whether the exclusion in question counts as never made."""
        told = self.ruling or self.decision
        return told is not None and told.annuls_from_start

    @property
    def corrects(self) -> str | None:
        """The notification that the result corrects or that a court undid."""
        if self.ruling is not None:
            return self.ruling.notification_id
        return self.conclusion.corrects if self.conclusion is not None else None

    @property
    def running_term(self) -> FixedTerm | None:
        """The term the authority is under now, if any."""
        if self.status == "rework" and self.rework is not None:
            return self.rework.term
        begun = self.reopened or self.opened
        return begun.term if self.status == "open" else None

    @property
    def documents(self) -> tuple[DocumentRef, ...]:
        """The documents as they stand now: those supplied added, those replaced left out."""
        documents = self.opened.documents
        for answer in self.supplied:
            documents = with_supplied(documents, answer.documents, answer.replaced)
        return documents

    @property
    def considered(self) -> CaseOpened:
        """The opening with the documents as they stand now."""
        return (
            msgspec.structs.replace(self.opened, documents=self.documents) if self.supplied else self.opened
        )

    # --- facts ---------------------------------------------------------------------------------------

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: CaseOpened, fact: Fact) -> None:
        self.opened = event
        self.opened_by = fact
        self.terms.begin(event.term, "informatization_authority")

    @when.register
    def _(self, event: MonitoringSignalReceived, _fact: Fact) -> None:
        self.signals.append(event)

    @when.register
    def _(self, event: CaseAssigned, _fact: Fact) -> None:
        self.assigned_to = event.officer

    @when.register
    def _(self, event: DocumentsRequested, _fact: Fact) -> None:
        self.request = event
        self.requests.append(event)
        self.terms.begin(event.term, "producer")

    @when.register
    def _(self, event: DocumentsSupplied, _fact: Fact) -> None:
        self.request = None
        self.supplied.append(event)
        self.proposal = None
        self.terms.end("producer")

    @when.register
    def _(self, event: CriterionChecked, fact: Fact) -> None:
        self.checks[event.criterion] = Check(event, fact.provenance.actor)

    @when.register
    def _(self, event: ConclusionProposed, fact: Fact) -> None:
        self.proposal = Proposal(event, fact.provenance.actor)
        self.returned_proposal = None
        self.concluded_by.add(fact.provenance.actor)

    @when.register
    def _(self, event: ProposalReturned, _fact: Fact) -> None:
        self.proposal = None
        self.returned_proposal = event

    @when.register
    def _(self, event: CaseConcluded, fact: Fact) -> None:
        self.conclusion = event
        self._end_by(fact)

    @when.register
    def _(self, event: AppealDecided, fact: Fact) -> None:
        self.decision = event
        self._end_by(fact)

    @when.register
    def _(self, event: NotificationIssued, _fact: Fact) -> None:
        self.notification = event
        self.told = True

    @when.register
    def _(self, event: NotificationResubmitted, _fact: Fact) -> None:
        self.notification = event
        self.told = True

    @when.register
    def _(self, event: ReworkBegun, _fact: Fact) -> None:
        self.status = "rework"
        self.rework = event
        self.terms.begin(event.term, "informatization_authority")

    @when.register
    def _(self, event: CourtRulingRecorded, _fact: Fact) -> None:
        if event.outcome == "undone" and self.result in ("exclude", "dismissed"):
            self.ruling = event
            self.proposal = None
            self.told = False
        self.rulings.append(event)

    @when.register
    def _(self, event: CaseClosed, _fact: Fact) -> None:
        self.status = "closed"
        self.closing_ground = event.ground
        self.proposal = self.request = None
        self.terms.end("informatization_authority", met=False)
        self.terms.end("producer", met=False)

    @when.register
    def _(self, event: CaseReopened, _fact: Fact) -> None:
        self.status = "open"
        self.closing_ground = None
        self.reopened = event
        if event.term is not None:
            self.terms.begin(event.term, "informatization_authority")

    @when.register
    def _(self, event: TermMissed, _fact: Fact) -> None:
        self.terms.miss(event.term)

    def _end_by(self, fact: Fact) -> None:
        self.status = "concluded"
        self.told = False
        self.proposal = self.request = None
        self.decided_on = legal_date(fact.effective_at).isoformat()
        self.concluded_by.add(fact.provenance.actor)
        self.terms.end("informatization_authority")
        self.terms.end("producer", met=False)
