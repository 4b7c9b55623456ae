"""Which work and which terms a fact begins and ends: what reminders and the authorities' messages rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from services.kernel.calendar import legal_date
from services.kernel.contract import FixedTerm, OfficialText
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event
from services.notifications.projections.known import Known, name_of
from services.notifications.projections.matters import Matter, Matters
from services.register.contract import appeals, corrections
from services.register.contract import events as register
from services.verification.contract import events as verification
from services.verification.contract import officers_work

CASES: Final = frozenset({"confirmation", "monitoring", "appeal"})
_INDUSTRY: Final = "industry_authority"
_INFORMATIZATION: Final = "informatization_authority"
_APPEAL_TERM: Final = frozenset({"appeal_term"})
_REQUEST: Final = frozenset({"exclusion_request"})

Bookkeeping: TypeAlias = Callable[[Matters, Known, Foreign], None]


def _open(
    matters: Matters,
    foreign: Foreign,
    kind: str,
    holder: str,
    subject: str,
    product: OfficialText,
    term: FixedTerm | None,
) -> None:
    matters.open(
        Matter(
            matter_id=foreign.fact.id,
            kind=kind,
            holder=holder,
            subject=subject,
            product=product,
            event_type=foreign.upstream.header.type,
            opened_on=legal_date(foreign.fact.effective_at).isoformat(),
            told_at=foreign.upstream.position,
            due_on=term.due_on if term else None,
        ),
    )


def _name(known: Known, product_id: str) -> OfficialText:
    return name_of(known.product_of(product_id))


def notification_received(matters: Matters, known: Known, foreign: Foreign) -> None:
    """It waits for the industry authority; a reworked one ends the rework."""
    data = foreign.fact.data
    assert isinstance(data, register.NotificationReceived)
    matters.close(data.notification_id, foreign.upstream.position)
    product = data.product_name or _name(known, data.product_id)
    kind = data.term.name if data.term else "other_notification"
    _open(matters, foreign, kind, _INDUSTRY, data.notification_id, product, data.term)


def notification_returned(matters: Matters, known: Known, foreign: Foreign) -> None:
    """Rework waits for the informatization authority."""
    data = foreign.fact.data
    assert isinstance(data, register.NotificationReturned)
    matters.close(data.notification_id, foreign.upstream.position)
    product = _name(known, known.product_of_application(data.application_id))
    _open(matters, foreign, "rework", _INFORMATIZATION, data.notification_id, product, data.rework_term)


def notification_settled(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """A notification that came to something waits no more."""
    data = foreign.fact.data
    assert isinstance(data, register.NotificationSettled)
    matters.close(data.notification_id, foreign.upstream.position)


def exclusion_requested(matters: Matters, known: Known, foreign: Foreign) -> None:
    """The producer's request waits for the industry authority."""
    data = foreign.fact.data
    assert isinstance(data, register.ExclusionRequested)
    product = _name(known, data.entry_id)
    _open(matters, foreign, "exclusion_request", _INDUSTRY, data.entry_id, product, data.term)


def excluded(matters: Matters, known: Known, foreign: Foreign) -> None:
    """An exclusion answers a request for it, and begins the appeal's term where the law gives an appeal."""
    data = foreign.fact.data
    assert isinstance(data, register.Excluded)
    matters.close(data.entry_id, foreign.upstream.position, _REQUEST)
    if data.appeal_term is not None:
        product, holder = _name(known, data.entry_id), data.producer.producer_id
        _open(matters, foreign, "appeal_term", holder, data.entry_id, product, data.appeal_term)


def reinstated(matters: Matters, known: Known, foreign: Foreign) -> None:
    """Nothing is left to appeal; a request that the exclusion had overtaken waits again."""
    data = foreign.fact.data
    assert isinstance(data, register.Reinstated)
    matters.close(data.entry_id, foreign.upstream.position, _APPEAL_TERM)
    _request_again(matters, known, foreign, data.entry_id, data.request_term)


def _request_again(
    matters: Matters, known: Known, foreign: Foreign, entry_id: str, term: FixedTerm | None
) -> None:
    if term is not None:
        product = _name(known, entry_id)
        _open(matters, foreign, "exclusion_request", _INDUSTRY, entry_id, product, term)


