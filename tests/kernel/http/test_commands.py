"""Commands are repeatable and conditional; reads are versioned, paged and only as old as they say."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import Request

from services.kernel.http.problems import Problem
from services.kernel.http.responses import Cursors
from services.kernel.journal.journal import Journal
from tests.kernel.ledger_service import LedgerService, ledger_service

PATIENCE = 20


# Idempotency-Key.


def test_a_command_answers_with_what_it_recorded(service: LedgerService) -> None:
    answer = service.post("/v1/ledgers", {"owner": "o"})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Journal-Position"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert service.get(answer.headers["Location"]).json() == answer.json()


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é"])
def test_a_key_must_be_there_and_be_plain_text(edge: LedgerService, key: str) -> None:
    answer = edge.raw(b'{"owner": "o"}', Idempotency_Key=key.encode("latin-1"))  # type: ignore[arg-type]
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"].lower() == "idempotency-key"
    assert edge.journal.head() == 0


def test_a_command_without_a_key_is_400(edge: LedgerService) -> None:
    answer = edge.client.post("/v1/ledgers", json={"owner": "o"}, headers=edge.headers("producer"))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert edge.journal.head() == 0


def test_the_same_key_and_body_give_the_first_answer_again(service: LedgerService) -> None:
    first = service.post("/v1/ledgers", {"owner": "o"}, key="k1")
    service.write(first.json()["id"], "meanwhile", 1)
    again = service.post("/v1/ledgers", {"owner": "o"}, key="k1")
    assert (again.status_code, again.content) == (201, first.content)
    for header in ("ETag", "Journal-Position", "Location"):
        assert again.headers[header] == first.headers[header]
    assert service.journal.head() == 2


@pytest.mark.parametrize("changed", ["body", "query", "path"])
def test_the_same_key_for_something_else_is_422(service: LedgerService, changed: str) -> None:
    one, other = service.opened("one")["id"], service.opened("other")["id"]
    assert service.write(one, "a", 1, key="k1").status_code == 201
    if changed == "body":
        answer = service.write(one, "b", 1, key="k1")
    elif changed == "path":
        answer = service.write(other, "a", 1, key="k1")
    else:
        path = f"/v1/ledgers/{one}/lines?"
        answer = service.post(path, {"text": "a "}, "industry_officer", "k1", If_Match='"1"')
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert service.journal.head() == 3


def test_another_callers_key_is_another_key(edge: LedgerService) -> None:
    first = edge.raw(b'{"owner": "one"}', Idempotency_Key="k1")
    headers = edge.headers("producer", subject="another") | {"Idempotency-Key": "k1"}
    second = edge.client.post("/v1/ledgers", json={"owner": "two"}, headers=headers)
    assert (first.status_code, second.status_code, edge.journal.head()) == (201, 201, 2)


def test_who_acts_for_two_producers_gets_no_answer_of_one_for_the_other(edge: LedgerService) -> None:
    """One subject, two tokens, each bound to its BIN: the same key and body are not the same command."""
    answers = []
    for number in ("181240006529", "971240001315"):
        token = edge.issuer.token(subject="agent", roles=["producer"], producer=number)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
        answers.append(edge.client.post("/v1/ledgers", json={"owner": "o"}, headers=headers))
    assert [answer.status_code for answer in answers] == [201, 422]
    assert answers[1].json()["code"] == "idempotency_key_reused"


def test_neither_the_stored_answer_nor_the_log_tells_whose_token_it_was(
    edge: LedgerService, caplog: pytest.LogCaptureFixture
) -> None:
    """An issuer may put an IIN into the subject; an answer and a log line live longer than its erasure."""
    caplog.set_level("INFO", logger="tizilim")
    headers = edge.headers("producer", subject="producer-660427402182") | {"Idempotency-Key": "k1"}
    assert edge.client.post("/v1/ledgers", json={"owner": "one"}, headers=headers).status_code == 201
    with edge.journal.database.read() as connection:
        stored = connection.execute(sa.select(edge.journal.tables.idempotency_keys)).mappings().one()
    (line,) = [record for record in caplog.records if record.message == "request"]
    assert stored["principal"] == vars(line)["actor"]
    assert "660427402182" not in f"{dict(stored)} {vars(line)}"


def test_a_refused_command_leaves_its_key_free(edge: LedgerService) -> None:
    edge.opened("taken")
    refused = edge.post("/v1/ledgers", {"owner": "taken"}, key="k1")
    assert (refused.status_code, refused.json()["code"]) == (409, "changed_meanwhile")
    assert edge.post("/v1/ledgers", {"owner": "free"}, key="k1").status_code == 201


def test_concurrent_duplicates_all_get_the_first_answer(service: LedgerService) -> None:
    many = 6
    together = threading.Barrier(many)

    def send(_number: int) -> Any:
        together.wait(PATIENCE)
        return service.post("/v1/ledgers", {"owner": "o"}, key="k1")

    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(send, range(many)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert service.journal.head() == 1


def test_a_duplicate_that_decided_before_the_first_committed_gets_the_first_answer(
    service: LedgerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first commits exactly between the second's decision and its commit."""
    recorder = service.journal.recorder
    commit = recorder.commit
    firsts: list[Any] = []

    def overtaken(unit: Any) -> Any:
        monkeypatch.setattr(recorder, "commit", commit)
        firsts.append(service.post("/v1/ledgers", {"owner": "o"}, key="k1"))
        return commit(unit)

    monkeypatch.setattr(recorder, "commit", overtaken)
    second = service.post("/v1/ledgers", {"owner": "o"}, key="k1")
    assert (second.status_code, second.content) == (201, firsts[0].content)
    assert service.journal.head() == 1


