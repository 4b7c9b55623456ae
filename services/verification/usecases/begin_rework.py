"""Take a returned notification back for rework; resubmit it at once where that step is automatic."""

from __future__ import annotations

from uuid import UUID

from services.kernel.contract import FixedTerm, OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.usecases.practice import Practice
from services.verification.usecases.resubmit_notification import resubmit_by_judgement


def begin_rework(
    work: Work,
    practice: Practice,
    act: Act,
    case_id: UUID,
    *,
    revision: int,
    remarks: OfficialText,
    term: FixedTerm,
) -> None:
    """Order 327 para. 9: rework within five working days of the return; an outdated return has no effect."""
    case = work.load(Case, case_id)
    if not case.begin_rework(act, revision=revision, remarks=remarks, term=term):
        return
    if practice.is_automatic("resubmission"):
        resubmit_by_judgement(work, practice, act, case)
    work.save(case)
