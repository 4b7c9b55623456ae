"""A draft is tried on what judgements recorded: exactly, never guessing, flagged where it is looser."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.verification.contract.events import RecordedJudgement
from services.verification.domain.criteria import Evidence, Listing
from services.verification.domain.judgement import judge
from services.verification.domain.localisation import FORMULAS, Formula, ReportYears, examine
from services.verification.domain.rule_sets import DatedRuleSet, RuleSet
from services.verification.domain.simulation import (
    JudgedCase,
    SimulationTally,
    count,
    judged_case,
    looser_than,
    try_draft,
)
from tests.verification.domain.test_judgement import LISTED, WHOLE, evidence
from tests.verification.domain.test_localisation import FORMULA, line, report
from tests.verification.drafts import content, dated, read, with_threshold

DAY = date(2026, 3, 2)
IN_FORCE = dated()
PAYEES = (
    "kazakhstani_legal_entity",
    "kazakhstani_individual",
    "foreign_legal_entity",
    "foreign_individual",
    "kazakhstani_foreign_controlled",
)
KINDS = ("royalty", "licence", "development", "modification", "adaptation", "other")


def judged(found: Evidence, rules: DatedRuleSet = IN_FORCE) -> JudgedCase:
    return judged_case(stored(judge(found, rules, DAY)))


def stored(judgement: RecordedJudgement) -> RecordedJudgement:
    """As it comes back from the journal."""
    return msgspec.json.decode(msgspec.json.encode(judgement), type=RecordedJudgement)


amounts = st.decimals("0", "60000000", places=2).map(str)
lines = st.lists(st.builds(line, st.sampled_from(PAYEES), st.sampled_from(KINDS), amounts), max_size=6)
documents = st.dictionaries(st.sampled_from(sorted(WHOLE)), st.booleans())


@st.composite
def any_evidence(draw: st.DrawFn) -> Evidence:
    """Reports that are good, poor, wrong, unreadable or not there; documents and a listing, or none."""
    declared: dict[str, Any] = {}
    if draw(st.booleans()):
        share = draw(st.sampled_from(["80", "79.999", "100.00", "x" * 300, "-"]))
        declared = {"declared": {"localisation_share": share, "foreign_share_of_expenses": "20"}}
    document = report(
        lines=draw(lines),
        totals={
            "development_payments": draw(st.sampled_from(["100000000", "0", "1.5", "x"])),
            "all_expenses": draw(st.sampled_from(["500000000", "100000000", "0"])),
        },
        **declared,
    )
    raw = draw(st.sampled_from([json.dumps(document).encode(), b"{", None]))
    year = draw(st.sampled_from([2025, 2024]))
    examined = examine(raw, years=ReportYears(year, year), formula=FORMULA) if raw is not None else None
    listing = draw(st.sampled_from([LISTED, None]))
    return Evidence(documents=draw(documents), report=examined, listing=listing)


@given(any_evidence())
def test_the_rule_set_in_force_gives_no_difference(found: Evidence) -> None:
    case = judged(found)
    trial = try_draft(case, IN_FORCE.rules)
    assert (trial.differs, trial.changes, trial.conforms) == (False, (), case.conforms)


@given(any_evidence(), st.decimals("0", "100", places=3), st.decimals("0", "100", places=3))
def test_a_draft_gives_what_judging_the_documents_again_would_give(
    found: Evidence, minimum: Decimal, maximum: Decimal
) -> None:
    document = with_threshold("localisation_share", "minimum", f"{minimum:f}")
    (foreign,) = [one for one in document["criteria"] if one["name"] == "foreign_payments"]
    foreign["thresholds"] = {"maximum": f"{maximum:f}"}
    draft = read(document)
    assert try_draft(judged(found), draft.rules).conforms is judge(found, draft, DAY).conforms


@given(any_evidence(), st.decimals("0", "100", places=3), st.decimals("0", "100", places=3))
def test_a_stricter_draft_never_turns_a_fail_into_a_pass(
    found: Evidence, one: Decimal, other: Decimal
) -> None:
    low, high = sorted((one, other))
    loose = read(with_threshold("localisation_share", "minimum", f"{low:f}"))
    strict = read(with_threshold("localisation_share", "minimum", f"{high:f}"))
    case = judged(found)
    if try_draft(case, strict.rules).conforms:
        assert try_draft(case, loose.rules).conforms


@pytest.mark.parametrize(
    ("minimum", "foreign", "conforms"),
    [
        ("80", "20000000", True),
        ("80", "20001000", False),
        ("79.999", "20001000", True),
        ("79.999", "20001000.01", False),
        ("80.001", "20000000", False),
    ],
)
def test_a_drafts_threshold_is_exact(minimum: str, foreign: str, conforms: bool) -> None:
    draft = read(with_threshold("localisation_share", "minimum", minimum))
    assert try_draft(judged(evidence(foreign)), draft.rules).conforms is conforms


@pytest.mark.parametrize(
    ("maximum", "foreign", "conforms"),
    [("20", "20000000", True), ("20", "20001000", False), ("20.001", "20001000", True)],
)
def test_a_drafts_maximum_is_exact(maximum: str, foreign: str, conforms: bool) -> None:
    document = with_threshold("foreign_payments", "maximum", maximum)
    document["criteria"] = [one for one in document["criteria"] if one["name"] != "localisation_share"]
    found = evidence(foreign, expenses="100000000")
    assert try_draft(judged(found), read(document).rules).conforms is conforms


def test_another_formula_is_applied_to_the_recorded_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    def licences_only(found: Any, amounts: Any) -> tuple[Decimal, Decimal]:
        licences = sum(
            (amount for one, amount in zip(found.lines, amounts, strict=True) if one.kind == "licence"),
            Decimal(0),
        )
        return licences, licences

    formula: Formula = licences_only
    monkeypatch.setitem(FORMULAS, "licences-only", formula)
    case = judged(evidence("30000000"))
    assert not case.conforms
    draft = msgspec.structs.replace(IN_FORCE.rules, formula="licences-only")
    trial = try_draft(case, draft)
    assert trial.conforms
    assert [change.criterion for change in trial.changes] == ["localisation_share"]


def criterion(function: str, **changes: Any) -> dict[str, Any]:
    text = {"kk": "-", "ru": "-", "en": "-"}
    return {
        "name": "asked_anew",
        "function": function,
        "citation": "-",
        "met": text,
        "not_met": text,
        **changes,
    }


def adding(one: dict[str, Any]) -> RuleSet:
    return read(content(criteria=[*content()["criteria"], one])).rules


@pytest.mark.parametrize(
    "asked",
    [
        criterion("certificate_held", thresholds={"certificate": "st_kz_certificate"}),
        criterion("local_content", thresholds={"minimum": "70"}),
        criterion("documents_at_hand", documents=[["security_certificate"]]),
        criterion("documents_at_hand", documents=[["contracts"], ["security_certificate", "st_kz"]]),
    ],
)
def test_what_was_not_recorded_is_not_decidable(asked: dict[str, Any]) -> None:
    """A kind of document that nobody asked for and nobody named says nothing by its absence."""
    trial = try_draft(judged(evidence()), adding(asked))
    assert (trial.conforms, trial.differs) == (None, False)
    assert [(change.criterion, change.after) for change in trial.changes] == [("asked_anew", "not_decidable")]


def test_a_case_that_fails_for_certain_is_decided_whatever_else_is_asked() -> None:
    asked = criterion("certificate_held", thresholds={"certificate": "st_kz_certificate"})
    assert try_draft(judged(evidence("30000000")), adding(asked)).conforms is False


def test_a_judgement_that_recorded_no_evidence_is_not_decidable() -> None:
    bare = JudgedCase(conforms=True, criteria={"localisation_share": True})
    assert try_draft(bare, IN_FORCE.rules).conforms is None


def test_rules_without_a_formula_recorded_no_report() -> None:
    listed = [one for one in content()["criteria"] if one["function"] == "trusted_listing"]
    short = read(content(criteria=listed, formula=None))
    case = judged(Evidence(documents={}, listing=Listing("ДПО-1", "2025-05-05")), short)
    assert case.conforms
    assert try_draft(case, IN_FORCE.rules).conforms is None


def test_the_tally_counts_decisions_and_criteria() -> None:
    tally = SimulationTally()
    draft = read(with_threshold("localisation_share", "minimum", "90")).rules
    for foreign in ("5000000", "15000000", "30000000"):
        case = judged(evidence(foreign))
        count(tally, case, try_draft(case, draft), draft)
    assert (tally.cases, tally.unchanged, tally.would_not_conform, tally.would_conform) == (3, 2, 1, 0)
    share = tally.criteria["localisation_share"]
    assert (share.now_not_met, share.unchanged, share.now_met) == (1, 2, 0)


def without(name: str) -> dict[str, Any]:
    return content(criteria=[one for one in content()["criteria"] if one["name"] != name])


def rights(*groups: list[str]) -> dict[str, Any]:
    document = content()
    (one,) = [one for one in document["criteria"] if one["name"] == "exclusive_rights"]
    one["documents"] = list(groups)
    return document


@pytest.mark.parametrize(
    ("draft", "how"),
    [
        (content(), []),
        (with_threshold("localisation_share", "minimum", "79.999"), ["minimum_lowered"]),
        (with_threshold("localisation_share", "minimum", "80.001"), []),
        (with_threshold("foreign_payments", "maximum", "20.001"), ["maximum_raised"]),
        (with_threshold("foreign_payments", "maximum", "19.999"), []),
        (without("contracts"), ["criterion_removed"]),
        (content(any_of=True), ["one_criterion_suffices"]),
        (rights(["copyright_certificate"]), []),
        (rights([*content()["criteria"][3]["documents"][0], "oath"]), ["documents_fewer"]),
    ],
)
def test_a_draft_looser_than_the_rule_in_force_is_flagged(draft: dict[str, Any], how: list[str]) -> None:
    """Law 86-VII art. 51-7(4) forbids it for goods."""
    assert [one.how for one in looser_than(read(draft).rules, IN_FORCE.rules)] == how
