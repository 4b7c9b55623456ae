"""What an entry is at any moment, as a value evolved by its facts.

The aggregate, the read model and the answers about the past all evolve this one value, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import date, datetime
from functools import singledispatch
from typing import Literal

import msgspec

from services.kernel.calendar import legal_date, start_of
from services.kernel.contract import CourtRuling, FixedTerm, OfficialText, ProducerRef
from services.kernel.journal.events import Event, Fact
from services.register.contract.appeals import AppealClosed
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    AppealDismissed,
    AppealFiled,
    Excluded,
    ExclusionGround,
    ExclusionRequested,
    Included,
    MonitoringRecorded,
    Reinstated,
    TermMissed,
)
from services.register.contract.rulings import CourtRulingRecorded
from services.register.contract.updates import EntryUpdated, UpdatedField
from services.register.domain.correcting import EntryStatus, corrections_of, in_order
from services.register.domain.own_data import LastUpdate, Stated, brought_up_to_date, told

AppealOutcome = Literal["pending", "upheld", "dismissed", "closed"]


class Exclusion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exclusion of the entry; `undone` once an appeal, a correction or a court put the entry back.

    `annulled` once it was left out from the start: no gap remains, and nothing more can be corrected.
    """

    event_id: str
    ground: ExclusionGround
    excluded_on: str
    reasons: OfficialText
    notification_id: str | None = None
    appeal_term: FixedTerm | None = None
    undone: bool = False
    annulled: bool = False
    court_ruling: CourtRuling | None = None


