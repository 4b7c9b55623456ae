"""Whether an exclusion can be appealed, and until when (law 86-VII art. 51-2(5), order 327 para. 31)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.kernel.contract import FixedTerm
from services.kernel.errors import Conflict
from services.register.domain.correction import Proposed
from services.register.domain.entry_state import Appeal, EntryState
from services.register.domain.procedure import Procedure


@dataclass(frozen=True, slots=True)
class Appealable:
    """The exclusion that keeps an entry out, the notification behind it, and the term to appeal it."""

    exclusion_event_id: str
    notification_id: str
    term: FixedTerm


def appealable(state: EntryState) -> Appealable:
    """What an appeal now would be about. Raises `Conflict` where the law gives none or one was filed."""
    exclusion = state.exclusion
    if exclusion is None:
        raise Conflict("entry_not_excluded", state="included", allowed="exclusion request")
    if exclusion.appeal_term is None or exclusion.notification_id is None:
        raise Conflict(
            "exclusion_not_appealable", state="excluded", ground=exclusion.ground, allowed="reapplication"
        )
    filed = state.appeal_of(exclusion)
    if filed is not None and not _wrongly_late(filed, exclusion.appeal_term):
        raise Conflict("already_appealed", state="excluded", allowed="reapplication")
    return Appealable(exclusion.event_id, exclusion.notification_id, exclusion.appeal_term)


def redated_term(
    state: EntryState, proposed: Proposed, now: datetime, procedure: Procedure
) -> FixedTerm | None:
    """The later term that an exclusion has once it counts from another day; None where it stays as it is.

    It runs from the day of the exclusion, so it moves with that day; never to before the day that the
    producer was told. Where an appeal was called late only because of the wrong day, thirty days run anew
    from the correction, so that it can be renewed. An exclusion that nobody can appeal any more keeps its
    term.
    """
    exclusion, at = state.exclusion, proposed.counts_from
    if proposed.kind != "redating" or at is None or exclusion is None:
        return None
    told = exclusion.appeal_term
    if exclusion.event_id != proposed.event_id or told is None:
        return None
    term = procedure.appeal(at)
    filed = state.appeal_of(exclusion)
    if filed is not None:
        if filed.in_time or filed.outcome == "closed" or filed.filed_on > term.due_on:
            return None
        term = _later(term, procedure.appeal(now))
    return term if term.due_on > told.due_on else None


def _wrongly_late(appeal: Appeal, term: FixedTerm) -> bool:
    """True of an appeal dismissed as late that was filed within the term as it is now known."""
    return appeal.outcome == "dismissed" and not appeal.in_time and appeal.filed_on <= term.due_on


def _later(one: FixedTerm, other: FixedTerm) -> FixedTerm:
    return one if one.due_on >= other.due_on else other
