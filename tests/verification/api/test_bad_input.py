"""Bad input to the informatization authority: a clear problem document, and nothing recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from services.kernel.identity.tokens import TokenIssuer, development_issuer
from services.verification.adapters.documents import MAX_DOCUMENT_BYTES
from tests.contract.apps import headers_of, served

UNKNOWN = "0191f3c0-0000-7000-8000-000000000000"
LISTING = {
    "reference": "ДПО-2025-001",
    "listed_on": "2025-11-10",
    "product_name": {"kk": "Дала Есеп", "ru": "Дала Учёт"},
    "holder": "181240006529",
}


@dataclass
class Authority:
    client: TestClient
    var: Path

    def post(self, path: str, body: Any, role: str = "informatization_officer", **headers: str) -> Any:
        given = {"Idempotency-Key": uuid4().hex, **headers_of(self.var, role), **headers}
        return self.client.post(path, json=body, headers=given)

    def head(self) -> int:
        answer = self.client.get("/v1/journal/events", headers=headers_of(self.var, "auditor"))
        head: int = answer.json()["head"]
        return head

    def refused(self, answer: Any, status: int, code: str) -> dict[str, Any]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = answer.json()
        assert (problem["code"], problem["type"]) == (code, f"/problems/{code}")
        return problem


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    var = tmp_path_factory.mktemp("verification")
    with served("verification", var) as (_app, client):
        yield Authority(client, var)


@pytest.fixture
def head(authority: Authority) -> Iterator[int]:
    """The journal's head; after the test it must be the same."""
    before = authority.head()
    yield before
    assert authority.head() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"holder": "181240006528"}, "/holder"),
        ({"holder": "18124000652"}, "/holder"),
        ({"listed_on": "10.11.2025"}, "/listed_on"),
        ({"listed_on": 1_762_732_800}, "/listed_on"),
        ({"reference": ""}, "/reference"),
        ({"reference": "x" * 101}, "/reference"),
        ({"product_name": {"kk": "Дала Есеп"}}, "/product_name/ru"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_a_wrong_field_of_a_listing_is_named(
    authority: Authority, head: int, change: dict[str, Any], pointer: str
) -> None:
    problem = authority.refused(
        authority.post("/v1/trusted-software", {**LISTING, **change}), 422, "request_invalid"
    )
    assert pointer in {error.get("pointer") for error in problem["errors"]}


@pytest.mark.parametrize("content", [b"{", b'\xff\xfe{"a"}', b'{"reference": "\xd0"}', b"nonsense"])
def test_a_body_that_cannot_be_read_is_refused(authority: Authority, head: int, content: bytes) -> None:
    headers = {
        **headers_of(authority.var, "informatization_officer"),
        "Idempotency-Key": uuid4().hex,
        "Content-Type": "application/json",
    }
    answer = authority.client.post("/v1/trusted-software", content=content, headers=headers)
    authority.refused(answer, 400, "body_unreadable")


@pytest.mark.parametrize("quarter", ["2026-Q5", "2026", "2026-q1", 20261, None])
def test_a_round_needs_a_quarter(authority: Authority, head: int, quarter: object) -> None:
    problem = authority.refused(
        authority.post("/v1/monitoring-rounds", {"quarter": quarter}), 422, "request_invalid"
    )
    assert problem["errors"][0]["pointer"] == "/quarter"


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/trusted-software"])
def test_a_filter_with_a_mistyped_number_is_refused_rather_than_finding_nothing(
    authority: Authority, path: str
) -> None:
    headers = headers_of(authority.var, "informatization_officer")
    assert authority.client.get(f"{path}?bin=181240006529", headers=headers).status_code == 200
    answer = authority.client.get(f"{path}?bin=181240006528", headers=headers)
    (error,) = authority.refused(answer, 422, "request_invalid")["errors"]
    assert (error["parameter"], error["code"]) == ("bin", "bin_check_digit")


def test_a_round_for_a_future_quarter_is_refused(authority: Authority, head: int) -> None:
    """Order 327 para. 29: monitoring is of a quarter that is over."""
    answer = authority.post("/v1/monitoring-rounds", {"quarter": "2099-Q4"})
    problem = authority.refused(answer, 422, "quarter_not_over")
    assert problem["errors"][0]["pointer"] == "/quarter"


SIGNAL = {
    "kind": "changed_owner",
    "entry_id": UNKNOWN,
    "day": "2026-03-02",
    "source": "ГБД-ЮЛ-2026-0042",
    "reasons": {"kk": "Құқық берілді.", "ru": "Право передано."},
}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "rumour"}, "/kind"),
        ({"entry_id": "1"}, "/entry_id"),
        ({"day": "02.03.2026"}, "/day"),
        ({"source": ""}, "/source"),
        ({"reasons": {"ru": "Право передано."}}, "/reasons/kk"),
        ({"note": "?"}, "/note"),
    ],
)
def test_a_wrong_field_of_a_signal_is_named(
    authority: Authority, head: int, change: dict[str, Any], pointer: str
) -> None:
    answer = authority.post("/v1/monitoring-signals", {**SIGNAL, **change})
    problem = authority.refused(answer, 422, "request_invalid")
    assert pointer in {error.get("pointer") for error in problem["errors"]}


