"""When an entry was in force, as its status facts known so far say (ARCHITECTURE "Two times").

Facts that a later one annuls are left out; the others count in the order (`effective_at`, position). The same
rule as `entry_state`, for status alone; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.kernel.journal.events import Event, Fact, microseconds
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import Excluded, Included, Reinstated
from services.register.domain.correcting import EntryStatus

StatusKind = Literal["begins", "ends", "returns", "annuls", "redates"]


@dataclass(frozen=True, slots=True)
class StatusFact:
    """A fact that changes when an entry is in force.

    `effective_at` is in microseconds since 1970 (UTC). `target` is the event id of the exclusion that the
    fact undoes from its own instant (`returns`), of the fact that it leaves out from the start (`annuls`), or
    of the one that it lets count from `counts_from` instead (`redates`).
    """

    position: int
    event_id: str
    kind: StatusKind
    effective_at: int
    target: str | None = None
    counts_from: int | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A status in `[valid_from, valid_to)`, microseconds since 1970 (UTC); None is open."""

    status: EntryStatus
    valid_from: int
    valid_to: int | None


def status_fact(position: int, fact: Fact) -> StatusFact | None:
    """What a recorded fact says about when the entry is in force; None when it says nothing."""
    data = fact.data
    said = StatusFact(position, fact.id, "begins", microseconds(fact.effective_at))
    if isinstance(data, Included):
        return said
    if isinstance(data, Excluded):
        return replace(said, kind="ends")
    if isinstance(data, Reinstated):
        kind: StatusKind = "annuls" if data.annuls_from_start else "returns"
        return replace(said, kind=kind, target=data.exclusion_event_id)
    return _correction(said, data)


def _correction(said: StatusFact, event: Event) -> StatusFact | None:
    if not isinstance(event, EntryCorrected) or event.kind == "restatement":
        return None
    if event.kind == "annulment":
        return replace(said, kind="annuls", target=event.corrected_event_id)
    at = microseconds(datetime.fromisoformat(event.counts_from or ""))
    return replace(said, kind="redates", target=event.corrected_event_id, counts_from=at)


def periods(facts: Iterable[StatusFact]) -> list[Period]:
    """The statuses that all these facts together make, oldest first and without a gap between them.

    Periods of no length are left out. An inclusion left out makes a period only where no other counts.
    """
    known = sorted(facts, key=lambda fact: fact.position)
    named = {fact.target for fact in known if fact.kind == "annuls"}
    left_out = {fact.target for fact in known if fact.kind == "annuls" and fact.event_id not in named}
    dated = {fact.target: fact.counts_from for fact in known if fact.kind == "redates"}
    counting = [
        replace(fact, effective_at=dated.get(fact.event_id) or fact.effective_at)
        for fact in known
        if fact.kind not in ("annuls", "redates")
    ]
    changes: list[tuple[int, EntryStatus]] = []
    out_by: str | None = None
    for fact in sorted(counting, key=lambda fact: (fact.effective_at, fact.position)):
        before = changes[-1][1] if changes else None
        after = _after(before, fact, out_by, without_effect=fact.event_id in left_out)
        if after == "excluded" and fact.kind == "ends" and fact.event_id not in left_out:
            out_by = fact.event_id
        if after is not None and after != before:
            changes.append((fact.effective_at, after))
    ends = [since for since, _ in changes[1:]]
    return [
        Period(status, since, until)
        for (since, status), until in zip(changes, [*ends, None], strict=True)
        if since != until
    ]


def _after(
    before: EntryStatus | None, fact: StatusFact, out_by: str | None, *, without_effect: bool
) -> EntryStatus | None:
    """The status after one more fact."""
    if without_effect:
        return "annulled" if before is None and fact.kind == "begins" else before
    if fact.kind == "begins":
        return "included"
    if before in (None, "annulled"):
        return before
    if fact.kind == "ends":
        return "excluded"
    return "included" if fact.target == out_by else before