class Appeal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One appeal of the notification behind an exclusion; `closed` when it ended undecided."""

    appeal_id: str
    exclusion_event_id: str
    filed_on: str
    in_time: bool
    term: FixedTerm
    outcome: AppealOutcome = "pending"
    reasons: OfficialText | None = None


class EntryState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as its facts so far make it. `changed_at` is the latest instant a status counts from (UTC).

    `included` is what the last inclusion stated, brought up to date by the producer; `stated` tells by which
    event each field was. An update stands after those that stand from before it, whenever it was given.
    `former_names` are the product's in earlier inclusions.
    """

    status: EntryStatus
    included: Included
    included_by: str
    first_included_on: str
    changed_at: datetime
    exclusions: tuple[Exclusion, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    requested_on: str | None = None
    request_term: FixedTerm | None = None
    monitored_on: str | None = None
    monitored_quarter: str | None = None
    reinstated_on: str | None = None
    missed: tuple[FixedTerm, ...] = ()
    rulings: tuple[CourtRuling, ...] = ()
    former_names: tuple[OfficialText, ...] = ()
    stated: dict[UpdatedField, Stated] = {}
    updated_at: datetime | None = None
    update: LastUpdate | None = None

    def stated_by(self, field: UpdatedField) -> str:
        """The event that last stated a value: an update or the inclusion."""
        update = self.stated.get(field)
        return self.included_by if update is None else update.event_id

    def stands_since(self, field: UpdatedField) -> tuple[datetime, str]:
        """From when (UTC) a value stands, and the event that stated it: the order of values in law.

        What an inclusion states was given with the filing: it stands from the start of the inclusion's day.
        """
        update = self.stated.get(field)
        if update is not None:
            return update.at, update.event_id
        return start_of(date.fromisoformat(self.included.included_on)), self.included_by

    @property
    def exclusion(self) -> Exclusion | None:
        """The exclusion that keeps the entry out now, if it is out."""
        return self.exclusions[-1] if self.status == "excluded" else None

    @property
    def producer(self) -> ProducerRef:
        """The producer as its last inclusion named it."""
        return self.included.producer

    def appeal_of(self, exclusion: Exclusion) -> Appeal | None:
        """The latest appeal of an exclusion: the one it has, or the renewal of one wrongly called late."""
        filed = (a for a in reversed(self.appeals) if a.exclusion_event_id == exclusion.event_id)
        return next(filed, None)

    def exclusion_on(self, notification_id: str | None) -> Exclusion | None:
        """The exclusion that rests on a notification and still counts, if only for the time it lasted."""
        found = (x for x in self.exclusions if x.notification_id == notification_id and not x.annulled)
        return next(found, None) if notification_id is not None else None

    def exclusion_of(self, appeal: Appeal) -> Exclusion:
        """The exclusion that an appeal is about."""
        return next(x for x in self.exclusions if x.event_id == appeal.exclusion_event_id)

    def dismissed_appeal(self, appeal_id: str | None) -> Appeal | None:
        """The appeal of that id once it was dismissed, while its exclusion was not undone."""
        appeal = next((a for a in self.appeals if a.appeal_id == appeal_id), None)
        if appeal is None or appeal.outcome != "dismissed" or self.exclusion_of(appeal).undone:
            return None
        return appeal

    @property
    def pending_appeals(self) -> tuple[Appeal, ...]:
        """The appeals that are undecided."""
        return tuple(a for a in self.appeals if a.outcome == "pending")

    def pending_appeal(self, appeal_id: str | None) -> Appeal | None:
        """The appeal of that id while it is undecided."""
        return next((a for a in self.appeals if a.appeal_id == appeal_id and a.outcome == "pending"), None)


def evolved(state: EntryState | None, fact: Fact) -> EntryState | None:
    """The entry after one more fact; None until its first inclusion."""
    if isinstance(fact.data, Included):
        return _included(state, fact.data, fact)
    return None if state is None else _evolve(fact.data, state, fact)


def standing(facts: Sequence[Fact], *, valid_at: datetime | None = None) -> EntryState | None:
    """The entry that its facts, all that are known in the order of recording, make at a legal instant.

    Corrections among them are applied first; without `valid_at` it is the entry as it is now.
    """
    return folded(in_order(facts, valid_at=valid_at), corrections_of(facts).left_out)


def folded(facts: Iterable[Fact], left_out: Container[str] = ()) -> EntryState | None:
    """The entry that these facts, as corrected and in the order in which they count, make.

    What is `left_out` (by its event's id) from the start has no effect: an exclusion keeps nothing out and
    shows as undone, a reinstatement brings nothing back, an inclusion alone makes an entry that is annulled.
    """
    state: EntryState | None = None
    for fact in facts:
        state = _without_effect(state, fact) if fact.id in left_out else evolved(state, fact)
    return state


def _without_effect(state: EntryState | None, fact: Fact) -> EntryState | None:
    if isinstance(fact.data, Included) and state is None:
        return msgspec.structs.replace(_included(None, fact.data, fact), status="annulled")
    if isinstance(fact.data, Excluded) and state is not None:
        return _told_only(state, _evolve(fact.data, state, fact))
    return state


def _told_only(before: EntryState, after: EntryState) -> EntryState:
    """The entry after an exclusion that a later fact annuls from the start.

    A request of the producer's own that it overtook goes on; one that it answered is answered.
    """
    *earlier, annulled = after.exclusions
    told = msgspec.structs.replace(annulled, undone=True, annulled=True)
    if annulled.ground == "own_request":
        before = msgspec.structs.replace(before, requested_on=None, request_term=None)
    return msgspec.structs.replace(before, exclusions=(*earlier, told))


def _included(state: EntryState | None, event: Included, fact: Fact) -> EntryState:
    if state is None or state.status == "annulled":
        return EntryState(
            exclusions=state.exclusions if state else (),
            appeals=state.appeals if state else (),
            rulings=state.rulings if state else (),
            status="included",
            included=event,
            included_by=fact.id,
            first_included_on=event.included_on,
            changed_at=fact.effective_at,
        )
    return msgspec.structs.replace(
        state,
        status="included",
        included=event,
        included_by=fact.id,
        changed_at=max(state.changed_at, fact.effective_at),
        requested_on=None,
        request_term=None,
        reinstated_on=None,
        former_names=_names_before(state, event),
        stated={},
        updated_at=None,
        update=None,
    )


def _names_before(state: EntryState, event: Included) -> tuple[OfficialText, ...]:
    """What the product was called in earlier inclusions, if it was another name than now."""
    names = dict.fromkeys((*state.former_names, state.included.product.name))
    return tuple(name for name in names if name != event.product.name)


@singledispatch
def _evolve(event: Event, _state: EntryState, _fact: Fact) -> EntryState:
    raise TypeError(f"an entry knows no {type(event).__name__}")


@_evolve.register
def _(event: Excluded, state: EntryState, fact: Fact) -> EntryState:
    exclusion = Exclusion(
        event_id=fact.id,
        ground=event.ground,
        excluded_on=event.excluded_on,
        reasons=event.reasons,
        notification_id=event.notification_id,
        appeal_term=event.appeal_term,
    )
    if state.status == "annulled":  # of an entry that never was in the register nothing is kept out
        told = msgspec.structs.replace(exclusion, undone=True, annulled=True)
        return msgspec.structs.replace(state, exclusions=(*state.exclusions, told))
    return msgspec.structs.replace(
        state,
        status="excluded",
        exclusions=(*state.exclusions, exclusion),
        changed_at=max(state.changed_at, fact.effective_at),
        requested_on=None,
        request_term=None,
    )


@_evolve.register
def _(event: Reinstated, state: EntryState, fact: Fact) -> EntryState:
    if event.court_ruling is None:  # a court leaves the decision on an appeal as it was taken
        state = _ended(state, event.appeal_id, "upheld", event.reasons)
    return _without(
        _waiting_again(state, event.request_term),
        event.exclusion_event_id,
        fact,
        reinstated_on=event.reinstated_on,
        from_start=event.annuls_from_start,
        court_ruling=event.court_ruling,
    )


@_evolve.register
def _(event: CourtRulingRecorded, state: EntryState, _fact: Fact) -> EntryState:
    return msgspec.structs.replace(state, rulings=(*state.rulings, event.ruling))


@_evolve.register
def _(event: EntryCorrected, state: EntryState, fact: Fact) -> EntryState:
    state = _waiting_again(state, event.request_term)
    if event.kind != "annulment" or event.corrected != "exclusion":
        return state  # what it corrects is corrected before the facts are folded
    return _without(state, event.corrected_event_id, fact, reinstated_on=state.reinstated_on, from_start=True)


def _waiting_again(state: EntryState, term: FixedTerm | None) -> EntryState:
    """A request that an exclusion left out had overtaken waits for a term of its own, from the fact on."""
    waits = term is not None and state.requested_on is not None
    return msgspec.structs.replace(state, request_term=term) if waits else state


def _without(
    state: EntryState,
    exclusion_id: str,
    fact: Fact,
    *,
    reinstated_on: str | None,
    from_start: bool,
    court_ruling: CourtRuling | None = None,
) -> EntryState:
    """The entry once an exclusion is undone; back in the register unless another one keeps it out."""
    undone = tuple(
        msgspec.structs.replace(
            x, undone=True, annulled=x.annulled or from_start, court_ruling=court_ruling or x.court_ruling
        )
        if x.event_id == exclusion_id
        else x
        for x in state.exclusions
    )
    returns = _keeps_out(state, exclusion_id)
    return msgspec.structs.replace(
        state,
        status="included" if returns else state.status,
        exclusions=undone,
        reinstated_on=reinstated_on if returns else state.reinstated_on,
        changed_at=max(state.changed_at, fact.effective_at) if returns else state.changed_at,
    )


def _keeps_out(state: EntryState, exclusion_id: str) -> bool:
    """True of the exclusion since the last inclusion, also where it is only told of, being annulled.

    Event ids are UUIDv7, so the greater id is the later event.
    """
    last = state.exclusions[-1] if state.exclusions else None
    if last is None or last.event_id != exclusion_id or state.status == "annulled":
        return False
    return state.status == "excluded" or (last.annulled and exclusion_id > state.included_by)


@_evolve.register
def _(event: AppealFiled, state: EntryState, _fact: Fact) -> EntryState:
    appeal = Appeal(
        appeal_id=event.appeal_id,
        exclusion_event_id=event.exclusion_event_id,
        filed_on=event.filed_on,
        in_time=event.in_time,
        term=event.term,
    )
    return msgspec.structs.replace(state, appeals=(*state.appeals, appeal))


@_evolve.register
def _(event: AppealDismissed, state: EntryState, _fact: Fact) -> EntryState:
    return _ended(state, event.appeal_id, "dismissed", event.reasons)


@_evolve.register
def _(event: AppealClosed, state: EntryState, _fact: Fact) -> EntryState:
    outcome: AppealOutcome = "upheld" if event.ground == "included_anew" else "closed"
    return _ended(state, event.appeal_id, outcome, event.reasons)


def _ended(
    state: EntryState, appeal_id: str | None, outcome: AppealOutcome, reasons: OfficialText | None
) -> EntryState:
    ended = tuple(
        msgspec.structs.replace(a, outcome=outcome, reasons=reasons) if a.appeal_id == appeal_id else a
        for a in state.appeals
    )
    return msgspec.structs.replace(state, appeals=ended)


@_evolve.register
def _(event: ExclusionRequested, state: EntryState, fact: Fact) -> EntryState:
    if state.status != "included":
        return state  # an exclusion that was recorded later counts from before the request
    return msgspec.structs.replace(state, requested_on=_day(fact), request_term=event.term)


@_evolve.register
def _(event: MonitoringRecorded, state: EntryState, fact: Fact) -> EntryState:
    return msgspec.structs.replace(state, monitored_on=_day(fact), monitored_quarter=event.quarter)


@_evolve.register
def _(event: TermMissed, state: EntryState, _fact: Fact) -> EntryState:
    return msgspec.structs.replace(state, missed=(*state.missed, event.term))


@_evolve.register
def _(event: EntryUpdated, state: EntryState, fact: Fact) -> EntryState:
    if event.inclusion_event_id != state.included_by:
        return state  # a later inclusion stated all data anew
    at = fact.effective_at
    fields = {f for f in event.fields if f not in state.stated or state.stated[f].at <= at}
    is_last = state.updated_at is None or state.updated_at <= at
    return msgspec.structs.replace(
        state,
        included=brought_up_to_date(state.included, event, fields),
        stated={**state.stated, **{field: Stated(fact.id, at) for field in fields}},
        updated_at=at if is_last else state.updated_at,
        update=told(event) if is_last else state.update,
    )


def _day(fact: Fact) -> str:
    return legal_date(fact.effective_at).isoformat()
