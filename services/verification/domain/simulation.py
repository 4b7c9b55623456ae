"""What if: judge decided cases again by a draft rule set, from what their judgements recorded.

A draft may ask what a judgement did not record; then the answer is "not decidable", never a guess. Nothing
here changes a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

import msgspec

from services.verification.contract.events import CriterionOutcome, JudgedEvidence, RecordedJudgement
from services.verification.domain.checking import overridden_in
from services.verification.domain.criteria import CRITERIA, Evidence
from services.verification.domain.judged_evidence import remake_evidence
from services.verification.domain.rule_sets import CriterionRule, RuleSet

Answer = Literal["met", "not_met", "not_decidable", "not_asked"]
"""`not_asked`: the rule set has no such criterion."""

Kinds = tuple[str, ...]
_ANSWERS: Final[dict[bool | None, Answer]] = {True: "met", False: "not_met", None: "not_decidable"}
_OF_REPORT: Final = frozenset({"report_sound", "localisation_share", "foreign_payments"})
_NEVER_RECORDED: Final = frozenset({"certificate_held", "local_content"})


class JudgedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement as far as a draft is compared with it: what the rules said, not what officers made of it.

    `overridden` names the criteria that an officer answered otherwise than the rules.
    """

    conforms: bool
    criteria: dict[str, bool]
    evidence: JudgedEvidence | None = None
    overridden: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion that a draft answers otherwise."""

    criterion: str
    before: Answer
    after: Answer


@dataclass(frozen=True, slots=True)
class Trial:
    """A case under a draft: `conforms` None where the draft cannot be decided by what was recorded."""

    before: bool
    conforms: bool | None
    changes: tuple[Change, ...]

    @property
    def differs(self) -> bool:
        """True when the draft would lead to another judgement."""
        return self.conforms is not None and self.conforms is not self.before


class CriterionTally(msgspec.Struct, kw_only=True):
    """In how many cases a criterion is answered otherwise than before, by its answer under the draft."""

    now_met: int = 0
    now_not_met: int = 0
    not_decidable: int = 0
    no_longer_asked: int = 0
    unchanged: int = 0


class SimulationTally(msgspec.Struct, kw_only=True):
    """What a simulation has counted so far.

    `unjudged` cases were decided by an officer while no rule set was in force; they are not compared.
    """

    cases: int = 0
    unjudged: int = 0
    unchanged: int = 0
    would_conform: int = 0
    would_not_conform: int = 0
    not_decidable: int = 0
    criteria: dict[str, CriterionTally] = {}


def judged_case(judgement: RecordedJudgement) -> JudgedCase:
    """The judgement as far as a draft is compared with it."""
    conforms, by_rules = judgement.conforms, judgement.rules_conform
    return JudgedCase(
        conforms=conforms if by_rules is None else by_rules,
        criteria={outcome.criterion: _by_rules(outcome) for outcome in judgement.criteria},
        evidence=judgement.evidence,
        overridden=overridden_in(judgement),
    )


def _by_rules(outcome: CriterionOutcome) -> bool:
    return outcome.passed if outcome.checked is None else outcome.checked.rule_passed


def try_draft(judged: JudgedCase, draft: RuleSet) -> Trial:
    """Judge one decided case by a draft."""
    answers = _answers(judged.evidence, draft)
    changes = []
    for name in (*answers, *(name for name in judged.criteria if name not in answers)):
        before: Answer = _ANSWERS[judged.criteria[name]] if name in judged.criteria else "not_asked"
        after: Answer = _ANSWERS[answers[name]] if name in answers else "not_asked"
        if before != after:
            changes.append(Change(criterion=name, before=before, after=after))
    return Trial(judged.conforms, _all_or_any(answers.values(), any_of=draft.any_of), tuple(changes))


def count(tally: SimulationTally, judged: JudgedCase, trial: Trial, draft: RuleSet) -> None:
    """Add one case to the tally."""
    tally.cases += 1
    if trial.conforms is None:
        tally.not_decidable += 1
    elif not trial.differs:
        tally.unchanged += 1
    elif trial.conforms:
        tally.would_conform += 1
    else:
        tally.would_not_conform += 1
    changed = {change.criterion: change for change in trial.changes}
    for name in dict.fromkeys((*(rule.name for rule in draft.criteria), *judged.criteria)):
        _count_criterion(tally.criteria.setdefault(name, CriterionTally()), changed.get(name))


def _count_criterion(tally: CriterionTally, change: Change | None) -> None:
    if change is None:
        tally.unchanged += 1
    elif change.after == "met":
        tally.now_met += 1
    elif change.after == "not_met":
        tally.now_not_met += 1
    elif change.after == "not_decidable":
        tally.not_decidable += 1
    else:
        tally.no_longer_asked += 1


def _answers(evidence: JudgedEvidence | None, draft: RuleSet) -> dict[str, bool | None]:
    if evidence is None:
        return dict.fromkeys((rule.name for rule in draft.criteria), None)
    remade = remake_evidence(evidence, draft.formula)
    return {rule.name: _answer(evidence, remade, rule) for rule in draft.criteria}


def _answer(recorded: JudgedEvidence, remade: Evidence, rule: CriterionRule) -> bool | None:
    """The criterion's answer, or None where the record does not say what it asks."""
    if rule.function == "documents_at_hand":
        return _documents_answer(recorded.present, recorded.damaged, recorded.absent, rule.documents)
    if rule.function in _NEVER_RECORDED or (rule.function in _OF_REPORT and recorded.formula is None):
        return None
    return CRITERIA[rule.function](remade, rule).met


