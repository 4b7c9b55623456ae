"""What corrections known so far make of an entry's facts (ARCHITECTURE "Two times").

A correction changes nothing recorded: it says which facts are left out, from when others count instead, and
what an inclusion states in place of what it stated. The same for the present, for any past, and for periods.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from services.kernel.calendar import legal_date
from services.kernel.contract import FixedTerm
from services.kernel.journal.events import Event, Fact
from services.register.contract.corrections import CorrectedFact, EntryCorrected
from services.register.contract.events import Excluded, Included, Reinstated
from services.register.contract.updates import EntryUpdated

EntryStatus = Literal["included", "excluded", "annulled"]
"""`annulled`: every inclusion so far was left out from the start, so it never was rightly in the register."""

NAMES: Final[dict[type[Event], CorrectedFact]] = {
    Included: "inclusion",
    Excluded: "exclusion",
    Reinstated: "reinstatement",
}


@dataclass(frozen=True, slots=True)
class Corrections:
    """By event id: the facts left out, from when others count (UTC), what inclusions state instead.

    `terms` are those in which redated exclusions can be appealed.
    """

    left_out: frozenset[str]
    dated: Mapping[str, datetime]
    restated: Mapping[str, Included]
    terms: Mapping[str, FixedTerm]

    def applied(self, fact: Fact) -> Fact:
        """The fact as corrected; one that is left out stays as it is, to be told of.

        An update stands no earlier than the inclusion whose data it changes, were it redated.
        """
        if isinstance(fact.data, EntryUpdated):
            since = self.dated.get(fact.data.inclusion_event_id, fact.effective_at)
            return msgspec.structs.replace(fact, effective_at=max(since, fact.effective_at))
        if (stated := self.restated.get(fact.id)) is not None:
            fact = msgspec.structs.replace(fact, data=stated)
        at = self.dated.get(fact.id)
        if at is None:
            return fact
        data = _dated(fact.data, at)
        if isinstance(data, Excluded):
            data = msgspec.structs.replace(data, appeal_term=self.terms.get(fact.id, data.appeal_term))
        return msgspec.structs.replace(fact, effective_at=at, data=data)


def corrections_of(facts: Iterable[Fact]) -> Corrections:
    """What the corrections among an entry's facts, given in the order of recording, say of the others.

    A reinstatement that is itself left out annuls nothing. A later correction replaces an earlier one.
    """
    known = list(facts)
    left_out: set[str] = set()
    dated: dict[str, datetime] = {}
    restated: dict[str, Included] = {}
    terms: dict[str, FixedTerm] = {}
    for fact in known:
        if isinstance(fact.data, Included):
            restated[fact.id] = fact.data
        elif isinstance(fact.data, EntryCorrected):
            _take(fact.data, left_out, dated, restated)
            if fact.data.appeal_term is not None:
                terms[fact.data.corrected_event_id] = fact.data.appeal_term
    for fact in known:
        if isinstance(fact.data, Reinstated) and fact.data.annuls_from_start and fact.id not in left_out:
            left_out.add(fact.data.exclusion_event_id)
    return Corrections(frozenset(left_out), dated, restated, terms)


def annuls(event: Event) -> bool:
    """True of a fact that changes what counted before it: its entry's state is made anew from all facts."""
    return isinstance(event, EntryCorrected) or (isinstance(event, Reinstated) and event.annuls_from_start)


def in_order(facts: Iterable[Fact], *, valid_at: datetime | None = None) -> list[Fact]:
    """An entry's facts as corrected that count by a legal instant, in the order in which they count.

    `facts` are all that are known, in the order of recording; without `valid_at` all of them count.
    """
    known = list(facts)
    found = corrections_of(known)
    corrected = (found.applied(fact) for fact in known)
    counting = [fact for fact in corrected if valid_at is None or fact.effective_at <= valid_at]
    return sorted(counting, key=lambda fact: (fact.effective_at, fact.originator_version))


def told_of(
    facts: Iterable[Fact], within: Callable[[datetime], bool], *, as_recorded: bool = False
) -> set[str]:
    """Of an entry's facts, all that are known in the order of recording, those to tell of a legal time.

    By their event ids: each fact that counts within it as corrected, with `as_recorded` also one that was
    recorded to, and every correction of these, whenever it was decided.
    """
    known = list(facts)
    dated = corrections_of(known).dated
    told: set[str] = set()
    for fact in known:
        data = fact.data
        counts = within(dated.get(fact.id, fact.effective_at))
        corrects = isinstance(data, EntryCorrected) and data.corrected_event_id in told
        if counts or corrects or (as_recorded and within(fact.effective_at)):
            told.add(fact.id)
    return told


def _take(
    correction: EntryCorrected,
    left_out: set[str],
    dated: dict[str, datetime],
    restated: dict[str, Included],
) -> None:
    target = correction.corrected_event_id
    if correction.kind == "annulment":
        left_out.add(target)
    elif correction.kind == "redating" and correction.counts_from is not None:
        dated[target] = datetime.fromisoformat(correction.counts_from)
    elif (stated := restated.get(target)) is not None:
        restated[target] = msgspec.structs.replace(
            stated,
            product=correction.product or stated.product,
            activity=correction.activity or stated.activity,
        )


def _dated(event: Event, at: datetime) -> Event:
    day = legal_date(at).isoformat()
    if isinstance(event, Included):
        return msgspec.structs.replace(event, included_on=day)
    if isinstance(event, Excluded):
        return msgspec.structs.replace(event, excluded_on=day)
    return msgspec.structs.replace(event, reinstated_on=day) if isinstance(event, Reinstated) else event


def status_facts(facts: Iterable[Fact], left_out: Container[str]) -> list[Fact]:
    """Of facts in the order in which they count those that change when the entry is in force."""
    return [fact for fact in facts if type(fact.data) in NAMES and fact.id not in left_out]