def test_a_signal_names_a_known_entry_and_comes_from_an_authority(authority: Authority, head: int) -> None:
    for role in ("informatization_officer", "service"):
        authority.refused(authority.post("/v1/monitoring-signals", SIGNAL, role), 404, "entry_unknown")
    for role in ("producer", "industry_officer", "integrator", "auditor"):
        authority.refused(authority.post("/v1/monitoring-signals", SIGNAL, role), 403, "role_insufficient")
    future = {**SIGNAL, "day": "2099-01-01"}
    authority.refused(authority.post("/v1/monitoring-signals", future), 422, "day_in_future")


def test_an_unknown_case_listing_or_round_is_not_found(authority: Authority, head: int) -> None:
    officer = headers_of(authority.var, "informatization_officer")
    for path, code in (
        (f"/v1/cases/{UNKNOWN}", "case_unknown"),
        (f"/v1/trusted-software/{UNKNOWN}", "listing_unknown"),
        ("/v1/monitoring-rounds/2031-Q1", "round_unknown"),
        ("/v1/rule-sets/no-such-set", "rule_set_unknown"),
        (f"/v1/documents/{'0' * 64}?case={UNKNOWN}", "case_unknown"),
    ):
        authority.refused(authority.client.get(path, headers=officer), 404, code)


def test_a_decision_names_the_version_it_was_made_on(authority: Authority) -> None:
    listed = authority.post("/v1/trusted-software", {**LISTING, "reference": "ДПО-V"})
    path = f"/v1/trusted-software/{listed.json()['listing_id']}/delisting"
    body = {"delisted_on": "2026-04-02", "ground": {"kk": "Шешім", "ru": "Решение"}}
    before = authority.head()
    authority.refused(authority.post(path, body), 428, "if_match_required")
    authority.refused(authority.post(path, body, **{"If-Match": '"7"'}), 412, "version_stale")
    assert authority.head() == before


def test_what_is_delisted_cannot_be_delisted_again(authority: Authority) -> None:
    listed = authority.post("/v1/trusted-software", {**LISTING, "reference": "ДПО-D"})
    path = f"/v1/trusted-software/{listed.json()['listing_id']}/delisting"
    body = {"delisted_on": "2026-04-02", "ground": {"kk": "Шешім", "ru": "Решение"}}
    assert authority.post(path, body, **{"If-Match": '"1"'}).status_code in {200, 201}
    before = authority.head()
    answer = authority.post(path, body, **{"If-Match": '"2"'})
    assert answer.status_code == 409, answer.text
    assert authority.head() == before


def test_a_key_used_again_with_another_body_is_refused(authority: Authority) -> None:
    key = uuid4().hex
    listing = {**LISTING, "reference": "ДПО-K"}
    first = authority.post("/v1/trusted-software", listing, **{"Idempotency-Key": key})
    again = authority.post("/v1/trusted-software", listing, **{"Idempotency-Key": key})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    before = authority.head()
    other = authority.post(
        "/v1/trusted-software", {**listing, "listed_on": "2025-11-11"}, **{"Idempotency-Key": key}
    )
    authority.refused(other, 422, "idempotency_key_reused")
    assert authority.head() == before


def test_an_expired_or_foreign_token_is_refused(authority: Authority, head: int) -> None:
    issuer = development_issuer(authority.var)
    expired = issuer.token(subject="x", roles=["informatization_officer"], now=time.time() - 3_600)
    for token, code in ((expired, "token_expired"), ("a.b.c", "token_invalid")):
        answer = authority.post("/v1/trusted-software", LISTING, Authorization=f"Bearer {token}")
        authority.refused(answer, 401, code)
    authority.refused(authority.post("/v1/trusted-software", LISTING, "producer"), 403, "role_insufficient")


def upload(authority: Authority, content: bytes, media_type: str, role: str = "producer") -> Any:
    headers = {**headers_of(authority.var, role), "Content-Type": media_type}
    return authority.client.post("/v1/documents", content=content, headers=headers)