@lru_cache(maxsize=10_000)
def _documents_answer(
    present: Kinds, damaged: Kinds, absent: Kinds, groups: tuple[Kinds, ...]
) -> bool | None:
    """Met when a document of each group is at hand; a group asked for in vain decides against it.

    A kind that nobody asked for and nobody named says nothing by its absence. Packages are alike, so that few
    are ever compared.
    """
    missing = [group for group in groups if set(group).isdisjoint(present)]
    asked = {*present, *damaged, *absent}
    if not missing:
        return True
    return False if any(asked.issuperset(group) for group in missing) else None


def _all_or_any(answers: Iterable[bool | None], *, any_of: bool) -> bool | None:
    found = set(answers)
    if any_of in found:  # one met decides an alternative, one not met decides a conjunction
        return any_of
    return None if None in found else not any_of


# --- is a draft looser? ------------------------------------------------------------------------------


Loosening = Literal[
    "criterion_removed",
    "minimum_lowered",
    "maximum_raised",
    "documents_fewer",
    "one_criterion_suffices",
    "formula_changed",
    "function_changed",
]
"""`formula_changed` and `function_changed` cannot be compared by reading the draft: only by its effect."""


class Looser(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a draft asks less than the rule in force, or perhaps does."""

    how: Loosening
    criterion: str | None = None
    before: str = ""
    after: str = ""


def looser_than(draft: RuleSet, in_force: RuleSet) -> tuple[Looser, ...]:
    """Where a draft is more favourable than the rule in force.

    Art. 51-7(4) forbids more favourable production conditions than before for goods; for software the texts
    do not say, so a draft is flagged and not refused.
    """
    found = []
    if draft.any_of and not in_force.any_of:
        found.append(Looser(how="one_criterion_suffices", before="all", after="any"))
    if draft.formula != in_force.formula:
        found.append(
            Looser(how="formula_changed", before=in_force.formula or "-", after=draft.formula or "-")
        )
    drafted = {rule.name: rule for rule in draft.criteria}
    for rule in in_force.criteria:
        if rule.name not in drafted:
            found.append(Looser(how="criterion_removed", criterion=rule.name))
        else:
            found += _looser_criterion(rule, drafted[rule.name])
    return tuple(found)


def _looser_criterion(old: CriterionRule, new: CriterionRule) -> list[Looser]:
    if old.function != new.function:
        return [Looser(how="function_changed", criterion=old.name, before=old.function, after=new.function)]
    found = _looser_thresholds(old.name, old.thresholds, new.thresholds)
    kept = [set(group) for group in new.documents]
    for group in old.documents:
        if not any(later <= set(group) for later in kept):
            before, after = "/".join(group), "; ".join("/".join(sorted(later)) for later in kept)
            found.append(Looser(how="documents_fewer", criterion=old.name, before=before, after=after or "-"))
    return found


def _looser_thresholds(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[Looser]:
    found = []
    if "minimum" in old and Fraction(new["minimum"]) < Fraction(old["minimum"]):
        found.append(
            Looser(how="minimum_lowered", criterion=name, before=old["minimum"], after=new["minimum"])
        )
    if "maximum" in old and Fraction(new["maximum"]) > Fraction(old["maximum"]):
        found.append(
            Looser(how="maximum_raised", criterion=name, before=old["maximum"], after=new["maximum"])
        )
    return found
