"""When an entry was in force, as its status facts known so far say (ARCHITECTURE "Two times").

Facts that a later one annuls are left out; the others count in the order (`effective_at`, position). The same
rule as `entry_state`, for status alone; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from services.kernel.journal.events import Event, Fact, microseconds
from services.register.contract.events import EntryCorrected, Excluded, Included, Reinstated

StatusKind = Literal["begins", "ends", "returns", "annuls"]


@dataclass(frozen=True, slots=True)
class StatusFact:
    """A fact that changes when an entry is in force.

    `effective_at` is in microseconds since 1970 (UTC); `target` is the event id of the exclusion that the
    fact undoes: from its own instant (`returns`) or from the start (`annuls`).
    """

    position: int
    event_id: str
    kind: StatusKind
    effective_at: int
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """In force in `[valid_from, valid_to)`, microseconds since 1970 (UTC); None is open."""

    valid_from: int
    valid_to: int | None


def status_fact(position: int, fact: Fact) -> StatusFact | None:
    """What a recorded fact says about when the entry is in force; None when it says nothing."""
    found = _kind_of(fact.data)
    if found is None:
        return None
    kind, target = found
    return StatusFact(position, fact.id, kind, microseconds(fact.effective_at), target)


def _kind_of(event: Event) -> tuple[StatusKind, str | None] | None:
    if isinstance(event, Included):
        return "begins", None
    if isinstance(event, Excluded):
        return "ends", None
    if isinstance(event, EntryCorrected):
        return "annuls", event.corrected_event_id
    if isinstance(event, Reinstated):
        return ("annuls" if event.annuls_from_start else "returns"), event.exclusion_event_id
    return None


def annulled(facts: Iterable[Fact]) -> frozenset[str]:
    """The ids of the exclusions that some of these facts leave out from the start."""
    found = (_kind_of(fact.data) for fact in facts)
    return frozenset(entry[1] for entry in found if entry and entry[0] == "annuls" and entry[1])


def intervals(facts: Iterable[StatusFact]) -> list[Interval]:
    """The intervals in force that all these facts together make, oldest first; empty ones are left out."""
    known = list(facts)
    left_out = {fact.target for fact in known if fact.kind == "annuls"}
    counting = [fact for fact in known if fact.kind != "annuls" and fact.event_id not in left_out]
    made: list[Interval] = []
    since: int | None = None
    out_by: str | None = None
    for fact in sorted(counting, key=lambda fact: (fact.effective_at, fact.position)):
        returns = fact.kind == "returns" and fact.target == out_by
        if since is None and (fact.kind == "begins" or returns):
            since, out_by = fact.effective_at, None
        elif since is not None and fact.kind == "ends":
            if since < fact.effective_at:
                made.append(Interval(since, fact.effective_at))
            since, out_by = None, fact.event_id
    if since is not None:
        made.append(Interval(since, None))
    return made
