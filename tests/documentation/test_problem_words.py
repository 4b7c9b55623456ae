"""A problem's text names states and steps in the caller's language, never by the code's own words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from fastapi import Request

from services.kernel.http.problems import CODED, Occurrence, ProblemCatalogue
from services.register.domain import application, notification, producer
from services.verification.domain import case_file

ROOT = Path(__file__).parents[2] / "services"
SERVICES = ("register", "verification")
ERRORS = {"Conflict", "Invalid", "NotFound", "Forbidden"}
STATES = {
    "register": {
        *get_args(application.ApplicationStatus),
        *application._NEXT.values(),
        *get_args(notification.NotificationStatus),
        *get_args(producer.CeasedGround),
    },
    "verification": {*case_file.ALLOWED, *case_file.ALLOWED.values()},
}


def catalogue(service: str) -> ProblemCatalogue:
    return ProblemCatalogue(ROOT / service / "api" / "problems.json")


def codes_raised(service: str) -> Iterator[str]:
    """Every code that an error of this service is given literally."""
    for room in ("domain", "usecases"):
        for file in (ROOT / service / room).glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS):
                    continue
                for keyword in node.keywords:
                    if keyword.arg in CODED and isinstance(keyword.value, ast.Constant):
                        yield from str(keyword.value.value).split(", ")


@pytest.mark.parametrize("service", SERVICES)
def test_every_code_in_a_text_has_its_words(service: str) -> None:
    raised = {*codes_raised(service), *STATES[service]}
    assert len(raised) > 5
    assert raised - set(catalogue(service).words) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_words_stand_in_the_language_of_the_text(service: str) -> None:
    for word in catalogue(service).words.values():
        assert not word.kk.isascii()
        assert not word.ru.isascii()
        assert word.en.isascii()


def test_the_text_speaks_and_the_parameters_keep_the_codes() -> None:
    known = catalogue("register")
    request = Request({"type": "http", "headers": [(b"accept-language", b"ru")]})
    params = {"state": "included", "allowed": "exclusion request"}
    answer = msgspec.json.decode(known.response(request, Occurrence("already_included", params)).body)
    assert answer["params"] == params
    assert answer["detail"] == "Состояние: включено в реестр. Возможно: заявление об исключении."
