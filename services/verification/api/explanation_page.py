"""An explanation as a page for people: one language, no script, tables with headers, fit to print.

Built as a tree, so that whatever stands in a text is escaped. Words come from `explanation_words.json`; days
are written as ISO dates, which no library's locale data can change.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import msgspec

from services.kernel.calendar import legal_date
from services.verification.api.explained import (
    DecisionExplained,
    ExplainedCriterion,
    ExplainedDocument,
    ExplainedJudgement,
    ExplanationShown,
    RulingExplained,
)
from services.verification.api.representations import CriterionCheckedShown, TextShown

HTML: Final = "text/html; charset=utf-8"
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem;color:#111}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "caption{text-align:left;font-weight:600;padding:.25rem 0}"
    "th,td{border:1px solid #767676;padding:.35rem .5rem;text-align:left;vertical-align:top}"
    "h1,h2,caption,th,td{overflow-wrap:anywhere}thead th{background:#eee}"
    "tbody th{min-width:8rem}td{min-width:6rem}"
    "@media screen and (max-width:40rem){thead{display:none}tr,th,td{display:block}tr{margin-bottom:.75rem}"
    "tbody th{background:#eee}tbody th,td{min-width:0}td{border-top:0}td:empty{display:none}"
    "td[data-heading]::before{content:attr(data-heading)': ';font-weight:600}}"
    "@media print{body{max-width:none;padding:0;font-size:10pt}tr{break-inside:avoid}"
    "thead{display:table-header-group}}"
)
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
SECURITY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"
)
"""The page's Content-Security-Policy: its own style and nothing else."""

Words = Mapping[str, str]
_WORDS: Final = msgspec.json.decode(
    Path(__file__).with_name("explanation_words.json").read_bytes(), type=dict[str, dict[str, str]]
)


