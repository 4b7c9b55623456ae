"""What the informatization authority published, as the industry authority takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.contract import Percentage
from services.kernel.errors import NotFound
from services.kernel.feed.following import Foreign
from services.kernel.feed.sinks import JournalSink, Shelf, WorkHandler
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Event
from services.kernel.journal.journal import Journal, Work
from services.kernel.journal.units import Recorded
from services.register.contract.events import NotificationReceived
from services.register.contract.rulings import CourtRulingRecorded as EntryRuling
from services.register.domain.origin import Listing
from services.register.domain.procedure import Procedure
from services.register.projections.trusted_listings import forget_holder, keep_delisting, keep_listing
from services.register.schema import FOLLOWING
from services.register.usecases.receive_notification import receive_notification
from services.register.usecases.record_missed_terms import ACTOR
from services.register.usecases.record_ruling import record_ruling
from services.verification.contract.erasures import PersonalDataErased
from services.verification.contract.events import (
    VERIFICATION_EVENTS,
    NotificationIssued,
    NotificationResubmitted,
    TrustedSoftwareDelisted,
    TrustedSoftwareListed,
)
from services.verification.contract.officers_work import CourtRulingRecorded

UPSTREAM: Final = "verification"
_CENT: Final = Decimal("0.01")


def verification_sink(journal: Journal, clock: Clock, procedure: Procedure) -> JournalSink:
    """Where a follower of the informatization authority's journal puts its facts."""
    handlers: Mapping[type[Event], WorkHandler] = {
        NotificationIssued: partial(_issued, clock=clock, procedure=procedure),
        NotificationResubmitted: partial(_resubmitted, clock=clock, procedure=procedure),
        CourtRulingRecorded: partial(_ruled, clock=clock),
        TrustedSoftwareListed: partial(_listed, clock=clock),
        TrustedSoftwareDelisted: partial(_delisted, clock=clock),
        PersonalDataErased: _erased,
    }
    shelf = Shelf(journal.database, FOLLOWING, clock=clock)
    return JournalSink(journal, shelf, VERIFICATION_EVENTS, handlers)


def _issued(work: Work, foreign: Foreign, *, clock: Clock, procedure: Procedure) -> None:
    issued = foreign.fact.data
    if not isinstance(issued, NotificationIssued):
        raise TypeError(type(issued).__name__)
    content = NotificationReceived(
        notification_id=issued.notification_id,
        revision=issued.revision,
        kind=issued.kind,
        result=issued.result,
        case_id=issued.case_id,
        producer=issued.producer,
        product_id=issued.product_id,
        reasons=issued.reasons,
        issued_event_id=foreign.fact.id,
        application_id=issued.application_id,
        entry_id=issued.entry_id,
        appeal_id=issued.appeal_id,
        quarter=issued.quarter,
        annuls_from_start=issued.annuls_from_start,
        trusted_register_reference=issued.trusted_register_reference,
        localisation_share=in_per_cent(issued.localisation_share),
        corrects=issued.corrects,
        product_name=issued.product_name,
        trusted_register_listed_on=issued.trusted_register_listed_on,
        court_ruling=issued.court_ruling,
    )
    receive_notification(work, content, Act(clock.now(), foreign.provenance(ACTOR)), procedure)


def _resubmitted(work: Work, foreign: Foreign, *, clock: Clock, procedure: Procedure) -> None:
    again = foreign.fact.data
    if not isinstance(again, NotificationResubmitted):
        raise TypeError(type(again).__name__)
    content = NotificationReceived(
        notification_id=again.notification_id,
        revision=again.revision,
        kind=again.kind,
        result=again.result,
        case_id=again.case_id,
        producer=again.producer,
        product_id=again.product_id,
        reasons=again.reasons,
        issued_event_id=foreign.fact.id,
        application_id=again.application_id,
        entry_id=again.entry_id,
        trusted_register_reference=again.trusted_register_reference,
        localisation_share=in_per_cent(again.localisation_share),
        product_name=again.product_name,
        trusted_register_listed_on=again.trusted_register_listed_on,
    )
    receive_notification(work, content, Act(clock.now(), foreign.provenance(ACTOR)), procedure)


def _ruled(work: Work, foreign: Foreign, *, clock: Clock) -> None:
    ruled = foreign.fact.data
    if not isinstance(ruled, CourtRulingRecorded):
        raise TypeError(type(ruled).__name__)
    if ruled.entry_id is None:
        return
    content = EntryRuling(
        entry_id=ruled.entry_id,
        producer_id=ruled.producer.producer_id,
        notification_id=ruled.notification_id,
        ruling=ruled.ruling,
        outcome=ruled.outcome,
        reasons=ruled.reasons,
        annuls_from_start=ruled.annuls_from_start,
    )
    record_ruling(work, content, Act(clock.now(), foreign.provenance(ACTOR)))


def _listed(work: Work, foreign: Foreign, *, clock: Clock) -> None:
    listed = foreign.fact.data
    if not isinstance(listed, TrustedSoftwareListed):
        raise TypeError(type(listed).__name__)
    individual = foreign.upstream.confidential.get("holder_iin")
    listing = Listing(
        listing_id=listed.listing_id,
        reference=listed.reference,
        holder=listed.holder_bin or (individual.value if individual else None),
        name_kk=listed.product_name.kk,
        name_ru=listed.product_name.ru,
        listed_on=listed.listed_on,
        valid_until=listed.valid_until,
    )

    def keep(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        keep_listing(connection, listing, foreign.upstream.position, clock.now())

    work.write(keep)


def _delisted(work: Work, foreign: Foreign, *, clock: Clock) -> None:
    delisted = foreign.fact.data
    if not isinstance(delisted, TrustedSoftwareDelisted):
        raise TypeError(type(delisted).__name__)

    def keep(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        known = keep_delisting(
            connection, delisted.listing_id, delisted.delisted_on, foreign.upstream.position, clock.now()
        )
        if not known:
            raise NotFound("listing_unknown", id=delisted.listing_id)

    work.write(keep)


def _erased(work: Work, foreign: Foreign) -> None:
    erased = foreign.fact.data
    if not isinstance(erased, PersonalDataErased):
        raise TypeError(type(erased).__name__)

    def forget(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        forget_holder(connection, listing_ids=erased.listing_ids)

    work.write(forget)


def in_per_cent(share: Percentage | None) -> str | None:
    """A share as per cent rounded to two places (`93.45`), for showing only; None for none or of nothing."""
    if share is None or not Decimal(share.whole):
        return None
    return str((Decimal(share.part) / Decimal(share.whole) * 100).quantize(_CENT, ROUND_HALF_UP))
