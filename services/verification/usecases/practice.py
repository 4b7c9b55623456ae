"""How this authority works: its rule sets, evidence, clock and terms, and which steps are automatic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import uuid4

from services.kernel.calendar import Term
from services.kernel.clock import Clock
from services.kernel.contract import FixedTerm
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.verification.adapters.documents import DocumentStore
from services.verification.contract.events import CaseKind
from services.verification.domain.authority_names import AuthorityNames, authority_names
from services.verification.domain.rule_sets import RuleBook

ACTOR: Final = "system:verification"
Step = Literal["confirmation", "monitoring", "resubmission"]


@dataclass(frozen=True)
class Practice:
    """What the use cases know beside the facts. `clock` is the legal clock.

    `four_eyes` are the kinds of cases that an officer ends only with a second one's approval.
    `document_request_days` are the working days a producer has to supply documents.
    """

    clock: Clock
    documents: DocumentStore
    rule_book: RuleBook
    automatic: frozenset[Step] = frozenset()
    terms: Mapping[CaseKind, Term] = field(default_factory=dict)
    four_eyes: frozenset[CaseKind] = frozenset()
    document_request_days: int = 10
    names: AuthorityNames = field(default_factory=authority_names)

    def is_automatic(self, step: str) -> bool:
        """True when a step is decided without an officer; appeals never are (art. 51-2(5))."""
        return step in self.automatic

    def term_of(self, kind: CaseKind, act: Act) -> FixedTerm | None:
        """The term set for a case of this kind; the texts fix none, so it is never statutory."""
        term = self.terms.get(kind)
        return None if term is None else term.fixed(act.at)

    def needs_four_eyes(self, kind: CaseKind) -> bool:
        """True when a second officer approves how a case of this kind ends."""
        return kind in self.four_eyes

    def documents_term(self, act: Act) -> FixedTerm:
        """The term of a document request; the texts fix none, so it is never statutory."""
        days = self.document_request_days
        return Term("documents", days, "working_days", "setting", statutory=False).fixed(act.at)

    def own_act(self) -> Act:
        """The legal act of the service itself, now."""
        return Act(
            self.clock.now(),
            Provenance(actor=ACTOR, decided_by="automatic", correlation_id=uuid4().hex),
        )