def page_of(shown: ExplanationShown, language: str) -> bytes:
    """The whole page in kk, ru or en."""
    words = _WORDS[language]
    html = ET.Element("html", {"lang": language})
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "meta", {"charset": "utf-8"})
    ET.SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    title = f"{words['title']}: {_in(shown.product_name, language)}"
    _add(head, "title", title)
    _add(head, "style", _STYLE)
    main = ET.SubElement(ET.SubElement(html, "body"), "main")
    _add(main, "h1", title)
    _table(main, words["case"], None, _case(shown, language, words))
    if not shown.decisions:
        _add(main, "p", words["undecided"])
    for number, decision in enumerate(shown.decisions, 1):
        _decision(main, decision, number, language, words)
    for ruling in shown.court_rulings:
        _ruling(main, ruling, language, words)
    headings = [words[name] for name in ("document", "media_type", "size", "sha256", "came")]
    _add(main, "h2", words["evidence"])
    _table(main, words["documents"], headings, [_document(named, words) for named in shown.documents])
    written: bytes = ET.tostring(html, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + written + b"\n"


def _document(named: ExplainedDocument, words: Words) -> list[str]:
    came = [words["at_opening"]]
    if named.supplied_at is not None:
        came = [f"{words['supplied_on']} {legal_date(named.supplied_at).isoformat()}"]
    came += [
        words[name] for name, holds in (("after_term", named.late), ("replaced", named.replaced)) if holds
    ]
    return [_word(words, named.kind), named.media_type, str(named.size), named.sha256, "; ".join(came)]


def _ruling(main: ET.Element, ruling: RulingExplained, language: str, words: Words) -> None:
    heading = f"{words['court_ruling']} {ruling.number}"
    _add(main, "h2", heading)
    rows = [
        [words["court"], _in(ruling.court, language)],
        [words["ruled_on"], ruling.ruled_on.isoformat()],
        [words["outcome"], words[f"ruling_{ruling.outcome}"]],
        [words["reasons"], _in(ruling.reasons, language)],
        [words["ruled_notification"], ruling.notification_id],
        [words["recorded_on"], legal_date(ruling.recorded_at).isoformat()],
        [words["recorded_by"], ruling.recorded_by],
        [words["legal_basis"], ruling.legal_basis],
        [words["journal"], f"{ruling.position}, {ruling.event_id}"],
    ]
    if ruling.annuls_from_start:
        rows.append([words["annuls_from_start"], words["yes"]])
    _table(main, heading, None, rows)


def _case(shown: ExplanationShown, language: str, words: Words) -> list[list[str]]:
    producer = _in(shown.producer_name, language) if shown.producer_name else shown.producer_id
    found = {
        "case_id": shown.case_id,
        "kind": words[shown.kind],
        "producer": f"{producer}, {shown.bin}" if shown.bin else producer,
        "product": _in(shown.product_name, language),
        "legal_date": shown.legal_date.isoformat(),
        "application_id": shown.application_id,
        "entry_id": shown.entry_id,
        "appeal_id": shown.appeal_id,
        "quarter": shown.quarter,
    }
    return [[words[name], value] for name, value in found.items() if value is not None]


def _decision(
    main: ET.Element, decision: DecisionExplained, number: int, language: str, words: Words
) -> None:
    section = ET.SubElement(main, "section", {"aria-labelledby": f"decision-{number}"})
    _add(section, "h2", f"{words['decision']} {number}: {words[decision.result]}", id=f"decision-{number}")
    rows = [
        [words["decided_on"], legal_date(decision.decided_at).isoformat()],
        *_deciders(decision, words),
        [words["reasons"], _in(decision.reasons, language)],
        [words["legal_basis"], decision.legal_basis],
        [words["journal"], f"{decision.position}, {decision.event_id}"],
    ]
    if decision.authority is not None:
        rows.insert(0, [words["authority"], _in(decision.authority, language)])
    rows += [
        [words[name], words["yes"]]
        for name in ("partly", "late", "annuls_from_start")
        if getattr(decision, name)
    ]
    if decision.corrects is not None:
        rows.append([words["corrects"], decision.corrects])
    _table(section, words["who_and_when"], None, rows)
    if decision.departs_from_judgement:
        strong = ET.SubElement(ET.SubElement(section, "p"), "strong")
        strong.text = words["departs"]
    if decision.judgement is not None:
        _judgement(section, decision.judgement, language, words)


def _deciders(decision: DecisionExplained, words: Words) -> list[list[str]]:
    """Who decided; under four eyes who proposed and who approved."""
    by = f"{_word(words, decision.decided_by)}, {decision.actor}"
    if decision.proposed_by is None:
        return [[words["decided_by"], by]]
    on = f", {legal_date(decision.proposed_at).isoformat()}" if decision.proposed_at is not None else ""
    proposed = f"{words['officer']}, {decision.proposed_by}{on}"
    return [[words["proposed_by"], proposed], [words["approved_by"], by]]


def _judgement(section: ET.Element, judged: ExplainedJudgement, language: str, words: Words) -> None:
    rules = judged.rule_set
    rows = [
        [words["rule_set"], f"{rules.id}, {words['version']} {rules.version}"],
        [words["digest"], rules.digest],
        [words["judged_on"], judged.legal_date.isoformat()],
        [words["judgement"], words["conforms" if judged.conforms else "conforms_not"]],
    ]
    if rules.title is not None:
        rows.insert(0, [words["rules"], _in(rules.title, language)])
    for name, value in (("legal_basis", rules.legal_basis), ("formula", rules.formula), ("note", rules.note)):
        if value is not None:
            rows.append([words[name], value])
    if rules.any_of:
        rows.append([words["any_of"], words["yes"]])
    _table(section, words["rule"], None, rows)
    headings = [words[name] for name in ("criterion", "outcome", "figures", "asked", "citation")]
    _table(
        section, words["criteria"], headings, [_criterion(one, language, words) for one in judged.criteria]
    )
    checks = [_check(one, one.checked, language, words) for one in judged.criteria if one.checked is not None]
    if checks:
        headings = [words[name] for name in ("criterion", "verdict", "rule_said", "officer", "reasons")]
        _table(section, words["checks"], headings, checks)


def _criterion(one: ExplainedCriterion, language: str, words: Words) -> list[str]:
    figures = "; ".join(f"{_word(words, name)}: {value}" for name, value in one.inputs.items())
    asked = [f"{_word(words, name)}: {_word(words, value)}" for name, value in one.thresholds.items()]
    asked += [" / ".join(_word(words, kind) for kind in group) for group in one.documents]
    reason = f"{_in(one.reason, language)} ({one.criterion})"
    return [reason, words["met" if one.passed else "not_met"], figures, "; ".join(asked), one.citation]


def _check(one: ExplainedCriterion, check: CriterionCheckedShown, language: str, words: Words) -> list[str]:
    said = f"{words['met' if check.rule_passed else 'not_met']}: {_in(check.rule_reason, language)}"
    reasons = one.reason if check.verdict == "overridden" else check.reasons
    told = _in(reasons, language) if reasons is not None else ""
    return [one.criterion, words[f"check_{check.verdict}"], said, check.officer, told]


def _table(
    parent: ET.Element, caption: str, headings: list[str] | None, rows: Iterable[Iterable[str]]
) -> None:
    """A table; its first cells head their rows, `headings` their columns.

    On a narrow screen each cell stands below the other and says its column's heading itself.
    """
    table = ET.SubElement(parent, "table")
    _add(table, "caption", caption)
    if headings is not None:
        line = ET.SubElement(ET.SubElement(table, "thead"), "tr")
        for heading in headings:
            _add(line, "th", heading, scope="col")
    body = ET.SubElement(table, "tbody")
    for row in rows:
        line = ET.SubElement(body, "tr")
        for place, value in enumerate(row):
            if place == 0:
                _add(line, "th", value, scope="row")
            elif headings is None:
                _add(line, "td", value)
            else:
                ET.SubElement(line, "td", {"data-heading": headings[place]}).text = value


def _add(parent: ET.Element, name: str, content: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = content


def _in(text: TextShown, language: str) -> str:
    return {"kk": text.kk, "ru": text.ru, "en": text.en or text.ru}[language]


def _word(words: Words, name: str) -> str:
    return words.get(name, name)
