"""`/docs`: a service's OpenAPI as one page for people.

It holds no script and asks nobody else for anything, so that it can be read where there is no internet, and
no other's code runs where tokens are. Built as a tree, so that whatever stands in a text is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem;color:#111}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "th,td{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "th,td,h3,li{overflow-wrap:anywhere}th{background:#eee}td{min-width:5rem}"
    "section{border-top:1px solid #999;margin-top:1.5rem}pre{background:#f4f4f4;padding:.5rem;overflow:auto}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
SECURITY: Final = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
Schema = Mapping[str, Any]


def api_page_router(app: FastAPI) -> APIRouter:
    """`/docs`, made of the application's OpenAPI when it is first asked for."""
    router = APIRouter()
    made: list[bytes] = []

    @router.get("/docs", operation_id="read_api_page", include_in_schema=False)
    def read_api_page() -> Response:
        if not made:
            made.append(page_of(app.openapi()))
        headers = {"Content-Security-Policy": SECURITY, "Cache-Control": "no-cache"}
        return Response(made[0], headers=headers, media_type="text/html; charset=utf-8")

    return router


def page_of(document: Schema) -> bytes:
    """The whole page."""
    html = ET.Element("html", {"lang": "en"})
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "meta", {"charset": "utf-8"})
    ET.SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    title = document["info"]["title"]
    _add(head, "title", title)
    _add(head, "style", _STYLE)
    main = ET.SubElement(ET.SubElement(html, "body"), "main")
    _add(main, "h1", title)
    _add(main, "p", document["info"]["description"])
    for scheme in document["components"].get("securitySchemes", {}).values():
        _add(main, "p", f"Who one is: {scheme['description']}")
    said = _add(main, "p", "The same for programs: ")
    _link(said, "/openapi.json", "openapi.json")
    operations = list(_operations(document))
    contents = ET.SubElement(main, "ul")
    for method, path, operation in operations:
        item = ET.SubElement(contents, "li")
        _link(
            item, f"#{operation['operationId']}", f"{method.upper()} {path}"
        ).tail = f" {operation['summary']}"
    for method, path, operation in operations:
        _operation(main, method, path, operation)
    _add(main, "h2", "Schemas")
    for name, schema in sorted(document["components"]["schemas"].items()):
        _schema(main, name, schema)
    written: bytes = ET.tostring(html, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + written + b"\n"


def _operations(document: Schema) -> Iterable[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _operation(main: ET.Element, method: str, path: str, operation: Schema) -> None:
    section = ET.SubElement(main, "section", {"id": operation["operationId"]})
    _add(section, "h3", f"{method.upper()} {path}")
    _add(section, "p", operation["summary"])
    if "description" in operation:
        _add(section, "p", operation["description"])
    _add(section, "p", f"For: {', '.join(operation['x-roles'])}.")
    if parameters := operation.get("parameters"):
        table = _table(section, "Parameter", "In", "Value", "Meaning")
        for one in parameters:
            name = one["name"] + ("" if one.get("required") else " (optional)")
            row = _row(table, name, one["in"], "", one.get("description", ""))
            _value(row[2], one["schema"])
    contents = operation.get("requestBody", {}).get("content", {})
    answers = [("Body", media, "", content) for media, content in contents.items()]
    for status, response in operation["responses"].items():
        told = response.get("content") or {"": {}}
        answers += [(status, media, response["description"], content) for media, content in told.items()]
    table = _table(section, "Body or status", "Media type", "Value", "Meaning")
    for what, media, meaning, content in answers:
        _value(_row(table, what, media, "", meaning)[2], content.get("schema", {}))


def _schema(main: ET.Element, name: str, schema: Schema) -> None:
    section = ET.SubElement(main, "section", {"id": f"schema-{name}"})
    _add(section, "h3", name)
    if "description" in schema:
        _add(section, "p", schema["description"])
    if "properties" not in schema:
        _value(_add(section, "p", ""), schema)
        return
    table = _table(section, "Field", "Value", "Meaning")
    needed = schema.get("required", ())
    for field, value in schema["properties"].items():
        shown = field if field in needed else f"{field} (optional)"
        _value(_row(table, shown, "", value.get("description", ""))[1], value)
    for example in schema.get("examples", ()):
        _add(section, "pre", json.dumps(example, ensure_ascii=False, indent=2))


def _value(cell: ET.Element, schema: Schema) -> None:
    """What a value is, in a few words, with links to named schemas."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        _link(cell, f"#schema-{name}", name)
        return
    several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if several:
        for number, one in enumerate(one for one in several if one.get("type") != "null"):
            if number:
                _text(cell, " or ")
            _value(cell, one)
        return
    if schema.get("type") == "array":
        _text(cell, "list of ")
        _value(cell, schema.get("items", {}))
        return
    if "enum" in schema or "const" in schema:
        _text(cell, ", ".join(str(one) for one in schema.get("enum", [schema.get("const")])))
        return
    words = [str(schema.get("format") or schema.get("type", ""))]
    words += [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    if examples := schema.get("examples"):
        words.append(f"for example {examples[0]}")
    _text(cell, ", ".join(word for word in words if word))


_BOUNDS: Final = {
    "minimum": "from",
    "maximum": "to",
    "minLength": "at least",
    "maxLength": "at most",
    "default": "by default",
}


def _add(parent: ET.Element, tag: str, text: str) -> ET.Element:
    made = ET.SubElement(parent, tag)
    made.text = text
    return made


def _text(parent: ET.Element, text: str) -> None:
    """Text behind what is in an element already."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _link(parent: ET.Element, to: str, text: str) -> ET.Element:
    made = ET.SubElement(parent, "a", {"href": to})
    made.text = text
    return made


def _table(parent: ET.Element, *headings: str) -> ET.Element:
    table = ET.SubElement(parent, "table")
    row = ET.SubElement(table, "tr")
    for heading in headings:
        _add(row, "th", heading)
    return table


def _row(table: ET.Element, *cells: str) -> ET.Element:
    row = ET.SubElement(table, "tr")
    for cell in cells:
        _add(row, "td", cell)
    return row
