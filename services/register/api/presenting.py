"""How representations are made from what the domain holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from services.kernel.contract import CourtRuling, DocumentRef, FixedTerm, OfficialText, ProducerRef
from services.kernel.journal.events import instant_text
from services.kernel.journal.units import Recorded
from services.register.api import representations as shown
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import REGISTER_EVENTS, Activity, Product
from services.register.domain.application import RECTIFIED, Application
from services.register.domain.correction import Correction, Proposed
from services.register.domain.entry_state import Appeal, EntryState, Exclusion
from services.register.domain.erasure import Erasure, ProposedErasure
from services.register.domain.notification import NotificationState
from services.register.domain.origin import Condition, OriginAnswer
from services.register.domain.own_data import LastUpdate
from services.register.domain.producer import Producer
from services.register.domain.proposal import Proposal

Personal = Mapping[str, str]
"""Values out of the vault by field; those erased, or not to be shown, are absent."""


def application(found: Application, personal: Personal) -> shown.ApplicationShown:
    """An application; with its contacts for those who may see them."""
    filed = found.filed
    return shown.ApplicationShown(
        application_id=filed.application_id,
        number=filed.number,
        status=found.status,
        filed_on=found.filed_on,
        producer=_producer(filed.producer, personal),
        contacts=_contacts(personal),
        product=_product(filed.product_id, filed.product),
        activity=_activity(filed.activity),
        reporting_year=filed.reporting_year,
        documents=[_document(document) for document in filed.documents],
        language=filed.language,
        follows=filed.follows,
        rectified=_rectified(personal),
        registration_number=_registered(filed.producer, filed.registration_number, personal),
        entry_id=filed.product_id if found.status == "included" else None,
        notification_id=found.notification_id,
        reasons=_optional(found.reasons),
        closed_on_ground=found.closed_on_ground,
    )


def entry(state: EntryState, producer: ProducerRef, personal: Personal) -> shown.EntryShown:
    """An entry with the columns of order 327 Appendix 1."""
    included = state.included
    return shown.EntryShown(
        entry_id=included.entry_id,
        status=state.status,
        number=included.number,
        application_id=included.application_id,
        application_number=included.application_number,
        notification_id=included.notification_id,
        producer=_producer(producer, personal),
        contacts=_contacts(personal),
        activity=_activity(included.activity),
        product=_product(included.entry_id, included.product),
        included_on=included.included_on,
        first_included_on=state.first_included_on,
        reinstated_on=state.reinstated_on,
        registration_number=_registered(included.producer, included.registration_number, personal),
        localisation_share=included.localisation_share,
        trusted_register_reference=included.trusted_register_reference,
        exclusions=[_exclusion(exclusion) for exclusion in state.exclusions],
        appeals=[_appeal(appeal) for appeal in state.appeals],
        court_rulings=[_ruling(ruling) for ruling in state.rulings],
        exclusion_requested_on=state.requested_on,
        exclusion_request_term=_term(state.request_term),
        monitored_on=state.monitored_on,
        monitored_quarter=state.monitored_quarter,
        last_update=_update(state.update) if state.update else None,
    )


def fact(recorded: Recorded, corrected_by: Sequence[str] = ()) -> shown.FactShown:
    """A recorded fact on both time axes, and the corrections of it that are known."""
    data = recorded.fact.data
    corrects = data.corrected_event_id if isinstance(data, EntryCorrected) else None
    return shown.FactShown(
        position=recorded.position,
        event_id=recorded.fact.id,
        type=REGISTER_EVENTS.name_of(type(data)),
        recorded_at=instant_text(recorded.recorded_at),
        effective_at=_instant(recorded.fact.effective_at),
        legal_basis=recorded.fact.legal_basis,
        decided_by=recorded.fact.provenance.decided_by,
        kind="change" if corrects is None else "correction",
        corrects=corrects,
        corrected_by=list(corrected_by),
        data=msgspec.to_builtins(data),
    )


def correction(
    found: Correction, proposed: Proposed | None, declined_for: OfficialText | None
) -> shown.CorrectionShown:
    """A correction, for officers; what stands in the vault is given, None once erased."""
    steps = _steps(found, declined_for)
    if proposed is None:
        return shown.CorrectionShown(correction_id=str(found.id), **steps)
    return shown.CorrectionShown(
        correction_id=str(found.id),
        entry_id=proposed.entry_id,
        event_id=proposed.event_id,
        kind=proposed.kind,
        counts_from=_instant(proposed.counts_from) if proposed.counts_from else None,
        product=_product(proposed.entry_id, proposed.product) if proposed.product else None,
        activity=_activity(proposed.activity) if proposed.activity else None,
        reasons=_text(proposed.reasons),
        legal_basis=proposed.legal_basis,
        **steps,
    )


def erasure(
    found: Erasure, proposed: ProposedErasure | None, declined_for: OfficialText | None
) -> shown.ErasureShown:
    """An erasure, for officers; what stands in the vault is given."""
    return shown.ErasureShown(
        erasure_id=str(found.id),
        producer_id=proposed.producer_id if proposed else None,
        reason=proposed.reason if proposed else None,
        legal_basis=proposed.legal_basis if proposed else None,
        **_steps(found, declined_for),
    )


def _steps(found: Proposal, declined_for: OfficialText | None) -> shown.ProposalSteps:
    decision = found.decision
    return {
        "status": found.status,
        "proposed_at": _instant(found.proposal.effective_at),
        "proposed_by": found.proposal.provenance.actor,
        "decided_at": _instant(decision.effective_at) if decision else None,
        "decided_by": decision.provenance.actor if decision else None,
        "declined_for": _optional(declined_for),
    }


def notification(state: NotificationState) -> shown.NotificationShown:
    """A notification; no personal values stand in it."""
    content, settled, returned = state.content, state.settled, state.returned
    return shown.NotificationShown(
        notification_id=content.notification_id,
        revision=content.revision,
        kind=content.kind,
        result=content.result,
        status=state.status,
        outcome=settled.outcome if settled else None,
        outcome_reason=settled.reason if settled else None,
        received_on=state.received_on,
        term=_term(state.term),
        case_id=content.case_id,
        application_id=content.application_id,
        entry_id=content.entry_id,
        appeal_id=content.appeal_id,
        quarter=content.quarter,
        corrects=content.corrects,
        producer=_producer(content.producer, {}),
        product_id=content.product_id,
        product_name=_optional(content.product_name),
        reasons=_text(content.reasons),
        annuls_from_start=content.annuls_from_start,
        court_ruling=_ruling(content.court_ruling) if content.court_ruling else None,
        trusted_register_reference=content.trusted_register_reference,
        trusted_register_listed_on=content.trusted_register_listed_on,
        localisation_share=content.localisation_share,
        returned=(
            shown.ReturnShown(
                revision=returned.revision,
                remarks=_text(returned.remarks),
                rework_term=_fixed(returned.rework_term),
            )
            if returned
            else None
        ),
        missed_terms=[_fixed(term) for term in state.missed],
    )


def producer(found: Producer) -> shown.ProducerStateShown:
    """A producer as the register knows it."""
    ceased = found.ceased
    return shown.ProducerStateShown(
        producer_id=found.ref.producer_id,
        kind=found.ref.kind,
        bin=found.ref.bin,
        name=_optional(found.ref.name),
        former_bins=list(found.former_bins),
        erased_on=found.erased_on,
        ceased=(
            shown.CeasedShown(
                ground=ceased.ground, form=ceased.form, on=ceased.on, reference=ceased.reference
            )
            if ceased
            else None
        ),
    )


def origin(answer: OriginAnswer) -> shown.OriginShown:
    """The answer to one origin question, each reason for itself."""
    return shown.OriginShown(
        bin=answer.question.number,
        product=answer.question.product,
        on=answer.question.on.isoformat(),
        valid_at=None if answer.question.at is None else instant_text(answer.question.at),
        equated=answer.equated,
        in_register=_condition(answer.register),
        in_trusted_register=_condition(answer.trusted_register),
        entry_id=answer.entry_id,
        trusted_register_reference=answer.reference,
    )


def _condition(found: Condition) -> shown.ConditionShown:
    return shown.ConditionShown(holds=found.holds, code=found.code, reason=_text(found.reason))


def _text(text: OfficialText) -> shown.Text:
    return shown.Text(kk=text.kk, ru=text.ru, en=text.en)


def _optional(text: OfficialText | None) -> shown.Text | None:
    return None if text is None else _text(text)


def _fixed(term: FixedTerm) -> shown.TermShown:
    return shown.TermShown(
        name=term.name,
        due_on=term.due_on,
        calendar=term.calendar,
        basis=term.basis,
        statutory=term.statutory,
    )


def _term(term: FixedTerm | None) -> shown.TermShown | None:
    return None if term is None else _fixed(term)


def _document(document: DocumentRef) -> shown.DocumentShown:
    return shown.DocumentShown(
        kind=document.kind,
        media_type=document.media_type,
        size=document.size,
        sha256=document.sha256,
        valid_until=document.valid_until,
    )


def _producer(ref: ProducerRef, personal: Personal) -> shown.ProducerShown:
    name = _optional(ref.name)
    if name is None and "name_kk" in personal:
        name = shown.Text(kk=personal["name_kk"], ru=personal["name_ru"])
    return shown.ProducerShown(
        producer_id=ref.producer_id, kind=ref.kind, bin=ref.bin, iin=personal.get("iin"), name=name
    )


def _contacts(personal: Personal) -> shown.ContactsShown | None:
    if personal.keys().isdisjoint(("address", "email", "telephone")):
        return None
    return shown.ContactsShown(
        address=personal.get("address"), email=personal.get("email"), telephone=personal.get("telephone")
    )


def _registered(ref: ProducerRef, stated: str | None, personal: Personal) -> str | None:
    """The state registration number; of an individual the vault alone has it."""
    return stated if ref.kind == "legal_entity" else personal.get("registration_number")


def _rectified(personal: Personal) -> shown.Text | None:
    kk, ru, en = (personal.get(field) for field in RECTIFIED)
    return None if kk is None or ru is None else shown.Text(kk=kk, ru=ru, en=en)


def _activity(activity: Activity) -> shown.ActivityShown:
    return shown.ActivityShown(
        oked_primary=activity.oked_primary,
        oked_secondary=list(activity.oked_secondary),
        kato=activity.kato,
    )


def _product(product_id: str, product: Product) -> shown.ProductShown:
    return shown.ProductShown(
        product_id=product_id,
        name=_text(product.name),
        capacity_per_year=product.capacity_per_year,
        tn_ved=product.tn_ved,
        kpved=product.kpved,
        ens_tru=product.ens_tru,
        agsk3=product.agsk3,
    )


def _update(update: LastUpdate) -> shown.UpdateShown:
    return shown.UpdateShown(
        changed_on=update.changed_on,
        quarter=update.quarter,
        fields=list(update.fields),
        term=_fixed(update.term),
        in_time=update.in_time,
    )


def _exclusion(exclusion: Exclusion) -> shown.ExclusionShown:
    return shown.ExclusionShown(
        ground=exclusion.ground,
        excluded_on=exclusion.excluded_on,
        reasons=_text(exclusion.reasons),
        notification_id=exclusion.notification_id,
        appeal_term=_term(exclusion.appeal_term),
        undone=exclusion.undone,
        court_ruling=_ruling(exclusion.court_ruling) if exclusion.court_ruling else None,
    )


def _ruling(ruling: CourtRuling) -> shown.CourtRulingShown:
    return shown.CourtRulingShown(court=_text(ruling.court), number=ruling.number, ruled_on=ruling.ruled_on)


def _appeal(appeal: Appeal) -> shown.AppealShown:
    return shown.AppealShown(
        appeal_id=appeal.appeal_id,
        filed_on=appeal.filed_on,
        in_time=appeal.in_time,
        term_ends_on=appeal.term.due_on,
        outcome=appeal.outcome,
        reasons=_optional(appeal.reasons),
    )


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
