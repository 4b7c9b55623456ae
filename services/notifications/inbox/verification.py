"""The informatization authority's facts, as its journal publishes them to services."""

from __future__ import annotations

from typing import Final

from services.kernel.contract import OfficialText
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event
from services.notifications.domain.messages import ParameterValue
from services.notifications.inbox.drafts import Draft, Drafting
from services.notifications.inbox.register import missed_draft
from services.notifications.projections.known import Known, name_of
from services.notifications.usecases.put_message import day_of
from services.verification.contract import events as verification
from services.verification.contract import officers_work


def case_opened(known: Known, foreign: Foreign) -> Draft:
    """A case on a product."""
    data = foreign.fact.data
    assert isinstance(data, verification.CaseOpened)
    producer_id = data.producer.producer_id
    params: dict[str, ParameterValue] = {"product": data.product_name}
    if data.kind == "confirmation":
        return Draft("confirmation_case_opened", params, producer_id)
    params["entry"] = known.entry_number_of(data.product_id)
    if data.kind == "appeal":
        return Draft("appeal_case_opened", params, producer_id)
    if data.quarter is None:
        return Draft("unscheduled_monitoring_case_opened", params, producer_id)
    return Draft("monitoring_case_opened", {**params, "quarter": data.quarter}, producer_id)


def case_reopened(known: Known, foreign: Foreign) -> Draft:
    """A round's case that goes on after its exclusion was annulled: monitored as if opened now."""
    data = foreign.fact.data
    assert isinstance(data, verification.CaseReopened)
    product = known.product_of(data.entry_id)
    params: dict[str, ParameterValue] = {
        "product": name_of(product),
        "entry": known.entry_number_of(data.entry_id),
        "quarter": data.quarter,
    }
    return Draft("monitoring_case_opened", params, product["producer_id"])


def notification_issued(_known: Known, foreign: Foreign) -> Draft:
    """The result, told to the industry authority and to the producer."""
    data = foreign.fact.data
    assert isinstance(data, verification.NotificationIssued)
    params = {"product": data.product_name, "result": data.result, "reasons": data.reasons}
    return Draft("notification_issued", params, data.producer.producer_id)


def notification_resubmitted(_known: Known, foreign: Foreign) -> Draft:
    """The reworked notification, with the answer to the remarks."""
    data = foreign.fact.data
    assert isinstance(data, verification.NotificationResubmitted)
    params = {"product": data.product_name, "answer": data.answer_to_remarks}
    return Draft("notification_resubmitted", params, data.producer.producer_id)


def software_listed(known: Known, foreign: Foreign) -> Draft | None:
    """A listing; told where the holder has an account here."""
    data = foreign.fact.data
    assert isinstance(data, verification.TrustedSoftwareListed)
    holder = data.holder_bin or _holder_iin(foreign)
    known.learn_listing(data.listing_id, holder, data.product_name)
    producer_id = known.producer_of(holder)
    if producer_id is None:
        return None
    params: dict[str, ParameterValue] = {"product": data.product_name, "reference": data.reference}
    return Draft("trusted_software_listed", params, producer_id)


def software_delisted(known: Known, foreign: Foreign) -> Draft | None:
    """A delisting; told where the holder has an account here."""
    data = foreign.fact.data
    assert isinstance(data, verification.TrustedSoftwareDelisted)
    holder, name = known.listing_of(data.listing_id)
    producer_id = known.producer_of(holder)
    if producer_id is None:
        return None
    params: dict[str, OfficialText | str] = {"product": name, "ground": data.ground}
    return Draft("trusted_software_delisted", params, producer_id)


def documents_requested(_known: Known, foreign: Foreign) -> Draft:
    """What the producer is asked for, and until when."""
    data = foreign.fact.data
    assert isinstance(data, officers_work.DocumentsRequested)
    due_on = data.term.due_on
    params: dict[str, ParameterValue] = {"product": data.product_name, "asked": data.asked}
    params |= {"case": data.case_id, "term_ends": day_of(due_on)}
    return Draft("documents_requested", params, data.producer_id, due_on=due_on)


def documents_supplied(_known: Known, foreign: Foreign) -> Draft:
    """The producer's own answer, in time or late."""
    data = foreign.fact.data
    assert isinstance(data, officers_work.DocumentsSupplied)
    params: dict[str, ParameterValue] = {"product": data.product_name, "case": data.case_id}
    return Draft(
        "documents_supplied", {**params, "when": "late" if data.late else "in_time"}, data.producer_id
    )


def signal_received(known: Known, foreign: Foreign) -> Draft:
    """What called for monitoring between quarters."""
    data = foreign.fact.data
    assert isinstance(data, verification.MonitoringSignalReceived)
    product = known.product_of(data.entry_id)
    params: dict[str, ParameterValue] = {
        "product": name_of(product),
        "entry": known.entry_number_of(data.entry_id),
        "signal": data.kind,
        "day": day_of(data.day),
        "reasons": data.reasons,
    }
    return Draft("monitoring_signal_received", params, product["producer_id"])


def term_missed(_known: Known, foreign: Foreign) -> Draft:
    """A missed term is told to the authority that missed it, or to the producer."""
    data = foreign.fact.data
    assert isinstance(data, verification.TermMissed)
    if data.producer_id is not None:
        params: dict[str, ParameterValue] = {"case": data.subject_id, "term_ended": day_of(data.term.due_on)}
        return Draft("documents_not_supplied", params, data.producer_id)
    return missed_draft(data.term.name, data.term.due_on, data.subject_id, data.missed_by)


def _holder_iin(foreign: Foreign) -> str | None:
    opened = foreign.upstream.confidential.get("holder_iin")
    return opened.value if opened else None


DRAFTS: Final[dict[type[Event], Drafting]] = {
    verification.CaseOpened: case_opened,
    verification.CaseReopened: case_reopened,
    verification.NotificationIssued: notification_issued,
    verification.NotificationResubmitted: notification_resubmitted,
    verification.TrustedSoftwareListed: software_listed,
    verification.TrustedSoftwareDelisted: software_delisted,
    verification.MonitoringSignalReceived: signal_received,
    verification.TermMissed: term_missed,
    officers_work.DocumentsRequested: documents_requested,
    officers_work.DocumentsSupplied: documents_supplied,
}
