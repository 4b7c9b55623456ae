"""Confirm or override one criterion of a case."""

from __future__ import annotations

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.contract.events import CheckVerdict
from services.verification.domain.case import Case
from services.verification.usecases.assess_case import assess_case
from services.verification.usecases.practice import Practice


def check_criterion(
    work: Work,
    practice: Practice,
    act: Act,
    case: Case,
    criterion: str,
    verdict: CheckVerdict,
    reasons: OfficialText | None,
) -> Case:
    """Art. 51-2(2), (3): the check stands while the rule says what it says now; an override needs reasons.

    `case` is loaded by the caller, which has checked the version the officer saw. Raises `Conflict`
    (`criteria_not_judged`) for an appeal and where no rule set was in force, and what
    `Case.check_criterion` raises.
    """
    case.require_under_way()
    by_rules = (
        None if case.kind == "appeal" else assess_case(work.database, practice, case.considered).by_rules
    )
    if by_rules is None:
        raise Conflict("criteria_not_judged", state=case.kind, allowed="conclusion")
    case.check_criterion(act, by_rules, criterion, verdict, reasons)
    work.save(case)
    work.answer_with(case)
    return case
