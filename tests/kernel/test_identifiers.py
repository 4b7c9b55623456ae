"""BIN and IIN by their check digits, applicants by their kind, classifier codes by their form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.identifiers import (
    Code,
    IdentifierWrong,
    check_digit,
    is_bin,
    parse_applicant,
    parse_bin,
    parse_bin_or_iin,
    parse_code,
    parse_iin,
)

DIGITS = st.text("0123456789", min_size=11, max_size=11)


def with_check_digit(first_eleven: str) -> str | None:
    digit = check_digit(first_eleven)
    return None if digit is None else f"{first_eleven}{digit}"


@pytest.mark.parametrize("number", ["181240006529", "971240001315", "151040025562"])
def test_real_bins_pass(number: str) -> None:
    assert parse_bin(number) == parse_bin_or_iin(number) == number
    assert is_bin(number)


def test_an_iin_whose_check_digit_needs_the_second_pass_passes() -> None:
    assert parse_iin("660427402182") == parse_bin_or_iin("660427402182") == "660427402182"
    assert not is_bin("660427402182")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("181240006528", "bin_check_digit"),
        ("18124000652", "bin_form"),
        ("1812400065290", "bin_form"),
        ("18124000652X", "bin_form"),
        ("١٨١٢٤٠٠٠٦٥٢٩", "bin_form"),
        ("", "bin_form"),
        ("660427402182", "bin_type"),
    ],
)
def test_a_wrong_bin_names_the_rule(number: str, code: str) -> None:
    with pytest.raises(IdentifierWrong) as wrong:
        parse_bin(number)
    assert wrong.value.code == code


@given(DIGITS, st.integers(0, 11), st.integers(1, 9))
def test_no_single_wrong_digit_passes_the_first_pass(first: str, place: int, shift: int) -> None:
    number = with_check_digit(first)
    if number is None:
        return
    digit = (int(number[place]) + shift) % 10
    wrong = number[:place] + str(digit) + number[place + 1 :]
    if check_digit(wrong[:11]) != int(wrong[11]):
        with pytest.raises(IdentifierWrong):
            parse_iin(wrong)


@given(DIGITS)
def test_a_number_is_never_issued_only_when_both_passes_give_ten(first: str) -> None:
    digits = [int(digit) for digit in first]
    passes = [
        sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 11
        for weights in (range(1, 12), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2))
    ]
    expected = passes[0] if passes[0] < 10 else passes[1] if passes[1] < 10 else None
    assert check_digit(first) == expected


def a_bin_like(start: str) -> str:
    for serial in range(100_000):
        number = with_check_digit(f"{start}{serial:05d}")
        if number is not None:
            return number
    raise AssertionError(start)


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("181250", "applicant_not_resident"),
        ("181241", "applicant_is_branch"),
        ("181242", "applicant_is_branch"),
    ],
)
def test_who_cannot_apply_is_told_why(start: str, code: str) -> None:
    """Order 327 para. 3(1): the applicant is a resident; a branch acts for its head office."""
    with pytest.raises(IdentifierWrong) as wrong:
        parse_applicant(a_bin_like(start))
    assert wrong.value.code == code


@pytest.mark.parametrize("start", ["181240", "181260"])
def test_residents_and_joint_entrepreneurs_can_apply(start: str) -> None:
    number = a_bin_like(start)
    assert parse_applicant(number) == number


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("tn_ved", "8523499900", "852349990"),
        ("oked", "62011", "62.01"),
        ("kato", "710000000", "71000000"),
        ("ens_tru", "620129.000.000001", "620129.000.00001"),
        ("kpved", "62.01.29", "62.01.2"),
        ("agsk3", "241-101-0101", "241 101"),
    ],
)
def test_classifier_codes_have_their_forms(kind: Code, right: str, wrong: str) -> None:
    assert parse_code(kind, right) == right
    for text in (wrong, "", right + "\n"):
        with pytest.raises(IdentifierWrong) as refused:
            parse_code(kind, text)
        assert refused.value.code == f"{kind}_form"
