"""Judging: every criterion of the rule set in force, with inputs and reasons in kk, ru and en."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from services.kernel.contract import OfficialText
from services.verification.contract.events import CriterionOutcome, RecordedJudgement
from services.verification.domain.criteria import CRITERIA, KNOWN, Evidence
from services.verification.domain.judged_evidence import record_evidence
from services.verification.domain.rule_sets import (
    RULE_SETS,
    CriterionRule,
    DatedRuleSet,
    RuleBook,
    RuleText,
    read_rule_book,
)

_MAX_INPUT = 1_000


@lru_cache(maxsize=1)
def rule_book() -> RuleBook:
    """The rule sets that ship with this version. Raises `RuleSetRefused`."""
    return read_rule_book(RULE_SETS, KNOWN)


def judge(
    evidence: Evidence, rule_set: DatedRuleSet, legal_date: date, authority: OfficialText | None = None
) -> RecordedJudgement:
    """Judge the evidence by one rule set; the same inputs give the same bytes, years later too.

    `authority` is what the authority is called when it judges.
    """
    rules = rule_set.rules
    outcomes = tuple(_outcome(evidence, rule) for rule in rules.criteria)
    passed = [outcome.passed for outcome in outcomes]
    conforms = any(passed) if rules.any_of else all(passed)
    return RecordedJudgement(
        rule_set=rules.id,
        version=rules.version,
        digest=rule_set.digest,
        legal_date=legal_date.isoformat(),
        conforms=conforms,
        criteria=outcomes,
        reason=reason_of(outcomes, conforms=conforms),
        evidence=record_evidence(evidence, rules),
        authority=authority,
    )


def _outcome(evidence: Evidence, rule: CriterionRule) -> CriterionOutcome:
    judged = CRITERIA[rule.function](evidence, rule)
    inputs = {name: value[:_MAX_INPUT] for name, value in judged.inputs.items()}
    text = rule.met if judged.met else rule.not_met
    return CriterionOutcome(
        criterion=rule.name,
        passed=judged.met,
        inputs=inputs,
        reason=_with(_written(text, inputs), judged.remark),
        citation=rule.citation,
    )


def _with(reason: OfficialText, remark: OfficialText | None) -> OfficialText:
    if remark is None:
        return reason
    return OfficialText(
        kk=f"{reason.kk} {remark.kk}",
        ru=f"{reason.ru} {remark.ru}",
        en=f"{reason.en or ''} {remark.en or ''}",
    )


def reason_of(outcomes: tuple[CriterionOutcome, ...], *, conforms: bool) -> OfficialText:
    """The reasons that carried the result: of the criteria not met, or of all when all were met."""
    telling = [outcome.reason for outcome in outcomes if conforms or not outcome.passed]
    return OfficialText(
        kk=" ".join(reason.kk for reason in telling),
        ru=" ".join(reason.ru for reason in telling),
        en=" ".join(reason.en or "" for reason in telling),
    )


def _written(text: RuleText, inputs: Mapping[str, str]) -> OfficialText:
    with_comma = {name: _decimal_comma(value) for name, value in inputs.items()}
    return OfficialText(
        kk=text.kk.format_map(with_comma),
        ru=text.ru.format_map(with_comma),
        en=text.en.format_map(inputs),
    )


def _decimal_comma(value: str) -> str:
    """Figures as Kazakh and Russian write them; anything that is no plain number stays as it is."""
    whole, point, places = value.partition(".")
    return f"{whole},{places}" if point and (whole + places).isdigit() else value
