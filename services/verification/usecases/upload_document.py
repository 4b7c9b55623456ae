"""Upload a document: whose evidence it becomes by that."""

from __future__ import annotations

from uuid import UUID

from services.kernel.errors import Forbidden
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal
from services.verification.adapters.filings import Filing
from services.verification.domain.case import Case


def filing_by_producer(act: Act, number: str | None, case_id: UUID | None) -> Filing:
    """A producer uploads for itself: `number` is the BIN or IIN that it acts for.

    Raises `Forbidden`: `not_yours` without a number, `role_insufficient` where a case is named.
    """
    if case_id is not None:
        raise Forbidden("role_insufficient", roles="informatization_officer")
    if number is None:
        raise Forbidden("not_yours")
    return Filing(number, act.provenance.actor)


def filing_by_officer(journal: Journal, act: Act, case_id: UUID | None) -> Filing:
    """An officer uploads for the producer of a case; what names no case counts for nobody.

    Raises `NotFound` (`case_unknown`) and `Forbidden` (`case_of_another`).
    """
    actor = act.provenance.actor
    if case_id is None:
        return Filing(actor, actor)
    case = journal.load(Case, case_id)
    case.require_holder(act)
    return Filing(case.opened.producer.producer_id, actor)
