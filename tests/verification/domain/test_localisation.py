"""The localisation report is recomputed exactly; whatever is wrong with it is a named finding."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.verification.domain.localisation import Examined, ReportYears, examine, shown

FORMULA = "payments-by-line-2026"
YEARS = ReportYears(2025, 2025)


def report(**changes: Any) -> dict[str, Any]:
    """A report of 2025: 10 million went abroad, of 100 for development and 200 of all expenses."""
    return {
        "reporting_year": 2025,
        "lines": [
            line("kazakhstani_legal_entity", "development", "90000000.00"),
            line("foreign_legal_entity", "licence", "10000000.00"),
        ],
        "totals": {"development_payments": "100000000.00", "all_expenses": "200000000.00"},
        **changes,
    }


def line(payee_kind: str, kind: str, amount: str) -> dict[str, str]:
    return {"contract": "1", "payee": "P", "payee_kind": payee_kind, "kind": kind, "amount": amount}


def examined(document: Any) -> Examined:
    return examine(json.dumps(document).encode(), years=YEARS, formula=FORMULA)


def codes(document: Any) -> list[str]:
    return [finding.code for finding in examined(document).findings]


def test_shares_are_computed_from_the_lines() -> None:
    result = examined(report())
    assert result.findings == ()
    assert result.shares is not None
    assert [result.shares.localisation, result.shares.foreign] == [Fraction(90), Fraction(5)]
    assert result.shares.local_of_development.part == "90000000.00"


@pytest.mark.parametrize(
    "payee_kind", ["foreign_legal_entity", "foreign_individual", "kazakhstani_foreign_controlled"]
)
def test_three_kinds_of_payees_are_foreign(payee_kind: str) -> None:
    result = examined(report(lines=[line(payee_kind, "royalty", "20000000.00")]))
    assert result.shares is not None
    assert [result.shares.localisation, result.shares.foreign] == [Fraction(80), Fraction(10)]


def test_other_foreign_payments_count_only_against_all_expenses() -> None:
    result = examined(report(lines=[line("foreign_individual", "other", "40000000")]))
    assert result.shares is not None
    assert [result.shares.localisation, result.shares.foreign] == [Fraction(100), Fraction(20)]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"reporting_year": 2024}, "report_year_wrong", "/reporting_year"),
        ({"reporting_year": 2026}, "report_year_wrong", "/reporting_year"),
        (
            {"totals": {"development_payments": "0", "all_expenses": "200000000"}},
            "report_total_zero",
            "/totals/development_payments",
        ),
        (
            {"totals": {"development_payments": "99999999.99", "all_expenses": "200000000"}},
            "report_total_below_lines",
            "/totals/development_payments",
        ),
        (
            {"totals": {"development_payments": "100000000", "all_expenses": "99999999.99"}},
            "report_total_below_lines",
            "/totals/all_expenses",
        ),
        (
            {"lines": [line("foreign_individual", "licence", "-1")]},
            "report_amount_negative",
            "/lines/0/amount",
        ),
        (
            {"lines": [line("foreign_individual", "licence", "1,000,5")]},
            "report_amount_form",
            "/lines/0/amount",
        ),
        (
            {"lines": [line("foreign_individual", "licence", "1.005")]},
            "report_amount_form",
            "/lines/0/amount",
        ),
        (
            {"lines": [line("foreign_individual", "licence", "1e400")]},
            "report_amount_form",
            "/lines/0/amount",
        ),
        (
            {"lines": [line("foreign_individual", "licence", "NaN")]},
            "report_amount_form",
            "/lines/0/amount",
        ),
        (
            {"lines": [line("foreign_individual", "licence", "9" * 400)]},
            "report_amount_form",
            "/lines/0/amount",
        ),
        (
            {"totals": {"development_payments": "-1", "all_expenses": "200000000"}},
            "report_amount_negative",
            "/totals/development_payments",
        ),
        ({"lines": [line("martian", "licence", "1")]}, "report_line_unreadable", "/lines/0"),
        (
            {"lines": [line("foreign_individual", "gift", "1")]},
            "report_line_unreadable",
            "/lines/0",
        ),
        ({"surplus": 1}, "report_unreadable", ""),
        (
            {"declared": {"localisation_share": "91", "foreign_share_of_expenses": "5"}},
            "report_figures_disagree",
            "/declared/localisation_share",
        ),
    ],
)
def test_each_fault_is_a_named_finding_at_its_place(change: dict[str, Any], code: str, pointer: str) -> None:
    found = [(finding.code, finding.pointer) for finding in examined(report(**change)).findings]
    assert (code, pointer) in found


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"'])
def test_what_is_no_report_is_a_finding_not_a_crash(content: bytes) -> None:
    result = examine(content, years=YEARS, formula=FORMULA)
    assert [finding.code for finding in result.findings] == ["report_unreadable"]
    assert result.shares is None


def test_declared_figures_may_be_rounded_as_far_as_they_are_written() -> None:
    thirds = [
        line("foreign_legal_entity", "licence", "33333333.33"),
        line("kazakhstani_legal_entity", "development", "1"),
    ]
    declared = {"localisation_share": "66.67", "foreign_share_of_expenses": "16.7"}
    assert codes(report(lines=thirds, declared=declared)) == []
    off = {"localisation_share": "66.66", "foreign_share_of_expenses": "16.7"}
    assert codes(report(lines=thirds, declared=off)) == ["report_figures_disagree"]


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_findings_never_a_crash(content: bytes) -> None:
    assert examine(content, years=YEARS, formula=FORMULA).shares is None


@given(st.fractions(min_value=0, max_value=200))
def test_a_shown_share_never_hides_on_which_side_of_the_threshold_it_is(share: Fraction) -> None:
    text = shown(share, Fraction(80))
    as_read = Fraction(text)
    if abs(share - 80) > Fraction(1, 10**11):
        assert (as_read > 80) == (share > 80)
        assert (as_read < 80) == (share < 80)


def test_a_share_just_below_is_shown_with_as_many_places_as_it_takes() -> None:
    assert shown(Fraction("79.999"), Fraction(80)) == "79.999"
    assert shown(Fraction("79.99"), Fraction(80)) == "79.99"
    assert shown(Fraction(80), Fraction(80)) == "80.00"
