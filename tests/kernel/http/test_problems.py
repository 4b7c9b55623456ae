"""Every error is a problem document in the caller's language, and none tells what only the log may know."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi import Request

from services.kernel.http.problems import KERNEL_CATALOGUE, FieldError, Occurrence, ProblemCatalogue
from tests.kernel.ledger_service import BIN, IIN, LedgerService

TYPES = ProblemCatalogue().types
PLACES = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("code", TYPES)
def test_every_code_is_explained_in_three_languages(code: str) -> None:
    kind = TYPES[code]
    assert 400 <= kind.status <= 599
    for wording in (kind.title, kind.detail):
        texts = [wording.kk, wording.ru, wording.en]
        assert all(text.strip() for text in texts)
        assert len({frozenset(PLACES.findall(text)) for text in texts}) == 1, "they take other parameters"
    assert re.search("[а-яё]", kind.detail.ru)
    assert re.search("[а-яәғқңөұүһі]", kind.detail.kk)
    assert kind.detail.kk != kind.detail.ru


def test_a_code_defined_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="defined twice"):
        ProblemCatalogue(KERNEL_CATALOGUE)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "kk"),
        ("kk", "kk"),
        ("ru", "ru"),
        ("ru-KZ,ru;q=0.9,en;q=0.8", "ru"),
        ("en;q=0.5, ru;q=0.7", "ru"),
        ("ru;q=0, en", "en"),
        ("de, fr", "kk"),
        ("*", "kk"),
        ("en;q=x", "kk"),
        ("garbage;;;=,,", "kk"),
        ("en," * 5_000, "en"),
    ],
)
def test_the_language_is_the_callers(edge: LedgerService, header: str | None, language: str) -> None:
    given = {} if header is None else {"Accept-Language": header}
    answer = edge.get("/nowhere", headers={"Accept-Language": "", **given})
    assert answer.headers["Content-Language"] == language
    assert answer.json()["title"] == getattr(TYPES["path_unknown"].title, language)


def test_a_problem_names_its_type_its_request_and_its_way_out(edge: LedgerService) -> None:
    answer = edge.get("/nowhere", headers={"Request-Id": "r1", "Accept-Language": "en"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json()
    assert (problem["type"], problem["status"], problem["code"]) == (
        "/problems/path_unknown",
        404,
        "path_unknown",
    )
    assert problem["instance"] == "urn:request:r1"
    page = edge.get(problem["type"])
    assert page.headers["Content-Type"].startswith("text/markdown")
    assert problem["detail"] in page.text


def test_an_unknown_problem_has_no_page(edge: LedgerService) -> None:
    assert edge.get("/problems/nothing").status_code == 404


def test_a_wrong_field_is_pointed_at(edge: LedgerService) -> None:
    body = {"owner": 1, "remark": {"kk": "", "ru": "x", "en": 5}, "a/b~c": True}
    problem = edge.post("/v1/ledgers", body).json()
    pointers = {error["pointer"]: error["code"] for error in problem["errors"]}
    assert pointers == {
        "/owner": "string_type",
        "/remark/kk": "string_too_short",
        "/remark/en": "string_type",
        "/a~1b~0c": "extra_forbidden",
    }
    assert edge.journal.head() == 0


FIELDS = ProblemCatalogue().fields


@pytest.mark.parametrize("code", FIELDS)
def test_every_field_error_is_worded_in_three_languages(code: str) -> None:
    wording = FIELDS[code]
    texts = [wording.kk, wording.ru, wording.en]
    assert len({frozenset(PLACES.findall(text)) for text in texts}) == 1, "they take other parameters"
    assert len(set(texts)) == 3


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_field_errors_speak_the_callers_language_and_not_the_librarys(
    edge: LedgerService, language: str
) -> None:
    body = {"owner": "x" * 101, "remark": {"kk": "", "ru": 5}, "wrong": 1}
    problem = edge.post("/v1/ledgers", body, Accept_Language=language).json()
    assert {error["pointer"]: error["detail"] for error in problem["errors"]} == {
        "/owner": FIELDS["string_too_long"].written(language, {"max_length": "100"}),
        "/remark/kk": FIELDS["string_too_short"].written(language, {"min_length": "1"}),
        "/remark/ru": getattr(FIELDS["string_type"], language),
        "/wrong": getattr(FIELDS["extra_forbidden"], language),
    }
    found = edge.get("/v1/ledgers?color=red", "auditor", {"Accept-Language": language}).json()["errors"]
    known = {"known": "bin, cursor, limit"}
    assert [error["detail"] for error in found] == [FIELDS["parameter_unknown"].written(language, known)]


def test_a_finding_that_nobody_worded_is_told_in_general_words() -> None:
    catalogue = ProblemCatalogue()
    request = Request({"type": "http", "headers": [(b"accept-language", b"ru")]})
    errors = (FieldError("new_in_the_library", pointer="/a"), FieldError("bin_check_digit", pointer="/b"))
    answer = catalogue.response(request, Occurrence("request_invalid", errors=errors))
    told = [error["detail"] for error in json.loads(bytes(answer.body))["errors"]]
    assert told == [FIELDS["value_error"].ru, TYPES["bin_check_digit"].detail.ru]


def test_a_wrong_parameter_is_named(edge: LedgerService) -> None:
    (error,) = edge.get("/v1/ledgers/not-a-uuid").json()["errors"]
    assert error["parameter"] == "ledger_id"


def test_a_rule_of_the_domain_has_its_status_and_parameters(edge: LedgerService) -> None:
    missing = "0197f000-0000-7000-8000-000000000000"
    answer = edge.get(f"/v1/ledgers/{missing}", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (404, "ledger_unknown")
    assert answer.json()["detail"] == f"Check the id {missing}."
    assert answer.json()["params"] == {"id": missing}


def test_a_store_that_cannot_answer_asks_to_come_again(edge: LedgerService) -> None:
    answer = edge.get("/v1/accidents/store")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("kind", ["statement", "file", "plain"])
def test_an_accident_tells_the_caller_nothing_but_its_number(service: LedgerService, kind: str) -> None:
    answer = service.get(f"/v1/accidents/{kind}", headers={"Request-Id": "r1", "Accept-Language": "en"})
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.text)
    assert (problem["code"], problem["instance"]) == ("internal_error", "urn:request:r1")
    told = answer.text + str(dict(answer.headers))
    for secret in ("SELECT", "secret", "nowhere", "Traceback", ".py", "psycopg", "sqlite", BIN, IIN):
        assert secret not in told


def test_the_catalogue_files_hold_nothing_twice() -> None:
    pairs = json.loads(Path(KERNEL_CATALOGUE).read_text(), object_pairs_hook=list)
    names = [name for name, _kind in pairs]
    assert len(names) == len(set(names))
