"""What an event of the industry authority concerns, for the filters of subscriptions."""

from __future__ import annotations

from typing import Final

import msgspec

from services.kernel.contract import ProducerRef
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event
from services.notifications.domain.filters import Concerns, Reach, Track
from services.notifications.projections.known import Known
from services.register.contract import appeals, corrections, rulings, updates
from services.register.contract import events as register

_TRACKS: Final[dict[type[Event], Track]] = {
    register.ApplicationFiled: "confirmation",
    register.ApplicationWithdrawn: "confirmation",
    register.ApplicationClosed: "confirmation",
    register.ApplicationSatisfied: "confirmation",
    register.InclusionRefused: "confirmation",
    register.NotificationReturned: "confirmation",
    register.Included: "confirmation",
    register.MonitoringRecorded: "monitoring",
    corrections.EntryCorrected: "monitoring",
    register.AppealFiled: "appeal",
    register.AppealDismissed: "appeal",
    register.Reinstated: "appeal",
    appeals.AppealClosed: "appeal",
    rulings.CourtRulingRecorded: "appeal",
}
_SETTLED: Final[dict[str, Track]] = {
    "included": "confirmation",
    "inclusion_refused": "confirmation",
    "monitoring_recorded": "monitoring",
    "excluded": "monitoring",
    "exclusion_corrected": "monitoring",
    "reinstated": "appeal",
    "appeal_dismissed": "appeal",
}
_PRODUCT_FIELDS: Final = ("product_id", "entry_id")
"""An entry has the id of its product."""
_OF_SUBJECTS: Final = (register.NotificationSettled, register.TermMissed)
"""What names neither product nor producer: they follow from the notification, or the entry, it is about."""
_EITHER: Final = frozenset({"included", "excluded"})
_STATUSES: Final[dict[type[Event], frozenset[str]]] = {
    register.Included: frozenset({"included"}),
    register.Excluded: frozenset({"excluded"}),
}

_SAID: Final[dict[type[Event], str]] = {
    register.Included: "included",
    register.Excluded: "excluded",
    register.Reinstated: "included",
}


def concerns_of(known: Known, foreign: Foreign) -> Concerns:
    """Learn from the event where its entry stands, and tell what it concerns."""
    data = foreign.fact.data
    _learn_standing(known, foreign)
    product_id = _product_id(known, data)
    standing = known.standing_of(product_id)
    return Concerns(
        bins=_bins(known, data, product_id),
        product_id=product_id,
        status=standing.status,
        region=standing.region,
        track=_track(known, data),
    )


def concerned_then(known: Known, foreign: Foreign) -> Concerns:
    """What an event of the past concerns, without learning from it.

    An event that includes or excludes its entry says its status; for any other it is the present one, as
    region and BIN are.
    """
    data = foreign.fact.data
    product_id = _product_id(known, data)
    standing = known.standing_of(product_id)
    return Concerns(
        bins=_bins(known, data, product_id),
        product_id=product_id,
        status=_SAID.get(type(data), standing.status),
        region=standing.region,
        track=_track(known, data),
    )


def _track(known: Known, data: Event) -> str | None:
    """The course of an event, or of the notification that it is about."""
    track = track_of(data)
    if track is not None or not isinstance(data, _OF_SUBJECTS):
        return track
    return known.track_of_notice(_subject(data))


def track_of(data: Event) -> Track | None:
    """The course an event belongs to; None for what belongs to none, such as an exclusion on request."""
    if isinstance(data, register.NotificationReceived):
        return data.kind
    if isinstance(data, register.NotificationSettled):
        return _SETTLED.get(data.outcome)
    if isinstance(data, register.Excluded):
        return "monitoring" if data.ground == "software_monitoring" else None
    return _TRACKS.get(type(data))


def reach_of(kind: type[Event]) -> Reach:
    """What events of a class can concern, for filters that could never match."""
    fields = {field.name for field in msgspec.structs.fields(kind)}
    told = kind in (register.NotificationReturned, *_OF_SUBJECTS)
    product = told or not fields.isdisjoint(_PRODUCT_FIELDS)
    return Reach(
        producer=told or not fields.isdisjoint({"producer", "producer_id"}),
        product=product,
        statuses=_STATUSES.get(kind, _EITHER) if product else frozenset(),
        tracks=_reached_tracks(kind),
    )


def _reached_tracks(kind: type[Event]) -> frozenset[str]:
    if kind in (register.NotificationReceived, *_OF_SUBJECTS):
        return frozenset({"confirmation", "monitoring", "appeal"})
    if kind is register.Excluded:
        return frozenset({"monitoring"})
    track = _TRACKS.get(kind)
    return frozenset() if track is None else frozenset({track})


def _learn_standing(known: Known, foreign: Foreign) -> None:
    data, position = foreign.fact.data, foreign.upstream.position
    if isinstance(data, register.ApplicationFiled):
        known.learn_region(data.product_id, data.activity.kato, position)
    elif isinstance(data, register.Included):
        known.learn_region(data.entry_id, data.activity.kato, position)
        known.learn_included(data.entry_id)
    elif isinstance(data, register.Excluded):
        known.learn_excluded(data.entry_id, foreign.fact.id)
    elif isinstance(data, register.Reinstated):
        known.learn_undone(data.entry_id, data.exclusion_event_id)
    elif isinstance(data, corrections.EntryCorrected):
        _learn_correction(known, data, position)
    elif isinstance(data, updates.EntryUpdated):
        _learn_update(known, data, position)
    elif isinstance(data, register.NotificationReceived):
        known.learn_notice(data.notification_id, data.product_id, data.kind)


def _learn_correction(known: Known, data: corrections.EntryCorrected, position: int) -> None:
    if data.status is None:  # recorded before corrections told the status after them
        known.learn_undone(data.entry_id, data.corrected_event_id)
    else:
        known.learn_corrected(data.entry_id, is_included=data.status == "included")
    if data.activity is not None:
        known.learn_region(data.entry_id, data.activity.kato, position)


def _learn_update(known: Known, data: updates.EntryUpdated, position: int) -> None:
    if data.activity is not None and "kato" not in data.superseded:
        known.learn_region(data.entry_id, data.activity.kato, position)


def _product_id(known: Known, data: Event) -> str | None:
    for name in _PRODUCT_FIELDS:
        found = getattr(data, name, None)
        if isinstance(found, str):
            return found
    if isinstance(data, register.NotificationReturned):
        return known.product_of_application(data.application_id)
    if isinstance(data, _OF_SUBJECTS):
        return known.product_of_subject(_subject(data))
    return None


def _subject(data: register.NotificationSettled | register.TermMissed) -> str:
    return data.subject_id if isinstance(data, register.TermMissed) else data.notification_id


def _bins(known: Known, data: Event, product_id: str | None) -> frozenset[str]:
    """Every BIN of the producer that an event names, or whose product it is about."""
    ref = getattr(data, "producer", None)
    if isinstance(ref, ProducerRef):
        named = known.bins_of(ref.producer_id)
        return named if ref.bin is None else named | {ref.bin}
    producer_id = getattr(data, "producer_id", None)
    if producer_id is None and isinstance(data, _OF_SUBJECTS) and product_id is not None:
        producer_id = known.producer_of_product(product_id)
    return known.bins_of(producer_id) if isinstance(producer_id, str) else frozenset()
