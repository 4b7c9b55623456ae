"""A receipt as a page for people: one language, no script, fit to print.

Built as a tree, so that whatever stands in a text is escaped. Words come from `receipt_words.json`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import msgspec

HTML: Final = "text/html; charset=utf-8"
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem;color:#111}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #767676;padding:.35rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}th{width:38%;background:#eee}"
    "@media print{body{max-width:none;padding:0;font-size:10pt}tr{break-inside:avoid}}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
SECURITY: Final = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
"""The page's Content-Security-Policy: its own style and nothing else."""

_WORDS: Final = msgspec.json.decode(
    Path(__file__).with_name("receipt_words.json").read_bytes(), type=dict[str, dict[str, str]]
)


def page_of(receipt: Mapping[str, object], language: str) -> bytes:
    """The whole page in kk, ru or en; what the receipt lacks is left out, a missing opening is told."""
    words = _WORDS[language]
    html = ET.Element("html", {"lang": language})
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "meta", {"charset": "utf-8"})
    ET.SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    ET.SubElement(head, "title").text = words["title"]
    ET.SubElement(head, "style").text = _STYLE
    main = ET.SubElement(ET.SubElement(html, "body"), "main")
    ET.SubElement(main, "h1").text = words["title"]
    body = ET.SubElement(ET.SubElement(main, "table"), "tbody")
    shown = {"opened_at": words["not_opened"], **receipt}
    for name in (word for word in words if word in shown):
        line = ET.SubElement(body, "tr")
        ET.SubElement(line, "th", {"scope": "row"}).text = words[name]
        value = str(shown[name])
        ET.SubElement(line, "td").text = words.get(value, value)
    written: bytes = ET.tostring(html, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + written + b"\n"
