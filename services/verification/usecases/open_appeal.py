"""Open the case of an appeal; a late one is dismissed at once, any other waits for another officer."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.contract import DocumentRef, FixedTerm, Language, ProducerRef
from services.kernel.errors import NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.kernel.vault import Sealed
from services.verification.contract.events import CaseOpened
from services.verification.domain.case import Case
from services.verification.domain.hand_off import HandOff
from services.verification.domain.wording import late_appeal
from services.verification.projections.cases import find_notification, find_origin, origin_of
from services.verification.schema import VAULT
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class FiledAppeal:
    """An appeal as filed. `notification_id` is the appealed one; `filed_on` an ISO date (Asia/Almaty)."""

    appeal_id: str
    entry_id: str
    producer: ProducerRef
    notification_id: str
    language: Language
    filed_on: str
    in_time: bool
    term: FixedTerm
    documents: tuple[DocumentRef, ...]
    grounds: Sealed


def open_appeal(work: Work, practice: Practice, act: Act, appeal: FiledAppeal) -> Case | None:
    """Art. 51-2(5), order 327 para. 31: open the appeal's case; dismiss it as late after thirty days.

    Raises `NotFound` (`notification_unknown`) when the appealed notification is none of this authority's.
    """
    with work.database.read() as connection:
        appealed_id = find_notification(connection, appeal.notification_id)
    if appealed_id is None:
        raise NotFound("notification_unknown", id=appeal.notification_id)
    opening = _opening(appeal, work.load(Case, appealed_id))
    with work.database.read() as connection:
        if find_origin(connection, origin_of(opening)) is not None:
            return None
    case = begin_case(practice, act, opening)
    if not appeal.in_time:
        reasons = late_appeal(filed_on=appeal.filed_on, term_ended_on=appeal.term.due_on)
        case.dismiss_as_late(act, term=appeal.term, reasons=reasons)
        case.issue_notification(act, new_stream_id(), HandOff())
    work.save(case)
    work.write(VAULT.keeping(0, appeal.producer.producer_id, appeal.grounds))
    return case


def _opening(appeal: FiledAppeal, appealed: Case) -> CaseOpened:
    return CaseOpened(
        case_id="",
        kind="appeal",
        producer=appeal.producer,
        product_id=appealed.opened.product_id,
        product_name=appealed.opened.product_name,
        legal_date=appeal.filed_on,
        language=appeal.language,
        application_id=appealed.opened.application_id,
        entry_id=appeal.entry_id,
        appeal_id=appeal.appeal_id,
        appealed_case_id=str(appealed.id),
        documents=appeal.documents,
    )