def test_documents_have_a_known_kind_some_content_and_a_limit(authority: Authority, head: int) -> None:
    authority.refused(upload(authority, b"<svg/>", "image/svg+xml"), 415, "document_media_type_unsupported")
    assert upload(authority, b"", "application/pdf").status_code == 422
    too_large = upload(authority, b"x" * (MAX_DOCUMENT_BYTES + 1), "application/pdf")
    authority.refused(too_large, 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (f"/v1/cases/{UNKNOWN}/conclusion", {"result": "confirmed"}, "case_unknown"),
        (
            f"/v1/notifications/{UNKNOWN}/resubmission",
            {"answer_to_remarks": {"kk": "Жауап", "ru": "Ответ"}},
            "notification_unknown",
        ),
        (
            f"/v1/trusted-software/{UNKNOWN}/delisting",
            {"delisted_on": "2026-04-02", "ground": {"kk": "Шешім", "ru": "Решение"}},
            "listing_unknown",
        ),
    ],
)
def test_a_command_about_something_unknown_is_not_found(
    authority: Authority, head: int, path: str, body: Any, code: str
) -> None:
    authority.refused(authority.post(path, body, **{"If-Match": '"1"'}), 404, code)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"result": "confirmed", "decision": "upheld"}, ""),
        ({"result": "perhaps"}, "/result"),
        ({"result": 1}, "/result"),
        ({"result": "refused", "reasons": {"kk": "Негіздеме"}}, "/reasons/ru"),
        ({"result": "refused", "reasons": {"kk": "x", "ru": " "}}, "/reasons/ru"),
        ({"result": "refused", "reasons": {"kk": "x" * 4_001, "ru": "x"}}, "/reasons/kk"),
        ({"result": "refused", "reasons": {"kk": "a\u0000b", "ru": "x"}}, "/reasons/kk"),
        ({"result": "refused", "annuls_from_start": "maybe"}, "/annuls_from_start"),
        ({"result": "refused", "unknown": 1}, "/unknown"),
    ],
)
def test_a_wrong_field_of_a_conclusion_is_named(
    authority: Authority, head: int, body: dict[str, Any], pointer: str
) -> None:
    """Every text an authority writes is in Kazakh and Russian."""
    answer = authority.post(f"/v1/cases/{UNKNOWN}/conclusion", body, **{"If-Match": '"1"'})
    problem = authority.refused(answer, 422, "request_invalid")
    assert pointer in {error.get("pointer") for error in problem["errors"]}


def test_a_body_over_64_kib_or_of_another_type_is_refused(authority: Authority, head: int) -> None:
    large = {**LISTING, "reference": "x" * 70_000}
    authority.refused(authority.post("/v1/trusted-software", large), 413, "body_too_large")
    headers = {**headers_of(authority.var, "informatization_officer"), "Content-Type": "text/plain"}
    answer = authority.client.post("/v1/trusted-software", content=b"{}", headers=headers)
    authority.refused(answer, 415, "media_type_unsupported")


def test_a_command_needs_a_key(authority: Authority, head: int) -> None:
    headers = headers_of(authority.var, "informatization_officer")
    answer = authority.client.post("/v1/trusted-software", json=LISTING, headers=headers)
    authority.refused(answer, 400, "idempotency_key_required")


def test_a_day_that_has_not_come_lists_nothing(authority: Authority, head: int) -> None:
    answer = authority.post("/v1/trusted-software", {**LISTING, "listed_on": "2100-01-01"})
    assert answer.status_code == 422
    before = {**LISTING, "valid_until": "2025-11-09"}
    authority.refused(authority.post("/v1/trusted-software", before), 422, "validity_before_listing")


def test_a_producer_sees_neither_cases_nor_anothers_documents(authority: Authority, head: int) -> None:
    """Evidence is for the officers: figures, contracts and reports leave here as digests only."""
    kept = upload(authority, b"%PDF-1.7 another producer's contract", "application/pdf").json()["sha256"]
    producer = headers_of(authority.var, "producer")
    for path in (f"/v1/documents/{kept}", "/v1/cases", f"/v1/cases/{UNKNOWN}"):
        authority.refused(authority.client.get(path, headers=producer), 403, "role_insufficient")
    conclusion = authority.post(
        f"/v1/cases/{UNKNOWN}/conclusion", {"result": "confirmed"}, "producer", **{"If-Match": '"1"'}
    )
    authority.refused(conclusion, 403, "role_insufficient")


def test_a_token_of_an_issuer_that_is_not_trusted_is_refused(authority: Authority, head: int) -> None:
    mine = development_issuer(authority.var)
    issuer = TokenIssuer("urn:elsewhere", mine._key, audience="urn:tizilim:verification")
    token = issuer.token(subject="x", roles=["informatization_officer"])
    answer = authority.post("/v1/trusted-software", LISTING, Authorization=f"Bearer {token}")
    authority.refused(answer, 401, "token_invalid")