def appeal_term_over(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """The appeal was filed, or there is nothing left to appeal."""
    entry_id: str = foreign.fact.data.entry_id  # type: ignore[attr-defined]  # of every class in MATTERS_OF
    matters.close(entry_id, foreign.upstream.position, _APPEAL_TERM)


def entry_corrected(matters: Matters, known: Known, foreign: Foreign) -> None:
    """Of an exclusion left out nothing is to be appealed, of an entry left out nothing to be excluded.

    A redated exclusion can be appealed for longer, also where the term known before had ended.
    """
    data = foreign.fact.data
    assert isinstance(data, corrections.EntryCorrected)
    if data.appeal_term is not None:
        matters.close(data.entry_id, foreign.upstream.position, _APPEAL_TERM)
        product, holder = _name(known, data.entry_id), data.producer.producer_id
        _open(matters, foreign, "appeal_term", holder, data.entry_id, product, data.appeal_term)
    if data.kind == "annulment" and data.corrected == "exclusion":
        matters.close(data.entry_id, foreign.upstream.position, _APPEAL_TERM)
    if data.status == "annulled":
        matters.close(data.entry_id, foreign.upstream.position, _REQUEST)
    _request_again(matters, known, foreign, data.entry_id, data.request_term)


def producer_ceased(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """A producer that is no more appeals nothing; its cases, and requests in them, are closed one by one."""
    data = foreign.fact.data
    assert isinstance(data, register.ProducerLiquidated | register.ProducerReorganised)
    matters.close_all_of(data.producer.producer_id, foreign.upstream.position, _APPEAL_TERM)


def case_opened(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """A case waits for the informatization authority."""
    data = foreign.fact.data
    assert isinstance(data, verification.CaseOpened)
    _open(matters, foreign, data.kind, _INFORMATIZATION, data.case_id, data.product_name, data.term)


def case_reopened(matters: Matters, known: Known, foreign: Foreign) -> None:
    """A round's case that goes on waits again."""
    data = foreign.fact.data
    assert isinstance(data, verification.CaseReopened)
    product = _name(known, data.entry_id)
    _open(matters, foreign, "monitoring", _INFORMATIZATION, data.case_id, product, data.term)


def case_ended(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """A case that was concluded, decided or closed waits for nothing, nor do documents asked for in it."""
    data = foreign.fact.data
    assert isinstance(data, verification.CaseConcluded | verification.CaseClosed | verification.AppealDecided)
    matters.close(data.case_id, foreign.upstream.position)


def conclusion_proposed(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """A proposal waits for a second officer (four eyes)."""
    data = foreign.fact.data
    assert isinstance(data, officers_work.ConclusionProposed)
    case = matters.about(data.case_id, CASES)
    if case is not None:
        _open(matters, foreign, "approval", _INFORMATIZATION, data.case_id, case.product, None)


def proposal_returned(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """A returned proposal waits for nobody; its case goes on waiting."""
    data = foreign.fact.data
    assert isinstance(data, officers_work.ProposalReturned)
    matters.close(data.case_id, foreign.upstream.position, {"approval"})


def documents_requested(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """The producer has until the term's end to supply them."""
    data = foreign.fact.data
    assert isinstance(data, officers_work.DocumentsRequested)
    holder, product = data.producer_id, data.product_name
    _open(matters, foreign, "document_request", holder, data.case_id, product, data.term)


def documents_supplied(matters: Matters, _known: Known, foreign: Foreign) -> None:
    """The request is answered, and a proposal made before the answer falls away."""
    data = foreign.fact.data
    assert isinstance(data, officers_work.DocumentsSupplied)
    matters.close(data.case_id, foreign.upstream.position, {"document_request", "approval"})


MATTERS_OF: Final[Mapping[type[Event], Bookkeeping]] = {
    register.NotificationReceived: notification_received,
    register.NotificationReturned: notification_returned,
    register.NotificationSettled: notification_settled,
    register.ExclusionRequested: exclusion_requested,
    register.Excluded: excluded,
    register.AppealFiled: appeal_term_over,
    register.Reinstated: reinstated,
    corrections.EntryCorrected: entry_corrected,
    register.Included: appeal_term_over,
    appeals.AppealClosed: appeal_term_over,
    register.ProducerLiquidated: producer_ceased,
    register.ProducerReorganised: producer_ceased,
    verification.CaseOpened: case_opened,
    verification.CaseReopened: case_reopened,
    verification.CaseConcluded: case_ended,
    verification.CaseClosed: case_ended,
    verification.AppealDecided: case_ended,
    officers_work.ConclusionProposed: conclusion_proposed,
    officers_work.ProposalReturned: proposal_returned,
    officers_work.DocumentsRequested: documents_requested,
    officers_work.DocumentsSupplied: documents_supplied,
}
