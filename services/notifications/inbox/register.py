"""The industry authority's facts, as its journal publishes them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.kernel.calendar import legal_date
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event
from services.notifications.domain.messages import ParameterValue
from services.notifications.inbox.drafts import Draft, Drafting
from services.notifications.inbox.updated_fields import updated_fields
from services.notifications.projections.known import Known, name_of
from services.notifications.usecases.put_message import day_of
from services.register.contract import appeals, corrections, extracts, rulings, updates
from services.register.contract import events as register


def _product(known: Known, product_id: str) -> dict[str, ParameterValue]:
    return {"product": name_of(known.product_of(product_id))}


def _entry(known: Known, entry_id: str) -> dict[str, ParameterValue]:
    return {**_product(known, entry_id), "entry": known.entry_number_of(entry_id)}


def _iin(foreign: Foreign) -> str | None:
    opened = foreign.upstream.confidential.get("iin")
    return opened.value if opened else None


def application_filed(known: Known, foreign: Foreign) -> Draft:
    """The filing itself; it also tells whose account, which product and which language."""
    data = foreign.fact.data
    assert isinstance(data, register.ApplicationFiled)
    producer_id, position = data.producer.producer_id, foreign.upstream.position
    known.learn_producer(data.producer, _iin(foreign), position)
    known.learn_language(producer_id, data.language, position)
    known.learn_product(data.product_id, producer_id, data.product.name, position)
    known.learn_application(data.application_id, data.product_id, data.number)
    params: dict[str, ParameterValue] = {"application": data.number, "product": data.product.name}
    if data.follows is None:
        return Draft("application_filed", params, producer_id)
    previous = known.application_number_of(data.follows)
    return Draft("reapplication_filed", {**params, "previous": previous}, producer_id)


def application_withdrawn(known: Known, foreign: Foreign) -> Draft:
    """The producer's own withdrawal."""
    data = foreign.fact.data
    assert isinstance(data, register.ApplicationWithdrawn)
    number = known.application_number_of(data.application_id)
    params = {**_product(known, data.product_id), "application": number}
    return Draft("application_withdrawn", params, data.producer_id)


def application_closed(known: Known, foreign: Foreign) -> Draft:
    """An application that fell away."""
    data = foreign.fact.data
    assert isinstance(data, register.ApplicationClosed)
    number = known.application_number_of(data.application_id)
    params = {**_product(known, data.product_id), "application": number, "ground": data.ground}
    return Draft("application_closed", params, data.producer_id)


def inclusion_refused(known: Known, foreign: Foreign) -> Draft:
    """A refusal with its reasons."""
    data = foreign.fact.data
    assert isinstance(data, register.InclusionRefused)
    number = known.application_number_of(data.application_id)
    params = {**_product(known, data.product_id), "application": number, "reasons": data.reasons}
    return Draft("inclusion_refused", params, data.producer.producer_id)


def notification_received(known: Known, foreign: Foreign) -> Draft | None:
    """The receipt of a notification that sets a term running; monitoring that conforms says so later."""
    data = foreign.fact.data
    assert isinstance(data, register.NotificationReceived)
    producer_id, due_on = data.producer.producer_id, data.term.due_on if data.term else None
    if data.kind == "confirmation" and due_on is not None:
        params = {**_product(known, data.product_id), "term_ends": day_of(due_on)}
        return Draft("inclusion_notification_received", params, producer_id, due_on=due_on)
    if data.result == "exclude" and due_on is not None:
        params = {**_entry(known, data.product_id), "term_ends": day_of(due_on)}
        return Draft("exclusion_notification_received", params, producer_id, due_on=due_on)
    if data.kind == "appeal" and data.court_ruling is None:
        params = {**_entry(known, data.product_id), "result": data.result}
        return Draft("appeal_notification_received", params, producer_id)
    return None


def notification_returned(known: Known, foreign: Foreign) -> Draft:
    """A return for rework, with the remarks and the term."""
    data = foreign.fact.data
    assert isinstance(data, register.NotificationReturned)
    product_id = known.product_of_application(data.application_id)
    due_on = data.rework_term.due_on
    params = {**_product(known, product_id), "remarks": data.remarks, "term_ends": day_of(due_on)}
    return Draft("notification_returned", params, data.producer_id, due_on=due_on)


def included(known: Known, foreign: Foreign) -> Draft:
    """An inclusion; it also tells the entry's number."""
    data = foreign.fact.data
    assert isinstance(data, register.Included)
    known.learn_entry(data.entry_id, data.number)
    params = {
        **_product(known, data.entry_id),
        "entry": data.number,
        "application": data.application_number,
    }
    return Draft("included", params, data.producer.producer_id)


def monitoring_recorded(known: Known, foreign: Foreign) -> Draft:
    """The entry still conforms."""
    data = foreign.fact.data
    assert isinstance(data, register.MonitoringRecorded)
    params = _entry(known, data.entry_id)
    if data.quarter is None:
        return Draft("unscheduled_monitoring_conforms", params, data.producer_id)
    return Draft("monitoring_conforms", {**params, "quarter": data.quarter}, data.producer_id)


