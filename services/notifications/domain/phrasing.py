"""Dates and quarters as each language writes them in official texts.

Kazakh puts the year first and inflects the month ("2026 жылғы 2 наурызда"); Russian needs no more than the
genitive that its dates have anyway; English has one form.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from services.kernel.contract import Language

LANGUAGES: Final[tuple[Language, ...]] = ("kk", "ru", "en")
NOMINATIVE: Final = "nominative"

_DATE_PATTERNS: Final[dict[Language, str]] = {
    "kk": "y 'жылғы' d MMMM",
    "ru": "d MMMM y 'года'",
    "en": "d MMMM y",
}

# The month is the last word of a Kazakh date, so the date's ending follows its vowels and its last sound.
_BACK: Final = ("да", "ға", "дан")
_BACK_NASAL: Final = ("да", "ға", "нан")
_FRONT: Final = ("де", "ге", "ден")
_FRONT_VOICELESS: Final = ("те", "ке", "тен")
_KAZAKH_ENDINGS: Final = (
    _BACK,  # қаңтар
    _BACK_NASAL,  # ақпан
    _BACK,  # наурыз
    _FRONT,  # сәуір
    _BACK,  # мамыр
    _BACK_NASAL,  # маусым
    _FRONT,  # шілде
    _BACK,  # тамыз
    _FRONT_VOICELESS,  # қыркүйек
    _BACK_NASAL,  # қазан
    _BACK,  # қараша
    _BACK_NASAL,  # желтоқсан
)
_KAZAKH_CASES: Final = ("locative", "dative", "ablative")

DATE_FORMS: Final[dict[Language, frozenset[str]]] = {
    "kk": frozenset({NOMINATIVE, *_KAZAKH_CASES}),
    "ru": frozenset({NOMINATIVE}),
    "en": frozenset({NOMINATIVE}),
}

_QUARTER: Final = re.compile(r"(?P<year>[0-9]{4})-Q(?P<number>[1-4])")
_ROMAN: Final = ("I", "II", "III", "IV")
_ENGLISH: Final = ("first", "second", "third", "fourth")


@lru_cache(maxsize=1_000)
def date_in(language: Language, day: dt.date, form: str = NOMINATIVE) -> str:
    """The day in a language; `form` is one of `DATE_FORMS`. Raises KeyError for any other."""
    if form not in DATE_FORMS[language]:
        raise KeyError(form)
    text = format_date(day, _DATE_PATTERNS[language], locale=language)
    if form == NOMINATIVE:
        return text
    return text + _KAZAKH_ENDINGS[day.month - 1][_KAZAKH_CASES.index(form)]


def quarter_in(language: Language, quarter: str) -> str:
    """The quarter (`2026-Q1`) in a language. Raises ValueError when it is not of that form."""
    found = _QUARTER.fullmatch(quarter)
    if found is None:
        raise ValueError(quarter)
    year, number = found["year"], int(found["number"]) - 1
    if language == "kk":
        return f"{year} жылғы {_ROMAN[number]} тоқсан"
    if language == "ru":
        return f"{_ROMAN[number]} квартал {year} года"
    return f"the {_ENGLISH[number]} quarter of {year}"


def plural_categories(language: Language) -> frozenset[str]:
    """The plural categories by which a language tells numbers apart (CLDR), `other` always among them."""
    return frozenset({*Locale.parse(language).plural_form.tags, "other"})


def counted(language: Language, count: int, phrases: Mapping[str, str]) -> str:
    """The phrase of a count's plural category, with the number as the language writes it for `{n}`."""
    phrase = phrases[Locale.parse(language).plural_form(count)]
    return phrase.replace("{n}", format_decimal(count, locale=language))
