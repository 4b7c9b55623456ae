"""Cases are judged by the rule set in force on their legal date, exactly at its thresholds."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.verification.contract.events import RecordedJudgement
from services.verification.domain.criteria import KNOWN, Evidence, Listing
from services.verification.domain.judgement import judge, rule_book
from services.verification.domain.localisation import examine
from services.verification.domain.rule_sets import (
    RULE_SETS,
    RuleBook,
    RuleSetRefused,
    read_rule_book,
    read_rule_set,
)
from tests.verification.domain.test_localisation import FORMULA, YEARS, line, report

DAY = date(2026, 3, 2)
WHOLE = {
    "localisation_report": True,
    "contracts": True,
    "development_order": True,
    "terms_of_reference": True,
    "commissioning_order": True,
    "copyright_certificate": True,
    "developers_list": True,
}
LISTED = Listing(reference="ДПО-17", listed_on="2025-05-05")


def evidence(foreign: str = "10000000", **changes: Any) -> Evidence:
    document = report(
        lines=[line("foreign_legal_entity", "development", foreign)],
        totals={"development_payments": "100000000", "all_expenses": changes.pop("expenses", "500000000")},
    )
    examined = examine(json.dumps(document).encode(), years=YEARS, formula=FORMULA)
    given_: dict[str, Any] = {"documents": WHOLE, "report": examined, "listing": LISTED, **changes}
    return Evidence(**given_)


def judged(found: Evidence, day: date = DAY) -> RecordedJudgement:
    rules = rule_book().in_force("confirmation", day)
    assert rules is not None
    return judge(found, rules, day)


def failed(found: Evidence) -> list[str]:
    return [outcome.criterion for outcome in judged(found).criteria if not outcome.passed]


def test_a_whole_package_with_a_high_share_conforms() -> None:
    assert judged(evidence()).conforms
    assert failed(evidence()) == []


@pytest.mark.parametrize(
    ("foreign", "met"),
    [("20000000", True), ("20000000.01", False), ("20001000", False), ("19999999.99", True)],
)
def test_a_localisation_share_of_exactly_eighty_passes_and_anything_less_does_not(
    foreign: str, met: bool
) -> None:
    """Order of 28.11.2025: exactly 80 passes, 79.999 does not."""
    assert ("localisation_share" not in failed(evidence(foreign))) is met


@pytest.mark.parametrize(("foreign", "met"), [("20000000", True), ("20001000", False)])
def test_foreign_payments_of_exactly_twenty_pass_and_anything_more_does_not(foreign: str, met: bool) -> None:
    """Order of 28.11.2025: exactly 20 passes, 20.001 does not."""
    found = evidence(foreign, expenses="100000000")
    assert ("foreign_payments" not in failed(found)) is met


@pytest.mark.parametrize(
    ("kind", "criterion"),
    [
        ("contracts", "contracts"),
        ("development_order", "proof_of_production"),
        ("terms_of_reference", "proof_of_production"),
        ("commissioning_order", "proof_of_production"),
        ("copyright_certificate", "exclusive_rights"),
        ("developers_list", "list_of_developers"),
    ],
)
def test_a_document_named_but_not_at_hand_fails_its_criterion(kind: str, criterion: str) -> None:
    assert failed(evidence(documents={**WHOLE, kind: False})) == [criterion]


@pytest.mark.parametrize(
    "proof", ["copyright_certificate", "employment_agreement", "rights_alienation_agreement"]
)
def test_any_one_proof_of_exclusive_rights_suffices(proof: str) -> None:
    documents = {kind: here for kind, here in WHOLE.items() if kind != "copyright_certificate"}
    assert failed(evidence(documents={**documents, proof: True})) == []


def test_without_a_listing_the_product_does_not_conform() -> None:
    """Law art. 51-2(1): the trusted register is a condition of its own."""
    assert failed(evidence(listing=None)) == ["trusted_software_register"]


def test_without_the_report_nothing_about_shares_can_be_shown() -> None:
    assert failed(evidence(report=None)) == ["localisation_report", "localisation_share", "foreign_payments"]


def test_a_share_just_below_the_threshold_is_shown_as_such_in_each_language() -> None:
    outcome = judged(evidence("20001000")).criteria[1]
    assert outcome.inputs["share"] == "79.999"
    assert "79,999 %" in outcome.reason.kk
    assert "79,999 %" in outcome.reason.ru
    assert "79.999 %" in (outcome.reason.en or "")


def test_the_judgement_names_the_rule_set_its_version_and_digest() -> None:
    result = judged(evidence())
    assert (result.rule_set, result.version, len(result.digest)) == ("software-confirmation-2026", "1", 64)


def test_judging_again_gives_the_same_bytes() -> None:
    assert msgspec.json.encode(judged(evidence())) == msgspec.json.encode(judged(evidence()))


@given(st.decimals("0", "100000000", places=2), st.decimals("0", "100000000", places=2))
def test_a_better_report_never_turns_a_pass_into_a_fail(one: Decimal, other: Decimal) -> None:
    better, worse = sorted((one, other))
    if judged(evidence(str(worse))).conforms:
        assert judged(evidence(str(better))).conforms


@pytest.mark.parametrize(
    ("kind", "day", "rule_set"),
    [
        ("confirmation", date(2025, 12, 31), None),
        ("confirmation", date(2026, 1, 1), "software-confirmation-2026"),
        ("own_production", date(2019, 4, 26), None),
        ("own_production", date(2025, 12, 31), "own-production-2019"),
        ("own_production", date(2026, 1, 1), None),
        ("trusted_software", date(2018, 4, 22), None),
        ("trusted_software", date(2026, 6, 1), "trusted-software-2018"),
    ],
)
def test_outside_every_period_no_rule_set_is_in_force(kind: Any, day: date, rule_set: str | None) -> None:
    found = rule_book().in_force(kind, day)
    assert (found.rules.id if found else None) == rule_set


def test_either_certificate_suffices_for_own_production() -> None:
    """Order 37/RD: ST-KZ certificate or industrial certificate."""
    rules = rule_book().in_force("own_production", date(2020, 1, 1))
    assert rules is not None
    for held, conforms in (({"st_kz_certificate"}, True), ({"industrial_certificate"}, True), (set(), False)):
        found = Evidence(documents={}, certificates=frozenset(held))
        assert judge(found, rules, date(2020, 1, 1)).conforms is conforms


@pytest.mark.parametrize(
    ("share", "rights", "unmet"),
    [
        ("70", "copyright_certificate", []),
        ("69.999", "copyright_certificate", ["local_content"]),
        ("100", "rights_alienation_agreement", []),
        ("70", None, ["exclusive_rights"]),
    ],
)
def test_trusted_software_needs_exclusive_rights_and_seventy_per_cent_of_local_content(
    share: str, rights: str | None, unmet: list[str]
) -> None:
    """Order 53/НҚ: exactly 70 passes, 69.999 does not."""
    rules = rule_book().in_force("trusted_software", date(2020, 1, 1))
    assert rules is not None
    found = Evidence(documents={rights: True} if rights else {}, facts={"local_content": share})
    outcomes = judge(found, rules, date(2020, 1, 1)).criteria
    assert [outcome.criterion for outcome in outcomes if not outcome.passed] == unmet


def rule_file(**changes: Any) -> bytes:
    document = json.loads((RULE_SETS / "software-confirmation-2026.json").read_text())
    return json.dumps({**document, **changes}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "truncated"),
        (rule_file(surprise=1), "unknown field"),
        (rule_file(formula="astrology"), "unknown formula"),
        (rule_file(criteria=[]), "length >= 1"),
        (rule_file(in_force_to="2020-01-01"), "ends before it begins"),
    ],
)
def test_a_wrong_rule_file_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(RuleSetRefused, match=reason):
        read_rule_set(content, KNOWN)


def test_an_unknown_criterion_is_refused() -> None:
    document = json.loads(rule_file())
    document["criteria"][0]["function"] = "horoscope"
    with pytest.raises(RuleSetRefused, match="horoscope"):
        read_rule_set(json.dumps(document).encode(), KNOWN)


def test_two_rule_sets_of_a_kind_in_force_on_the_same_day_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(rule_file())
    (tmp_path / "b.json").write_bytes(rule_file(id="another", in_force_from="2026-06-01"))
    with pytest.raises(RuleSetRefused, match="same days"):
        read_rule_book(tmp_path, KNOWN)


def test_a_successor_from_the_day_after_is_taken() -> None:
    first = read_rule_set(rule_file(in_force_to="2026-05-31"), KNOWN)
    second = read_rule_set(rule_file(id="next", in_force_from="2026-06-01"), KNOWN)
    book = RuleBook([second, first])
    assert book.in_force("confirmation", date(2026, 5, 31)) == first
    assert book.in_force("confirmation", date(2026, 6, 1)) == second