def exclusion_requested(known: Known, foreign: Foreign) -> Draft:
    """The producer's own request."""
    data = foreign.fact.data
    assert isinstance(data, register.ExclusionRequested)
    return Draft("exclusion_requested", _entry(known, data.entry_id), data.producer_id)


def excluded(known: Known, foreign: Foreign) -> Draft:
    """An exclusion, with its appeal term where the law gives one."""
    data = foreign.fact.data
    assert isinstance(data, register.Excluded)
    params, producer_id = _entry(known, data.entry_id), data.producer.producer_id
    if data.ground == "software_monitoring" and data.appeal_term is not None:
        due_on = data.appeal_term.due_on
        params |= {"reasons": data.reasons, "term_ends": day_of(due_on)}
        return Draft("excluded_by_monitoring", params, producer_id, due_on=due_on)
    templates = {
        "own_request": "excluded_on_request",
        "liquidation": "excluded_on_liquidation",
        "reorganisation": "excluded_on_reorganisation",
    }
    return Draft(templates[data.ground], params, producer_id)


def appeal_filed(known: Known, foreign: Foreign) -> Draft:
    """An appeal, in time or late."""
    data = foreign.fact.data
    assert isinstance(data, register.AppealFiled)
    params, producer_id = _entry(known, data.entry_id), data.producer.producer_id
    if data.in_time:
        return Draft("appeal_filed", params, producer_id)
    return Draft("appeal_filed_late", {**params, "term_ended": day_of(data.term.due_on)}, producer_id)


def appeal_dismissed(known: Known, foreign: Foreign) -> Draft:
    """A dismissal, on the merits or as late."""
    data = foreign.fact.data
    assert isinstance(data, register.AppealDismissed)
    params, producer_id = _entry(known, data.entry_id), data.producer.producer_id
    if data.ground == "late":
        ended = {"term_ended": day_of(data.term_ended_on)}
        return Draft("appeal_dismissed_late", {**params, **ended}, producer_id)
    return Draft("appeal_dismissed", {**params, "reasons": data.reasons}, producer_id)


def reinstated(known: Known, foreign: Foreign) -> Draft:
    """A reinstatement, from its own day or from the exclusion's start."""
    data = foreign.fact.data
    assert isinstance(data, register.Reinstated)
    params = {**_entry(known, data.entry_id), "reasons": data.reasons}
    if data.court_ruling is not None:
        ruling = data.court_ruling
        params |= {"court": ruling.court, "number": ruling.number, "ruled_on": day_of(ruling.ruled_on)}
        params |= {"counts": "from_start" if data.annuls_from_start else "from_now"}
        return Draft("reinstated_by_court", params, data.producer.producer_id)
    template = "reinstated_from_start" if data.annuls_from_start else "reinstated"
    return Draft(template, params, data.producer.producer_id)


def court_ruling_recorded(known: Known, foreign: Foreign) -> Draft:
    """A court's ruling, whatever it leads to."""
    data = foreign.fact.data
    assert isinstance(data, rulings.CourtRulingRecorded)
    ruling = data.ruling
    params = {**_entry(known, data.entry_id), "reasons": data.reasons, "outcome": data.outcome}
    params |= {"court": ruling.court, "number": ruling.number, "ruled_on": day_of(ruling.ruled_on)}
    return Draft("court_ruling_recorded", params, data.producer_id)


def entry_corrected(known: Known, foreign: Foreign) -> Draft:
    """An exclusion left out from the start, or what else of the entry was wrong and what holds instead."""
    data = foreign.fact.data
    assert isinstance(data, corrections.EntryCorrected)
    params = {**_entry(known, data.entry_id), "reasons": data.reasons}
    if data.product is not None:
        position = foreign.upstream.position
        known.learn_product(data.entry_id, data.producer.producer_id, data.product.name, position)
    if data.kind == "annulment" and data.corrected == "exclusion":
        return Draft("exclusion_corrected", params, data.producer.producer_id)
    if data.appeal_term is not None and data.counts_from is not None:
        due_on = data.appeal_term.due_on
        excluded_on = legal_date(datetime.fromisoformat(data.counts_from))
        params |= {"excluded_on": excluded_on, "term_ends": day_of(due_on)}
        return Draft("exclusion_redated", params, data.producer.producer_id, due_on=due_on)
    what = data.kind if data.kind == "restatement" else f"{data.corrected}_{data.kind}"
    return Draft("entry_corrected", {**params, "correction": what}, data.producer.producer_id)


def entry_updated(known: Known, foreign: Foreign) -> Draft | None:
    """The producer's own data as it brought them up to date, in time or late, once for all entries."""
    data = foreign.fact.data
    assert isinstance(data, updates.EntryUpdated)
    if data.told_for is not None:
        return None
    params = {**_entry(known, data.entry_id), "fields": updated_fields(data.fields)}
    if data.in_time:
        return Draft("entry_updated", params, data.producer.producer_id)
    params |= {"quarter": data.quarter, "term_ended": day_of(data.term.due_on)}
    return Draft("entry_updated_late", params, data.producer.producer_id)