def test_an_answer_that_a_crash_kept_from_its_caller_is_given_to_the_repeat(database_url: str) -> None:
    """The process dies after the commit and before the answer; the next one knows the key."""
    with ledger_service(database_url) as first:
        transact = first.journal.transact

        def dying(*arguments: Any, **named: Any) -> Any:
            transact(*arguments, **named)
            raise RuntimeError("killed")

        first.journal.transact = dying  # type: ignore[method-assign]
        assert first.post("/v1/ledgers", {"owner": "o"}, key="k1").status_code == 500
        stored = first.journal.after(0, 10)
    with ledger_service(database_url) as second:
        again = second.post("/v1/ledgers", {"owner": "o"}, key="k1")
        assert (again.status_code, again.headers["Journal-Position"]) == (201, "1")
        assert again.json()["id"] == str(stored[0].stream_id)
        assert second.journal.after(0, 10) == stored


# If-Match.


def test_a_decision_without_a_version_is_428(edge: LedgerService) -> None:
    path = f"/v1/ledgers/{edge.opened()['id']}/lines"
    answer = edge.post(path, {"text": "a"}, "industry_officer")
    assert (answer.status_code, answer.json()["code"]) == (428, "if_match_required")


def test_a_decision_on_an_old_version_is_412_and_names_both(edge: LedgerService) -> None:
    ledger = edge.opened()["id"]
    assert edge.write(ledger, "a", 1).headers["ETag"] == '"2"'
    answer = edge.write(ledger, "b", 1)
    assert (answer.status_code, answer.json()["code"]) == (412, "version_stale")
    assert answer.json()["params"] == {"expected": "1", "present": "2"}
    assert edge.journal.head() == 2


@pytest.mark.parametrize("given", ["*", 'W/"1"', '"1", "2"', '"x"', '""', '"-1"', '"01"', '"1234567890"'])
def test_an_entity_tag_that_names_no_single_version_is_412(edge: LedgerService, given: str) -> None:
    """Weak tags never match (RFC 9110 section 13.1.1), and a decision is made on one version."""
    path = f"/v1/ledgers/{edge.opened()['id']}/lines"
    answer = edge.post(path, {"text": "a"}, "industry_officer", If_Match=given)
    assert (answer.status_code, answer.json()["code"]) == (412, "version_not_named")
    assert edge.journal.head() == 1


@pytest.mark.parametrize("given", ["1", "x", '"1', '"1" "2"', "W/1", " "])
def test_what_is_no_entity_tag_is_422(edge: LedgerService, given: str) -> None:
    path = f"/v1/ledgers/{edge.opened()['id']}/lines"
    answer = edge.post(path, {"text": "a"}, "industry_officer", If_Match=given)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"].lower() == "if-match"
    assert edge.journal.head() == 1


# Who.


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "token_required"),
        ("Basic eDp5", 401, "token_required"),
        ("x.y.z", 401, "token_required"),
        ("Bearer x.y.z", 401, "token_invalid"),
        ("Bearer", 401, "token_invalid"),
    ],
)
def test_who_proves_nothing_is_told_how(
    edge: LedgerService, authorization: str | None, status: int, code: str
) -> None:
    given = {} if authorization is None else {"Authorization": authorization}
    answer = edge.client.post("/v1/ledgers", json={"owner": "o"}, headers={"Idempotency-Key": "k", **given})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k", "Content-Type": "application/json"}],
    ids=["no key", "no good key", "no body"],
)
def test_who_may_not_ask_is_told_that_first(edge: LedgerService, headers: dict[str, str]) -> None:
    """Whatever else is wrong with the request: a stranger learns nothing about its form."""
    answer = edge.client.post(
        "/v1/ledgers", content=b"{", headers={"Content-Type": "application/json"} | headers
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "token_required")
    other = edge.client.post(
        "/v1/ledgers",
        content=b"{",
        headers={"Content-Type": "application/json", **headers, **edge.headers("auditor")},
    )
    assert (other.status_code, other.json()["code"]) == (403, "role_insufficient")


