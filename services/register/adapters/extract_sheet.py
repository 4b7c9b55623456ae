"""An extract as the texts of its sheet (order 327 Appendix 2), in Kazakh or Russian.

Every form in which extracts were ever issued stays here under its version, layout and words, so that an
extract is typeset years later as it was. Days are written by the words of the form, not by a library's data.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.kernel.calendar import ALMATY
from services.register.domain.extract import ExtractContent, ExtractFile, ExtractProduct, canonical

SheetLanguage = Literal["kk", "ru"]
_FOLDER: Final = Path(__file__).parent
FORMS: Final[Mapping[str, Path]] = {"order-327-appendix-2.1": _FOLDER / "extract_form_1.typ"}
"""The layout of each form; its words stand beside it."""
_WORDS: Final = {
    form: msgspec.json.decode(layout.with_suffix(".json").read_bytes(), type=dict[str, dict[str, str]])
    for form, layout in FORMS.items()
}
_BREAK: Final = "\u200b"
_LONGEST_WORD: Final = 24


def sheet_of(file: ExtractFile, language: SheetLanguage) -> dict[str, object]:
    """All texts of the sheet, by the names that the layout gives them."""
    content = file.content
    words = _WORDS[content.form][language]
    issued_on = _day(content.issued_on, words)
    notes = [
        words["as_of"].format(instant=_instant(content.valid_at), position=content.known_at),
        words["blank"],
    ]
    return {
        "id": content.id,
        "language": language,
        "authority": words["authority"],
        "appendix": words["appendix"],
        "title": words["title"],
        "issued": issued_on,
        "number": words["number"].format(number=file.number),
        "lines": _lines(content, words, language),
        "columns": words["columns"].split("|"),
        "rows": [_row(place, product, language) for place, product in enumerate(content.products, 1)],
        "notes": notes,
        "sealed": words["sealed"],
        "url": content.verification_url,
        "qr": _qr_code(content.verification_url),
        "qr_alt": words["qr_alt"],
        "qr_caption": words["qr_caption"],
        "footer": words["footer"].format(number=file.number, date=issued_on),
        "file": canonical(file).decode(),
        "file_description": words["file"],
    }


def _lines(content: ExtractContent, words: Mapping[str, str], language: SheetLanguage) -> list[list[str]]:
    producer = content.producer
    name = getattr(producer.name, language) if producer.name else ""
    return [
        [words["included_on"], _inclusion_days(content, words)],
        [words["name"], _wrapped(name)],
        [words["identifier"], producer.bin or producer.iin or ""],
        [words["state_registration_number"], _wrapped(producer.state_registration_number or "")],
    ]


def _inclusion_days(content: ExtractContent, words: Mapping[str, str]) -> str:
    """The one day on which all products were included, or each day with the numbers of its rows."""
    rows: dict[str, list[str]] = {}
    for place, product in enumerate(content.products, 1):
        rows.setdefault(product.included_on, []).append(str(place))
    if len(rows) == 1:
        return _day(content.products[0].included_on, words)
    return "; ".join(
        words["rows"].format(date=_day(day, words), rows=", ".join(rows[day])) for day in sorted(rows)
    )


def _row(place: int, product: ExtractProduct, language: SheetLanguage) -> list[str]:
    """The ten columns; localisation level and DVC stay blank for software."""
    return [
        str(place),
        _wrapped(getattr(product.name, language)),
        ", ".join(product.oked),
        product.tn_ved,
        product.kpved,
        product.ens_tru,
        _wrapped(product.agsk3 or "", 12),
        product.capacity_per_year,
        "",
        "",
    ]


def _day(iso: str, words: Mapping[str, str]) -> str:
    day = date.fromisoformat(iso)
    month = words["months"].split(",")[day.month - 1]
    return words["date"].format(year=day.year, month=month, day=day.day)


def _instant(text: str) -> str:
    """An instant in Almaty's time with its offset, to the microsecond where it has any."""
    local = datetime.fromisoformat(text).astimezone(ALMATY)
    hours = int((local.utcoffset() or local - local).total_seconds()) // 3_600
    fraction = f".{local:%f}".rstrip("0").rstrip(".")
    return f"{local:%d.%m.%Y %H:%M:%S}{fraction} UTC+{hours}"


def _wrapped(text: str, longest: int = _LONGEST_WORD) -> str:
    """The text with places at which a word that is too long for its column may break."""
    return " ".join(
        _BREAK.join(word[start : start + longest] for start in range(0, len(word), longest))
        for word in text.split(" ")
    )


def _qr_code(url: str) -> str:
    import segno

    drawn = io.BytesIO()
    segno.make(url, error="m", micro=False).save(drawn, kind="svg", xmldecl=False, border=1)
    return drawn.getvalue().decode()
