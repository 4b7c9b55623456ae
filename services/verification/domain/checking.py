"""A judgement as officers checked it, criterion by criterion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from services.kernel.errors import Invalid
from services.verification.contract.events import (
    CaseConcluded,
    CriterionCheck,
    CriterionOutcome,
    RecordedJudgement,
)
from services.verification.contract.officers_work import CriterionChecked
from services.verification.domain.judgement import reason_of


@dataclass(frozen=True, slots=True)
class Check:
    """A recorded check and the officer who made it (by opaque id)."""

    content: CriterionChecked
    by: str

    def stands_on(self, by_rules: RecordedJudgement, outcome: CriterionOutcome) -> bool:
        """True while the rule still says what the officer saw; a check of anything else has lapsed."""
        return (self.content.digest, self.content.rule_said) == (by_rules.digest, outcome)


def outcome_of(by_rules: RecordedJudgement, criterion: str) -> CriterionOutcome:
    """What the rules say of one criterion. Raises `Invalid` (`criterion_unknown`)."""
    for outcome in by_rules.criteria:
        if outcome.criterion == criterion:
            return outcome
    allowed = ", ".join(outcome.criterion for outcome in by_rules.criteria)
    raise Invalid("criterion_unknown", pointer="/criterion", criterion=criterion, allowed=allowed)


def overridden_in(judgement: RecordedJudgement) -> tuple[str, ...]:
    """The criteria that an officer answered otherwise than the rules."""
    return tuple(
        outcome.criterion
        for outcome in judgement.criteria
        if outcome.checked is not None and outcome.checked.verdict == "overridden"
    )


def departs_from_rules(conclusion: CaseConcluded) -> bool:
    """True where an officer decided otherwise than the judgement, or overrode a criterion of it."""
    judgement = conclusion.judgement
    return conclusion.departs_from_judgement or (judgement is not None and bool(overridden_in(judgement)))


def as_checked(
    by_rules: RecordedJudgement, checks: Mapping[str, Check], *, any_of: bool
) -> RecordedJudgement:
    """The judgement with the checks that stand; `any_of` as the rule set says how its criteria combine."""
    outcomes = tuple(_with_check(by_rules, outcome, checks) for outcome in by_rules.criteria)
    if outcomes == by_rules.criteria:
        return by_rules
    passed = [outcome.passed for outcome in outcomes]
    conforms = any(passed) if any_of else all(passed)
    reason = reason_of(outcomes, conforms=conforms)
    return msgspec.structs.replace(
        by_rules, criteria=outcomes, conforms=conforms, reason=reason, rules_conform=by_rules.conforms
    )


def _with_check(
    by_rules: RecordedJudgement, outcome: CriterionOutcome, checks: Mapping[str, Check]
) -> CriterionOutcome:
    check = checks.get(outcome.criterion)
    if check is None or not check.stands_on(by_rules, outcome):
        return outcome
    content = check.content
    overridden = content.verdict == "overridden" and content.reasons is not None
    made = CriterionCheck(
        verdict=content.verdict,
        officer=check.by,
        rule_passed=outcome.passed,
        rule_reason=outcome.reason,
        reasons=None if overridden else content.reasons,
    )
    if not overridden or content.reasons is None:
        return msgspec.structs.replace(outcome, checked=made)
    return msgspec.structs.replace(outcome, passed=not outcome.passed, reason=content.reasons, checked=made)