def test_another_role_is_403(edge: LedgerService) -> None:
    answer = edge.post("/v1/ledgers", {"owner": "o"}, "auditor")
    assert (answer.status_code, answer.json()["code"]) == (403, "role_insufficient")
    assert edge.journal.head() == 0


# Reads.


def test_a_version_the_reader_has_is_304(edge: LedgerService) -> None:
    ledger = edge.opened()["id"]
    path = f"/v1/ledgers/{ledger}"
    etag = edge.get(path).headers["ETag"]
    for known in (etag, f'"0", {etag}', f"W/{etag}", "*"):
        answer = edge.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b""), known
        assert answer.headers["ETag"] == etag
    edge.write(ledger, "a", 1)
    assert edge.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_a_list_has_a_version_too(edge: LedgerService) -> None:
    edge.opened("a")
    etag = edge.get("/v1/ledgers", "auditor").headers["ETag"]
    assert edge.get("/v1/ledgers", "auditor", {"If-None-Match": etag}).status_code == 304
    edge.opened("b")
    assert edge.get("/v1/ledgers", "auditor", {"If-None-Match": etag}).status_code == 200


def test_what_is_public_may_be_shared_and_what_is_not_may_not(edge: LedgerService) -> None:
    ledger = edge.opened()["id"]
    assert edge.get(f"/v1/ledgers/{ledger}").headers["Cache-Control"] == "no-cache"
    assert edge.get("/v1/ledgers", "auditor").headers["Cache-Control"] == "private, no-cache"


def test_the_link_leads_through_all_pages(service: LedgerService) -> None:
    for number in range(5):
        service.opened(f"owner-{number} <&>")
    path, seen = "/v1/ledgers?limit=2&bin=x%3E", []
    while path:
        answer = service.get(path, "auditor")
        seen += [item["owner"] for item in answer.json()["items"]]
        link = answer.headers.get("Link", "")
        assert bool(link) == ("next" in answer.json())
        path = link.removeprefix("<").removesuffix('>; rel="next"')
    assert seen == [f"owner-{number} <&>" for number in range(5)]


@pytest.mark.parametrize("limit", ["0", "501", "x"])
def test_a_page_is_bounded(edge: LedgerService, limit: str) -> None:
    assert edge.get(f"/v1/ledgers?limit={limit}", "auditor").status_code == 422


def test_a_cursor_is_good_for_the_same_filters_only(edge: LedgerService) -> None:
    for owner in "abc":
        edge.opened(owner)
    cursor = edge.get("/v1/ledgers?limit=1", "auditor").json()["next"]
    assert edge.get(f"/v1/ledgers?limit=1&cursor={cursor}", "auditor").status_code == 200
    answer = edge.get(f"/v1/ledgers?limit=1&bin=y&cursor={cursor}", "auditor")
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


def asked(path: str) -> Request:
    return Request({"type": "http", "path": path})


def test_a_cursor_that_was_not_given_is_refused() -> None:
    cursors, other, request = Cursors(b"a" * 32), Cursors(b"b" * 32), asked("/v1/ledgers")
    cursor = cursors.write(request, ["x", 7], {"status": "included", "q": None})
    assert cursors.read(request, cursor, {"status": "included"}) == ["x", 7]
    flipped = [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :] for place in (0, 9, 30)
    ]
    for wrong in (
        "",
        "x",
        "é",
        "=",
        "AAAA" * 20,
        cursor[:-2],
        *flipped,
        other.write(request, ["x", 7], {"status": "included"}),
    ):
        with pytest.raises(Problem):
            cursors.read(request, wrong, {"status": "included"})


def test_a_cursor_of_one_list_is_no_good_for_another() -> None:
    """Its place would be read as another thing's place."""
    cursors = Cursors(b"a" * 32)
    cursor = cursors.write(asked("/v1/entries"), ["0191f3c0-0000-7000-8000-000000000000"], {})
    with pytest.raises(Problem):
        cursors.read(asked("/v1/corrections"), cursor, {})


def test_a_command_that_came_to_nothing_is_not_answered() -> None:
    from services.kernel.http.answering import answered
    from services.kernel.journal.journal import Outcome

    nothing: Any = None
    with pytest.raises(ValueError, match="nothing"):
        answered(nothing, Outcome(None, None), Journal, nothing, nothing, "")  # type: ignore[type-var]
