"""Record a court's ruling on a case, and notify the industry authority where it undoes an exclusion."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.contract import CourtRuling, OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.contract.officers_work import RulingOutcome
from services.verification.domain.case import Case
from services.verification.domain.hand_off import HandOff


@dataclass(frozen=True, slots=True)
class RecordedRuling:
    """A ruling as an officer records it; of one that undoes an exclusion, whether from the start."""

    ruling: CourtRuling
    outcome: RulingOutcome
    reasons: OfficialText
    annuls_from_start: bool | None = None


def record_ruling(work: Work, act: Act, case: Case, recorded: RecordedRuling) -> Case:
    """Art. 51-5(7): the ruling is the basis of the notification that follows, and of what rests on that.

    `case` is loaded by the caller, which has checked the version the officer saw. Raises what
    `Case.record_ruling` raises.
    """
    follows = case.record_ruling(
        act, recorded.ruling, recorded.outcome, recorded.reasons, recorded.annuls_from_start
    )
    if follows:
        case.issue_notification(act, new_stream_id(), HandOff())
    work.save(case)
    work.answer_with(case)
    return case
