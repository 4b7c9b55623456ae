"""A second officer approves a proposal or returns it (four eyes)."""

from __future__ import annotations

from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.domain.hand_off import HandOff
from services.verification.usecases.conclude_case import appealed_case


def approve_proposal(work: Work, act: Act, case: Case) -> Case:
    """Record exactly what was proposed, and notify the industry authority in the same unit of work.

    `case` is loaded by the caller, which has checked the version the officer saw. Raises what `Case.approve`
    raises.
    """
    barred = frozenset(appealed_case(work, case).concluded_by) if case.kind == "appeal" else frozenset()
    content = case.approve(act, barred=barred)
    hand_off = HandOff(
        content.localisation_share, content.trusted_register_reference, content.trusted_register_listed_on
    )
    if content.answer_to_remarks is not None:
        case.resubmit(act, content.answer_to_remarks, hand_off)
    else:
        case.issue_notification(act, new_stream_id(), hand_off)
    work.save(case)
    work.answer_with(case)
    return case


def return_proposal(work: Work, act: Act, case: Case, remarks: OfficialText) -> Case:
    """Give the proposal back with remarks. Raises what `Case.return_proposal` raises."""
    case.return_proposal(act, remarks)
    work.save(case)
    work.answer_with(case)
    return case
