"""Dates and quarters in official Kazakh, Russian and English."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.contract import Language
from services.notifications.domain.phrasing import DATE_FORMS, LANGUAGES, date_in, quarter_in


@pytest.mark.parametrize(
    ("language", "written"),
    [("kk", "2026 жылғы 2 наурыз"), ("ru", "2 марта 2026 года"), ("en", "2 March 2026")],
)
def test_a_date_is_written_in_each_languages_manner(language: Language, written: str) -> None:
    assert date_in(language, dt.date(2026, 3, 2)) == written


@pytest.mark.parametrize(
    ("month", "locative", "dative", "ablative"),
    [
        (1, "қаңтарда", "қаңтарға", "қаңтардан"),
        (2, "ақпанда", "ақпанға", "ақпаннан"),
        (3, "наурызда", "наурызға", "наурыздан"),
        (4, "сәуірде", "сәуірге", "сәуірден"),
        (5, "мамырда", "мамырға", "мамырдан"),
        (6, "маусымда", "маусымға", "маусымнан"),
        (7, "шілдеде", "шілдеге", "шілдеден"),
        (8, "тамызда", "тамызға", "тамыздан"),
        (9, "қыркүйекте", "қыркүйекке", "қыркүйектен"),
        (10, "қазанда", "қазанға", "қазаннан"),
        (11, "қарашада", "қарашаға", "қарашадан"),
        (12, "желтоқсанда", "желтоқсанға", "желтоқсаннан"),
    ],
)
def test_kazakh_months_take_the_endings_of_their_vowels_and_last_sound(
    month: int, locative: str, dative: str, ablative: str
) -> None:
    day = dt.date(2026, month, 5)
    assert date_in("kk", day, "locative") == f"2026 жылғы 5 {locative}"
    assert date_in("kk", day, "dative") == f"2026 жылғы 5 {dative}"
    assert date_in("kk", day, "ablative") == f"2026 жылғы 5 {ablative}"


@pytest.mark.parametrize("language", LANGUAGES)
@given(day=st.dates(dt.date(1990, 1, 1), dt.date(2200, 1, 1)))
def test_a_date_always_shows_its_day_and_its_year_once(language: Language, day: dt.date) -> None:
    for form in DATE_FORMS[language]:
        numbers = [int(word) for word in date_in(language, day, form).split() if word.isdigit()]
        assert sorted(numbers) == sorted([day.day, day.year])


def test_a_form_that_a_language_does_not_have_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        date_in("ru", dt.date(2026, 3, 2), "locative")


def test_a_quarter_is_written_in_each_languages_manner() -> None:
    written = [quarter_in(language, "2026-Q3") for language in LANGUAGES]
    assert written == ["2026 жылғы III тоқсан", "III квартал 2026 года", "the third quarter of 2026"]


@pytest.mark.parametrize("quarter", ["2026-Q5", "2026-Q0", "2026Q1", "26-Q1", "", "2026-Q1\n"])
def test_what_is_no_quarter_is_refused(quarter: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        quarter_in("kk", quarter)
