"""`/docs`: all that the OpenAPI says, for people, with nobody else's code and nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from services.commands.registry import SERVICES
from services.kernel.http.api_page import page_of
from tests.kernel.ledger_service import LedgerService
from tests.openapi_files import openapi_of


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_tells_every_operation_and_its_links_lead_somewhere(service: str) -> None:
    document = openapi_of(service)
    page = page_of(document).decode()
    places = set(re.findall(r' id="([^"]+)"', page))
    named = {
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    }
    assert named <= places
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= places
    links = set(re.findall(r' href="([^"]+)"', page))
    assert links - {f"#{place}" for place in places} == {"/openapi.json"}


def test_the_page_loads_nothing_and_runs_nothing(edge: LedgerService) -> None:
    """Officers' tokens are at home on this origin; and it is read where there is no internet."""
    answer = edge.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|<iframe|<img|<link|\ssrc=|\son[a-z]+=|https?://", answer.text)
    assert "POST /v1/ledgers" in answer.text


def test_what_stands_in_a_text_is_no_markup() -> None:
    document = {
        "info": {"title": "<script>", "description": "a & <b>"},
        "paths": {},
        "components": {"schemas": {"One": {"description": "<i>", "enum": ["<u>"]}}},
    }
    page = page_of(document).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; &lt;b&gt;" in page
    assert "&lt;u&gt;" in page
