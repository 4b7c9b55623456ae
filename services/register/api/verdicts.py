"""How a verdict on an extract is shown: in JSON with every language, and as a page in one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import msgspec
from pydantic import Field

from services.kernel.http.responses import Representation
from services.register.api.extract_representations import ExtractProductShown
from services.register.api.judging import Outcome, Reason, Verdict
from services.register.api.representations import Text
from services.register.domain.extract import ExtractContent
from services.register.domain.extract_changes import Change, ChangeKind

HTML: Final = "text/html; charset=utf-8"
_WORDS: Final = msgspec.json.decode(
    Path(__file__).with_name("verdict_words.json").read_bytes(), type=dict[str, dict[str, str]]
)
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem;color:#111}"
    ".verdict{font-size:1.25rem;font-weight:600;border-left:.5rem solid #767676;padding:.5rem .75rem}"
    ".genuine{border-color:#146c2e}.altered,.unknown{border-color:#b3261e}.no_longer_true{border-color:#8a5a00}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "caption{text-align:left;font-weight:600;padding:.25rem 0}"
    "th,td{border:1px solid #767676;padding:.35rem .5rem;text-align:left;vertical-align:top}"
    "th,td{overflow-wrap:anywhere;min-width:7rem}thead th{background:#eee}.wide{overflow-x:auto}"
    ".codes th{overflow-wrap:normal;min-width:0}.codes td{white-space:nowrap;min-width:0}"
    ".codes tbody th{overflow-wrap:anywhere;min-width:10rem}"
    "@media print{body{max-width:none;font-size:9pt}th,td,.codes th,.codes td,.codes tbody th"
    "{white-space:normal;overflow-wrap:anywhere;min-width:0}}"
)
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
"""The page runs nothing, and its address, which holds the code, is told to nobody."""
_COLUMNS: Final = (
    "registration_number",
    "included_on",
    "oked",
    "tn_ved",
    "kpved",
    "ens_tru",
    "agsk3",
    "capacity_per_year",
)


class SaidProducerShown(Representation):
    """The producer that an extract names; an individual only while a product of it is included."""

    kind: str
    bin: str | None = None
    iin: str | None = None
    name: Text | None = None
    state_registration_number: str | None = None


class SaidShown(Representation):
    """What a genuine extract says."""

    producer: SaidProducerShown
    products: list[ExtractProductShown]


class ExtractNamedShown(Representation):
    """Which extract it is."""

    extract_id: str
    number: str
    position: int
    issued_on: str
    valid_at: str
    known_at: int


class ChangeShown(Representation):
    """One thing that is otherwise now than the extract says."""

    kind: ChangeKind
    product_id: str | None = None
    registration_number: str | None = None
    name: Text | None = None
    on: str | None = None
    ground: str | None = None
    fields: list[str] | None = None
    text: Text


class VerdictShown(Representation):
    """Whether what was shown is a genuine extract, and whether it still holds."""

    outcome: Outcome
    text: Text
    reason: Reason | None = None
    reason_text: Text | None = None
    extract: ExtractNamedShown | None = None
    says: SaidShown | None = None
    changes: list[ChangeShown]
    differs: list[str] = Field(description="Where the JSON form was altered, as JSON Pointers (RFC 6901).")
    checked_at: str
    known_at: int = Field(description="The register's journal position up to which the facts were known.")


def verdict_shown(verdict: Verdict, checked_at: datetime) -> VerdictShown:
    """A verdict in every language."""
    return VerdictShown(
        outcome=verdict.outcome,
        text=_text(f"outcome_{verdict.outcome}"),
        reason=verdict.reason,
        reason_text=_text(f"reason_{verdict.reason}") if verdict.reason else None,
        extract=_named(verdict),
        says=_said(verdict) if verdict.content else None,
        changes=[_change(change) for change in verdict.changes],
        differs=list(verdict.differs),
        checked_at=checked_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        known_at=verdict.known_at,
    )


def _named(verdict: Verdict) -> ExtractNamedShown | None:
    if verdict.issue is None:
        return None
    issued = verdict.issue.extract.issued
    return ExtractNamedShown(
        extract_id=issued.extract_id,
        number=issued.number,
        position=verdict.issue.recorded.position,
        issued_on=issued.issued_on,
        valid_at=issued.valid_at,
        known_at=issued.known_at,
    )


def _said(verdict: Verdict) -> SaidShown | None:
    """What the extract says; an individual is published only while something of it is in the register."""
    content = verdict.content
    if content is None:
        return None
    gone = {change.product_id for change in verdict.changes if change.kind == "excluded"}
    published = content.producer.kind == "legal_entity" or any(
        product.product_id not in gone for product in content.products
    )
    return SaidShown(
        producer=_said_producer(content, published=published),
        products=[
            ExtractProductShown.model_validate(msgspec.to_builtins(product)) for product in content.products
        ],
    )


def _said_producer(content: ExtractContent, *, published: bool) -> SaidProducerShown:
    producer = content.producer
    name = producer.name
    return SaidProducerShown(
        kind=producer.kind,
        bin=producer.bin,
        iin=producer.iin if published else None,
        name=Text(kk=name.kk, ru=name.ru, en=name.en) if name and published else None,
        state_registration_number=producer.state_registration_number if published else None,
    )


def _change(change: Change) -> ChangeShown:
    name = change.name
    return ChangeShown(
        kind=change.kind,
        product_id=change.product_id,
        registration_number=change.registration_number,
        name=Text(kk=name.kk, ru=name.ru, en=name.en) if name else None,
        on=change.on,
        ground=change.ground,
        fields=list(change.fields) or None,
        text=_text(f"change_{change.kind}"),
    )


def _text(name: str) -> Text:
    return Text(kk=_WORDS["kk"][name], ru=_WORDS["ru"][name], en=_WORDS["en"][name])


def page_of(shown: VerdictShown, language: str) -> bytes:
    """The whole page in kk, ru or en, built as a tree: whatever stands in a text is escaped."""
    words = _WORDS[language]
    html = ET.Element("html", {"lang": language})
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "meta", {"charset": "utf-8"})
    ET.SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    _add(head, "title", words["title"])
    _add(head, "style", _STYLE)
    main = ET.SubElement(ET.SubElement(html, "body"), "main")
    _add(main, "h1", words["title"])
    _add(main, "p", _in(shown.text, language), {"class": f"verdict {shown.outcome}", "role": "status"})
    if shown.reason_text is not None:
        _add(main, "p", _in(shown.reason_text, language))
    if shown.changes:
        headings = [words[name] for name in ("change", "product", "on", "ground")]
        rows = [_change_row(change, language, words) for change in shown.changes]
        _table(main, words["changes"], headings, rows)
    if shown.says is not None:
        _add(main, "p", words["compare"])
    if shown.extract is not None:
        _table(main, words["extract"], None, _extract_rows(shown, language, words))
    if shown.says is not None:
        headings = [words["product"], *(words[name] for name in _COLUMNS)]
        rows = [_product_row(product, language) for product in shown.says.products]
        _table(main, words["products"], headings, rows, kind="wide codes")
    _add(main, "p", words["checked"].format(position=shown.known_at, instant=shown.checked_at))
    written: bytes = ET.tostring(html, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + written + b"\n"


def _extract_rows(shown: VerdictShown, language: str, words: Mapping[str, str]) -> list[list[str]]:
    extract, says = shown.extract, shown.says
    rows = []
    if extract is not None:
        names = ("number", "issued_on", "valid_at", "known_at")
        rows = [[words[name], str(getattr(extract, name))] for name in names]
    if says is not None:
        producer = says.producer
        number = producer.bin or producer.iin
        rows += [
            [words["producer"], _in(producer.name, language) if producer.name else words["hidden"]],
            [words["identifier"], number or words["hidden"]],
            [words["state_registration_number"], producer.state_registration_number or ""],
        ]
    return rows


def _product_row(product: ExtractProductShown, language: str) -> list[str]:
    values = [getattr(product, name) or "" for name in _COLUMNS]
    return [
        _in(product.name, language),
        *(", ".join(value) if isinstance(value, list) else value for value in values),
    ]


def _change_row(change: ChangeShown, language: str, words: Mapping[str, str]) -> list[str]:
    name = _in(change.name, language) if change.name else ""
    number = f" ({change.registration_number})" if change.registration_number else ""
    return [
        _in(change.text, language),
        f"{name}{number}",
        change.on or "",
        words[change.ground] if change.ground else "",
    ]


def _table(
    parent: ET.Element,
    caption: str,
    headings: list[str] | None,
    rows: Iterable[Iterable[str]],
    kind: str = "wide",
) -> None:
    """A table; its first cells head their rows, `headings` their columns."""
    table = ET.SubElement(ET.SubElement(parent, "div", {"class": kind, "tabindex": "0"}), "table")
    _add(table, "caption", caption)
    if headings is not None:
        line = ET.SubElement(ET.SubElement(table, "thead"), "tr")
        for heading in headings:
            _add(line, "th", heading, {"scope": "col"})
    body = ET.SubElement(table, "tbody")
    for row in rows:
        line = ET.SubElement(body, "tr")
        for place, value in enumerate(row):
            _add(line, "td" if place else "th", value, {} if place else {"scope": "row"})


def _add(parent: ET.Element, name: str, content: str, attributes: Mapping[str, str] | None = None) -> None:
    ET.SubElement(parent, name, dict(attributes or {})).text = content


def _in(text: Text, language: str) -> str:
    return {"kk": text.kk, "ru": text.ru, "en": text.en or text.ru}[language]
