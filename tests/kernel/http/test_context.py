"""What surrounds every request: its id, and what is refused before any route sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from services.kernel.http.xroad import XRoad
from services.kernel.settings import ServiceSettings
from tests.kernel.ledger_service import LARGER, LedgerService


@pytest.mark.parametrize("given", ["a", "abc-1.2_3:4", "x" * 128])
def test_a_request_id_is_taken_and_given_back(edge: LedgerService, given: str) -> None:
    answer = edge.get("/healthz", headers={"Request-Id": given})
    assert answer.headers["Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "é", 'a"b', "<script>"])
def test_a_request_id_that_could_do_harm_is_replaced(edge: LedgerService, given: str) -> None:
    answer = edge.client.get("/healthz", headers={b"Request-Id": given.encode()})
    assert UUID(answer.headers["Request-Id"]).version == 4


@pytest.mark.parametrize(
    "path", ["/healthz", "/nowhere", "/v1/ledgers", "/v1/accidents/plain", "/v1/accidents/store"]
)
def test_every_answer_names_its_request_and_is_not_to_be_sniffed(edge: LedgerService, path: str) -> None:
    answer = edge.get(path, headers={"Request-Id": "r-1"})
    assert answer.headers.get_list("Request-Id") == ["r-1"]
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    if answer.status_code >= 400:
        assert answer.json()["instance"] == "urn:request:r-1"


def test_the_request_id_and_trace_go_into_the_fact(edge: LedgerService) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    headers = {"Request_Id": "r-1", "traceparent": trace}
    assert edge.raw(b'{"owner": "o"}', **headers).status_code == 201
    assert edge.raw(b'{"owner": "p"}', traceparent="garbage").status_code == 201
    first, second = (
        edge.journal.facts_of(row.stream_id)[0].fact.provenance for row in edge.journal.after(0, 2)
    )
    assert (first.correlation_id, first.traceparent) == ("r-1", trace)
    assert second.traceparent is None


XROAD = {"X_Road_Client": "KZ/GOV/181240006529/portal", "X_Road_Id": "KZ-0191f3c0-0000"}


@pytest.mark.parametrize(
    ("servers", "asks_from", "recorded"),
    [
        (["10.1.0.0/16"], "10.1.2.3", True),
        (["10.1.0.0/16", "2001:db8::1"], "2001:db8::1", True),
        (["10.1.2.3"], "::ffff:10.1.2.3", True),
        (["10.1.0.0/16"], "10.2.2.3", False),
        (["10.1.0.0/16"], "not-an-address", False),
        ([], "10.1.2.3", False),
    ],
)
def test_only_our_security_server_tells_who_asks_by_xroad(
    edge: LedgerService, servers: list[str], asks_from: str, recorded: bool
) -> None:
    settings = ServiceSettings(xroad_servers=servers, _env_file=None)
    edge.app.state.edge = replace(edge.app.state.edge, xroad=XRoad(settings.xroad_servers))
    asking = replace(edge, client=TestClient(edge.app, client=(asks_from, 50_000)))
    assert asking.raw(b'{"owner": "o"}', **XROAD).status_code == 201
    (row,) = edge.journal.after(0, 2)
    said = edge.journal.facts_of(row.stream_id)[0].fact.provenance
    assert (said.xroad_client, said.xroad_id) == (tuple(XROAD.values()) if recorded else (None, None))


@pytest.mark.parametrize(
    "said",
    [
        {"X_Road_Client": value}
        for value in ("", "KZ", "KZ/GOV", "KZ/GOV/1/a/b", "KZ/GOV/a b", "KZ//1", "KZ/GOV/<b>", "KZ/GOV/%zz")
    ]
    + [{"X_Road_Client": "KZ/GOV/" + "/".join(["x" * 100] * 2) + "x" * 48}, {"X_Road_Client": "KZ/GOV/é"}]
    + [{"X_Road_Id": value} for value in ("", "a b", "a\tb", "x" * 129, "é", "<script>", "660427402182;")],
)
def test_xroad_headers_of_another_form_are_refused_and_nothing_is_stored(
    edge: LedgerService, said: dict[str, str]
) -> None:
    encoded = {name: value.encode("latin-1") for name, value in said.items()}
    answer = edge.raw(b'{"owner": "o"}', **encoded)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (400, "xroad_header_invalid")
    assert answer.json()["params"]["header"].replace("-", "_") in said
    assert edge.journal.head() == 0


@pytest.mark.parametrize("said", ["", "x" * 129, "<script>"])
def test_a_request_id_of_another_form_is_not_recorded_but_replaced(edge: LedgerService, said: str) -> None:
    answer = edge.raw(b'{"owner": "o"}', Request_Id=said.encode("latin-1"))  # type: ignore[arg-type]
    (row,) = edge.journal.after(0, 2)
    told = edge.journal.facts_of(row.stream_id)[0].fact.provenance.correlation_id
    assert told == answer.headers["Request-Id"] != said
    assert re.fullmatch("[0-9a-f]{32}", told)


@pytest.mark.parametrize(("length", "status"), [(2_000, 404), (2_001, 414)])
def test_a_url_has_at_most_two_thousand_characters(edge: LedgerService, length: int, status: int) -> None:
    for prefix in ("/", "/?a=", "/nowhere?a="):
        missing = length - len(prefix) - (0 if "?" in prefix else 1)
        answer = edge.get(prefix + "x" * missing)
        expected = "url_too_long" if status == 414 else "path_unknown"
        assert (answer.status_code, answer.json()["code"]) == (status, expected), prefix


def sized(size: int) -> bytes:
    return b'{"owner": "' + b"x" * (size - 13) + b'"}'


def chunked(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1_000):
        yield body[start : start + 1_000]


@pytest.mark.parametrize(("size", "status"), [(65_536, 422), (65_537, 413)])
@pytest.mark.parametrize("stated", [True, False], ids=["with Content-Length", "chunked"])
def test_a_body_has_at_most_64_kib(edge: LedgerService, size: int, status: int, stated: bool) -> None:
    body = sized(size)
    answer = edge.raw(body if stated else chunked(body))
    assert answer.status_code == status
    assert answer.json()["code"] == ("body_too_large" if status == 413 else "request_invalid")
    assert edge.journal.head() == 0


def test_a_body_that_says_it_is_shorter_is_counted_all_the_same(edge: LedgerService) -> None:
    answer = edge.raw(chunked(sized(70_000)), Content_Length="20")
    assert answer.status_code == 413


@pytest.mark.parametrize(("size", "status"), [(65_537, 200), (200_000, 200), (200_001, 413)])
@pytest.mark.parametrize("stated", [True, False])
def test_a_path_with_a_limit_of_its_own_takes_more_and_any_media_type(
    edge: LedgerService, size: int, status: int, stated: bool
) -> None:
    body = b"x" * size
    headers = {"Content-Type": "application/pdf"}
    answer = edge.client.post(LARGER, content=body if stated else chunked(body), headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == size


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "", "application/json-seq", "multipart/form-data"]
)
def test_only_json_is_taken(edge: LedgerService, media_type: str) -> None:
    answer = edge.raw(b'{"owner": "o"}', Content_Type=media_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    assert edge.journal.head() == 0


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_taken_however_its_type_is_written(edge: LedgerService, media_type: str) -> None:
    assert edge.raw(b'{"owner": "o"}', Content_Type=media_type).status_code == 201


UNREADABLE = {
    "nothing": b"",
    "not closed": b'{"owner": "o"',
    "no JSON": b"owner=o",
    "invalid UTF-8": b'{"owner": "\xff\xfe"}',
    "nested without end": b"[" * 60_000,
    "a number without end": b'{"owner": ' + b"9" * 60_000 + b"}",
    "two values": b'{"owner": "o"} {}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_that_cannot_be_read_stores_nothing(edge: LedgerService, body: bytes) -> None:
    answer = edge.raw(body)
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] in {"body_unreadable", "request_invalid"}
    assert edge.journal.head() == 0


WRONG = {
    "NUL": b'{"owner": "a\\u0000b"}',
    "a control character": b'{"owner": "a\\u0007b"}',
    "half a character": b'{"owner": "\\ud800"}',
    "half a character in an unknown field": b'{"owner": "o", "\\udfff": 1}',
    "NUL in an unknown field": b'{"owner": "o", "\\u0000": 1}',
    "not a number": b'{"owner": NaN}',
    "a list": b"[]",
    "null": b"null",
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_a_value_that_is_no_text_is_a_wrong_value(edge: LedgerService, body: bytes) -> None:
    answer = edge.raw(body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "request_invalid"
    assert edge.journal.head() == 0


@pytest.mark.parametrize("path", ["/v1/ledgers/%00", "/problems/a%00b", "/v1/ledgers?bin=%00", "/?%00=1"])
def test_a_nul_in_the_url_is_refused(edge: LedgerService, path: str) -> None:
    answer = edge.get(path, "auditor")
    assert (answer.status_code, answer.json()["code"]) == (400, "url_invalid")


@pytest.mark.parametrize("path", ["/v1/ledgers/%ff", "/v1/ledgers?bin=%ff%fe", "/v1/ledgers/%ed%a0%80"])
def test_bytes_in_the_url_that_are_no_text_do_no_harm(edge: LedgerService, path: str) -> None:
    assert edge.get(path, "auditor").status_code in {200, 400, 404, 422}


@pytest.mark.parametrize(
    "name", ["Authorization", "Content-Type", "Host", "Idempotency-Key", "If-Match", "Request-Id"]
)
def test_a_header_that_counts_once_is_refused_twice(edge: LedgerService, name: str) -> None:
    """A proxy may read the first line and the service the last."""
    given = {"Content-Type": "application/json", "Idempotency-Key": "k", "Host": "register"}
    given |= {**edge.headers("producer"), "If-Match": '"1"', "Request-Id": "r"}
    doubled = [*given.items(), (name, given[name])]
    answer = edge.client.post("/v1/ledgers", content=b'{"owner": "o"}', headers=doubled)
    assert (answer.status_code, answer.json()["code"]) == (400, "header_repeated")
    assert answer.json()["params"] == {"header": name.lower()}
    assert edge.journal.head() == 0


def test_a_header_that_is_a_list_may_come_in_several_lines(edge: LedgerService) -> None:
    headers = [("Accept", "application/json"), ("Accept", "*/*")]
    assert edge.client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/v1/ledgers", "/nowhere"])
def test_head_tells_what_get_would(edge: LedgerService, path: str) -> None:
    """RFC 9110 section 9.3.2."""
    told, shown = (
        edge.client.request(method, path, headers=edge.headers("auditor")) for method in ("HEAD", "GET")
    )
    assert told.status_code == shown.status_code
    same = ("Content-Type", "Content-Length", "ETag", "Cache-Control")
    assert [told.headers.get(name) for name in same] == [shown.headers.get(name) for name in same]


@pytest.mark.parametrize("path", ["/v1/ledgers/", "/v1/ledgers//", "//v1/ledgers", "/healthz/"])
def test_a_path_is_not_corrected_and_nobody_is_sent_to_another_host(edge: LedgerService, path: str) -> None:
    answer = edge.get(path, "auditor", {"Host": "elsewhere.example"})
    assert (answer.status_code, answer.json()["code"]) == (404, "path_unknown")
    assert "Location" not in answer.headers


def test_no_other_site_may_read_answers(edge: LedgerService) -> None:
    """No answer names an origin (Fetch standard, CORS), asked beforehand or not."""
    asking = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = edge.client.request(method, "/v1/ledgers", headers={**edge.headers("auditor"), **asking})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_methods_that_nobody_uses_are_counted_as_one(edge: LedgerService) -> None:
    for method in ("PROPFIND", "MKCOL", "X" * 50):
        assert edge.client.request(method, "/v1/ledgers").status_code == 405
    metrics = edge.get("/metrics").text
    assert 'method="other"' in metrics
    assert "PROPFIND" not in metrics
    assert "XXX" not in metrics


def test_an_unknown_path_and_method_are_problems(edge: LedgerService) -> None:
    assert edge.get("/v2/ledgers").json()["code"] == "path_unknown"
    answer = edge.client.put(f"/v1/ledgers/{uuid4()}", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"
