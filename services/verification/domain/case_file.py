"""The file of a case under the officers' hands: who holds it, what was asked, checked and proposed."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from services.kernel.calendar import has_ended
from services.kernel.contract import DocumentRef, FixedTerm, OfficialText
from services.kernel.errors import Conflict, Forbidden, Invalid
from services.kernel.journal.aggregate import Act
from services.verification.contract.events import (
    AppealDecided,
    CaseConcluded,
    CheckVerdict,
    CriterionOutcome,
    RecordedJudgement,
)
from services.verification.contract.officers_work import (
    CaseAssigned,
    ConclusionProposed,
    CriterionChecked,
    DocumentsRequested,
    DocumentsSupplied,
    ProposalReturned,
)
from services.verification.domain.case_facts import CaseFacts, Proposal, Status
from services.verification.domain.checking import outcome_of
from services.verification.domain.hand_off import HandOff

ALLOWED: Final[dict[Status, str]] = {
    "open": "conclusion",
    "rework": "resubmission",
    "concluded": "none",
    "closed": "none",
}
"""What each state of a case leaves to do."""


class CaseFile(CaseFacts):
    """What officers do on a case before it ends; `Case` adds how it ends."""

    # --- who may act -----------------------------------------------------------------------------------

    def require_under_way(self) -> None:
        """Raise `Conflict` (`case_not_open`) once the case is concluded or closed."""
        if not self.is_under_way:
            raise Conflict("case_not_open", state=self.status, allowed=ALLOWED[self.status])

    def require_hands(self, act: Act) -> None:
        """Raise unless this officer may work on the case now.

        Raises `Forbidden` (`case_of_another`) while it is assigned to another officer and `Conflict`
        (`proposal_pending`) while a proposal waits for a second one.
        """
        if not self.is_under_way:
            return
        self.require_holder(act)
        if self.proposal is not None:
            raise Conflict("proposal_pending", state="proposed", allowed="approval, return")

    def require_holder(self, act: Act) -> None:
        """Raise `Forbidden` (`case_of_another`) once the case is assigned to another officer."""
        if self.assigned_to not in (None, act.provenance.actor):
            raise Forbidden("case_of_another", officer=self.assigned_to or "")

    # --- assignment --------------------------------------------------------------------------------------

    def assign(
        self, act: Act, officer: str | None, reasons: OfficialText | None, *, barred: frozenset[str]
    ) -> None:
        """Take the case, give it to another officer, or give it back (`officer` is None).

        Taking it out of another officer's hands needs reasons. Those `barred` concluded what is appealed.
        Raises `Conflict` (`case_not_open`, `assignment_unchanged`), `Invalid`
        (`reassignment_reasons_required`) and `Forbidden` (`appeal_of_own_case`).
        """
        self.require_under_way()
        if officer == self.assigned_to:
            raise Conflict("assignment_unchanged", state=officer or "nobody", allowed="another officer")
        if officer is not None and officer in barred:
            raise Forbidden("appeal_of_own_case")
        if self.assigned_to not in (None, act.provenance.actor) and reasons is None:
            raise Invalid("reassignment_reasons_required", pointer="/reasons")
        self.record(act, CaseAssigned(case_id=str(self.id), officer=officer, reasons=reasons))

    # --- documents ---------------------------------------------------------------------------------------

    def request_documents(
        self, act: Act, request_id: str, *, asked: OfficialText, kinds: tuple[str, ...], term: FixedTerm
    ) -> None:
        """Ask the producer for documents, with a term that a setting fixes.

        Raises `Conflict` (`case_not_open`, `documents_requested_already`) and what `require_hands` raises.
        """
        self.require_under_way()
        self.require_hands(act)
        if self.request is not None:
            raise Conflict("documents_requested_already", state="requested", allowed="documents")
        self.record(
            act,
            DocumentsRequested(
                case_id=str(self.id),
                request_id=request_id,
                producer_id=self.opened.producer.producer_id,
                product_name=self.opened.product_name,
                asked=asked,
                kinds=kinds,
                term=term,
            ),
        )

    def supply_documents(
        self, act: Act, documents: tuple[DocumentRef, ...], replaced: tuple[str, ...]
    ) -> None:
        """The producer's answer; a late one is taken all the same while the case is under way.

        A proposal made on the documents before falls away. Raises `Conflict` (`case_not_open`,
        `documents_not_requested`) and `Invalid` (`document_not_of_case`).
        """
        self.require_under_way()
        request = self.request
        if request is None:
            raise Conflict("documents_not_requested", state=self.status, allowed="none")
        present = {document.sha256 for document in self.documents}
        for digest in replaced:
            if digest not in present:
                raise Invalid("document_not_of_case", pointer="/documents", sha256=digest)
        self.record(
            act,
            DocumentsSupplied(
                case_id=str(self.id),
                request_id=request.request_id,
                producer_id=request.producer_id,
                product_name=request.product_name,
                documents=documents,
                replaced=replaced,
                late=has_ended(request.term, act.at),
            ),
        )

    # --- criteria ----------------------------------------------------------------------------------------

    def check_criterion(
        self,
        act: Act,
        by_rules: RecordedJudgement,
        criterion: str,
        verdict: CheckVerdict,
        reasons: OfficialText | None,
    ) -> None:
        """Confirm or override what the rule says of one criterion now; the conclusion rests on it.

        Raises `Conflict` (`case_not_open`), `Invalid` (`criterion_unknown`, `override_reasons_required`) and
        what `require_hands` raises.
        """
        self.require_under_way()
        self.require_hands(act)
        said = outcome_of(by_rules, criterion)
        if verdict == "overridden" and reasons is None:
            raise Invalid("override_reasons_required", pointer="/reasons", criterion=criterion)
        self.record(act, _checked(self.id, by_rules, said, verdict, reasons))

    # --- four eyes ---------------------------------------------------------------------------------------

    def propose(
        self,
        act: Act,
        found: CaseConcluded | AppealDecided,
        hand_off: HandOff,
        answer_to_remarks: OfficialText | None = None,
    ) -> None:
        """Propose exactly what an approval will record. Raises `Conflict` (`proposal_pending`)."""
        if self.proposal is not None:
            raise Conflict("proposal_pending", state="proposed", allowed="approval, return")
        self.record(
            act,
            ConclusionProposed(
                case_id=str(self.id),
                conclusion=found if isinstance(found, CaseConcluded) else None,
                decision=found if isinstance(found, AppealDecided) else None,
                answer_to_remarks=answer_to_remarks,
                trusted_register_reference=hand_off.trusted_register_reference,
                trusted_register_listed_on=hand_off.trusted_register_listed_on,
                localisation_share=hand_off.localisation_share,
            ),
        )

    def approve(self, act: Act, *, barred: frozenset[str]) -> ConclusionProposed:
        """Record what was proposed; the caller issues its notification from what is returned.

        Those `barred` concluded what is appealed. Raises `Conflict` (`nothing_proposed`) and `Forbidden`
        (`own_proposal`, `appeal_of_own_case`).
        """
        proposal = self._another_officers_proposal(act)
        if act.provenance.actor in barred:
            raise Forbidden("appeal_of_own_case")
        found = proposal.content.conclusion or proposal.content.decision
        if found is None:
            raise ValueError(f"{self.id}: a proposal of nothing")
        self.record(act, msgspec.structs.replace(found, proposed_by=proposal.by))
        return proposal.content

    def return_proposal(self, act: Act, remarks: OfficialText) -> None:
        """Give a proposal back with remarks. Raises `Conflict` (`nothing_proposed`), `Forbidden`."""
        self._another_officers_proposal(act)
        self.record(act, ProposalReturned(case_id=str(self.id), remarks=remarks))

    def _another_officers_proposal(self, act: Act) -> Proposal:
        if self.proposal is None:
            raise Conflict("nothing_proposed", state=self.status, allowed=ALLOWED[self.status])
        if act.provenance.actor == self.proposal.by:
            raise Forbidden("own_proposal")
        return self.proposal


def _checked(
    case_id: UUID,
    by_rules: RecordedJudgement,
    said: CriterionOutcome,
    verdict: CheckVerdict,
    reasons: OfficialText | None,
) -> CriterionChecked:
    return CriterionChecked(
        case_id=str(case_id),
        criterion=said.criterion,
        verdict=verdict,
        rule_set=by_rules.rule_set,
        version=by_rules.version,
        digest=by_rules.digest,
        rule_said=said,
        reasons=reasons,
    )
