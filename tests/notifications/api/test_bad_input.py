"""Bad input: a clear problem document naming the field and the rule, and nothing stored."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.notifications.api.conftest import HOOK, Api, refused
from tests.notifications.given import BIN, OTHER_BIN

NOBODY = "0191f3c0-0000-7000-8000-000000000000"


def secret_of(size: int) -> str:
    return "whsec_" + base64.b64encode(b"k" * size).decode()


@pytest.mark.parametrize(
    "secret",
    [
        secret_of(23),
        secret_of(65),
        secret_of(0),
        "whsec_",
        "k" * 40,
        "whsec_###",
        "whsk_" + "A" * 44,
        "",
        " ",
    ],
)
def test_a_secret_of_the_wrong_size_or_form_is_refused(embedded: Api, secret: str) -> None:
    before = embedded.stored()
    answer = embedded.post("/v1/subscriptions", {"url": HOOK, "secret": secret})
    problem = refused(embedded, answer, 422, "webhook_secret_invalid", before)
    assert problem["errors"][0]["pointer"] == "/secret"
    assert secret.strip("whsec_ ") == "" or secret not in answer.text


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_of_24_and_of_64_bytes_are_taken(embedded: Api, size: int) -> None:
    assert embedded.subscribed(secret=secret_of(size))["secret"] == secret_of(size)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.kz/register",
        "https://hooks.example.kz:22/",
        "https://localhost/",
        "https://user:password@hooks.example.kz/",
        "https://hooks.example.kz@127.0.0.1/",
        "https://hooks.example.kz\\@127.0.0.1/",
        "https://hooks.example.kz/#fragment",
        "https://hooks.example.kz/ space",
        "https://hooks.example.kz/\r\nHost: other",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1",
        "ftp://hooks.example.kz/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//hooks.example.kz/",
        "hooks.example.kz",
        "",
    ],
)
def test_an_endpoint_that_production_does_not_call_is_refused(embedded: Api, url: str) -> None:
    before = embedded.stored()
    problem = refused(
        embedded, embedded.post("/v1/subscriptions", {"url": url}), 422, "endpoint_url_invalid", before
    )
    assert problem["errors"][0]["pointer"] == "/url"
    assert problem["params"]["rule"]


@pytest.mark.parametrize(
    "name",
    [
        "kz.register.entry.renamed.v1",
        "kz.register.entry.included.v2",
        "kz.verification.case.opened.v1",
        "kz.register.entry.included.v1 kz.register.entry.excluded.v1",
        "kz.register.entri.*",
        "*",
        "",
    ],
)
def test_an_event_type_that_is_not_published_is_named(embedded: Api, name: str) -> None:
    before = embedded.stored()
    types = ["kz.register.entry.included.v1", name]
    answer = embedded.post("/v1/subscriptions", {"url": HOOK, "event_types": types})
    problem = refused(embedded, answer, 422, "event_type_unknown", before)
    assert problem["errors"][0]["pointer"] == "/event_types/1"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": 5}, "/url"),
        ({"url": None}, "/url"),
        ({"url": "https://h.kz/" + "x" * 2_000}, "/url"),
        ({"event_types": "all"}, "/event_types"),
        ({"event_types": ["x" * 101]}, "/event_types/0"),
        ({"event_types": ["x"] * 51}, "/event_types"),
        ({"description": "a\u0000b"}, "/description"),
        ({"description": "x" * 501}, "/description"),
        ({"bin": 181240006529}, "/bin"),
        ({"bin": "1812400065290"}, "/bin"),
        ({"product_id": "p-1"}, "/product_id"),
        ({"status": "withdrawn"}, "/status"),
        ({"region": "7"}, "/region"),
        ({"region": "75%"}, "/region"),
        ({"track": "court"}, "/track"),
        ({"secret": ["x"]}, "/secret"),
        ({"secret": "whsec_" + "A" * 200}, "/secret"),
        ({"owner": "somebody else"}, "/owner"),
        ({"state": "active"}, "/state"),
    ],
)
def test_a_wrong_field_is_named(embedded: Api, change: dict[str, Any], pointer: str) -> None:
    before = embedded.stored()
    answer = embedded.post("/v1/subscriptions", {"url": HOOK, **change})
    problem = refused(embedded, answer, 422, "request_invalid", before)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("number", "code"), [("181241006529", "bin_check_digit"), ("18124000652", "bin_form"), ("", "bin_form")]
)
def test_the_rule_that_a_bin_breaks_is_named(embedded: Api, number: str, code: str) -> None:
    before = embedded.stored()
    answer = embedded.post("/v1/subscriptions", {"url": HOOK, "bin": number})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["errors"][0]["pointer"] == "/bin"
    assert problem["code"] == code
    assert embedded.stored() == before


@pytest.mark.parametrize("content", [b"{", b'{"url": "\xff"}', b"nonsense", b"[1,]"])
def test_a_body_that_is_no_json_is_unreadable(embedded: Api, content: bytes) -> None:
    before = embedded.stored()
    headers = {**embedded.headers("integrator"), "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = embedded.client.post("/v1/subscriptions", content=content, headers=headers)
    refused(embedded, answer, 400, "body_unreadable", before)


def test_a_command_without_a_key_is_refused(embedded: Api) -> None:
    before = embedded.stored()
    headers = embedded.headers("integrator")
    answer = embedded.client.post("/v1/subscriptions", json={"url": HOOK}, headers=headers)
    refused(embedded, answer, 400, "idempotency_key_required", before)


def test_a_key_used_again_with_another_body_is_refused(api: Api) -> None:
    api.post("/v1/subscriptions", {"url": HOOK}, key="k-1")
    before = api.stored()
    answer = api.post("/v1/subscriptions", {"url": HOOK + "/other"}, key="k-1")
    refused(api, answer, 422, "idempotency_key_reused", before)


def test_a_receipts_key_used_again_for_another_message_is_refused(api: Api) -> None:
    first, second = api.told(count=2)
    paths = [f"/v1/accounts/{BIN}/messages/{message}/receipt" for message in (first, second)]
    assert api.post(paths[0], role="producer", key="k-1").status_code == 201
    before = api.stored()
    answer = api.post(paths[1], role="producer", key="k-1")
    refused(api, answer, 422, "idempotency_key_reused", before)


@pytest.mark.parametrize("wrong", ["x", "0191F3C0-0000-7000-8000-000000000000", "1' OR '1'='1", "0" * 37])
def test_a_malformed_id_is_refused(embedded: Api, wrong: str) -> None:
    before = embedded.stored()
    for answer in (
        embedded.get(f"/v1/subscriptions/{wrong}"),
        embedded.get(f"/v1/subscriptions/{wrong}/deliveries"),
        embedded.post(f"/v1/subscriptions/{wrong}/test"),
        embedded.delete(f"/v1/subscriptions/{wrong}"),
        embedded.post(f"/v1/accounts/{BIN}/messages/{wrong}/receipt", role="producer"),
    ):
        refused(embedded, answer, 422, "request_invalid", before)


@pytest.mark.parametrize(
    ("number", "code"), [("18124000652", "iin_form"), ("181240006528", "bin_check_digit")]
)
def test_a_wrong_account_number_is_refused(embedded: Api, number: str, code: str) -> None:
    before = embedded.stored()
    answer = embedded.get(f"/v1/accounts/{number}/messages", role="industry_officer")
    (error,) = refused(embedded, answer, 422, "request_invalid", before)["errors"]
    assert (error["code"], error["parameter"]) == (code, "bin")


def test_a_cursor_of_other_filters_is_refused(api: Api) -> None:
    api.told(BIN, 3)
    api.told(OTHER_BIN, 3)
    first, second = api.subscribed(), api.subscribed()
    api.post(f"/v1/subscriptions/{first['subscription_id']}/test")
    path = f"/v1/accounts/{BIN}/messages"
    cursor = api.get(path, role="auditor", limit=1).json()["next"]
    deliveries = f"/v1/subscriptions/{first['subscription_id']}/deliveries"
    other = api.get(deliveries, limit=1).json()["next"]
    subscriptions = api.get("/v1/subscriptions", limit=1).json()["next"]
    before = api.stored()
    for answer in (
        api.get(f"/v1/accounts/{OTHER_BIN}/messages", role="auditor", cursor=cursor),
        api.get(path, role="auditor", cursor=cursor, unread="true"),
        api.get(path, role="auditor", cursor=other),
        api.get(f"/v1/subscriptions/{second['subscription_id']}/deliveries", cursor=other),
        api.get("/v1/subscriptions", cursor=other),
        api.get("/v1/subscriptions", who="b", cursor=subscriptions),
        api.get("/v1/subscriptions", cursor="x"),
        api.get("/v1/subscriptions", cursor=subscriptions[:-4] + "AAAA"),
    ):
        refused(api, answer, 400, "cursor_invalid", before)
    assert api.get(path, role="auditor", cursor=cursor).status_code == 200


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", ""])
def test_a_limit_outside_1_to_500_is_refused(embedded: Api, limit: str) -> None:
    before = embedded.stored()
    for path, role in (("/v1/subscriptions", "integrator"), (f"/v1/accounts/{BIN}/messages", "auditor")):
        refused(embedded, embedded.get(path, role=role, limit=limit), 422, "request_invalid", before)


def test_an_id_that_nobody_has_is_not_found(api: Api) -> None:
    before = api.stored()
    answer = api.get(f"/v1/subscriptions/{NOBODY}")
    refused(api, answer, 404, "subscription_unknown", before)