def appeal_closed(known: Known, foreign: Foreign) -> Draft:
    """An appeal that ended with nothing to bring back: upheld after a new inclusion, or undecided."""
    data = foreign.fact.data
    assert isinstance(data, appeals.AppealClosed)
    params, producer_id = _entry(known, data.entry_id), data.producer.producer_id
    if data.reasons is not None:
        return Draft("appeal_upheld_included_anew", {**params, "reasons": data.reasons}, producer_id)
    return Draft("appeal_closed", {**params, "ground": data.ground}, producer_id)


def producer_registered(known: Known, foreign: Foreign) -> None:
    """Whose account an opaque id means; nothing to tell yet."""
    data = foreign.fact.data
    assert isinstance(data, register.ProducerRegistered)
    known.learn_producer(data.producer, _iin(foreign), foreign.upstream.position)


def producer_transformed(known: Known, foreign: Foreign) -> Draft:
    """A legal entity's new BIN or name; the account goes on under the new BIN.

    A BIN that another one had replaced when it was told is a former one from the start.
    """
    data = foreign.fact.data
    assert isinstance(data, register.ProducerTransformed)
    if "bin" in data.superseded:
        known.learn_former_bin(data.producer.producer_id, data.producer.bin or "")
    elif "bin" in data.changed:
        known.learn_producer(data.producer, None, foreign.upstream.position)
        known.learn_former_bin(data.producer.producer_id, data.former_bin)
    params = {"former_bin": data.former_bin, "bin": data.producer.bin or ""}
    return Draft("producer_transformed", params, data.producer.producer_id)


def producer_liquidated(_known: Known, foreign: Foreign) -> Draft:
    """A liquidation; each entry and application it ends has a message of its own."""
    data = foreign.fact.data
    assert isinstance(data, register.ProducerLiquidated)
    params: dict[str, ParameterValue] = {
        "liquidated_on": day_of(data.liquidated_on),
        "reference": data.reference,
    }
    return Draft("producer_liquidated", params, data.producer.producer_id)


def producer_reorganised(_known: Known, foreign: Foreign) -> Draft:
    """A reorganisation other than by transformation."""
    data = foreign.fact.data
    assert isinstance(data, register.ProducerReorganised)
    params: dict[str, ParameterValue] = {
        "reorganised_on": day_of(data.reorganised_on),
        "form": data.form,
        "reference": data.reference,
    }
    return Draft("producer_reorganised", params, data.producer.producer_id)


def extract_issued(_known: Known, foreign: Foreign) -> Draft:
    """An extract about the producer."""
    data = foreign.fact.data
    assert isinstance(data, extracts.ExtractIssued)
    params: dict[str, ParameterValue] = {
        "number": data.number,
        "issued_on": day_of(data.issued_on),
        "products": data.products,
    }
    return Draft("extract_issued", params, data.producer.producer_id)


def term_missed(_known: Known, foreign: Foreign) -> Draft:
    """A missed term is told to the authority that missed it."""
    data = foreign.fact.data
    assert isinstance(data, register.TermMissed)
    return missed_draft(data.term.name, data.term.due_on, data.subject_id, data.missed_by)


def missed_draft(term: str, due_on: str, subject_id: str, missed_by: str) -> Draft:
    """The message of a missed term."""
    choices = {"review", "rework", "repeated_review", "exclusion"}
    params: dict[str, ParameterValue] = {
        "term": term if term in choices else "other",
        "term_ended": day_of(due_on),
        "subject": subject_id,
    }
    return Draft("term_missed", params, authority=missed_by)


DRAFTS: Final[dict[type[Event], Drafting]] = {
    register.ApplicationFiled: application_filed,
    register.ApplicationWithdrawn: application_withdrawn,
    register.ApplicationClosed: application_closed,
    register.InclusionRefused: inclusion_refused,
    register.NotificationReceived: notification_received,
    register.NotificationReturned: notification_returned,
    register.Included: included,
    register.MonitoringRecorded: monitoring_recorded,
    register.ExclusionRequested: exclusion_requested,
    register.Excluded: excluded,
    register.AppealFiled: appeal_filed,
    register.AppealDismissed: appeal_dismissed,
    register.Reinstated: reinstated,
    rulings.CourtRulingRecorded: court_ruling_recorded,
    corrections.EntryCorrected: entry_corrected,
    updates.EntryUpdated: entry_updated,
    appeals.AppealClosed: appeal_closed,
    register.ProducerRegistered: producer_registered,
    extracts.ExtractIssued: extract_issued,
    register.ProducerLiquidated: producer_liquidated,
    register.ProducerReorganised: producer_reorganised,
    register.ProducerTransformed: producer_transformed,
    register.TermMissed: term_missed,
}
