"""A producer's updates over HTTP (order 327 para. 26): what shows where, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.kernel.clock import set_simulated_clock
from services.kernel.contract import OfficialText
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.api.conftest import Api
from tests.register.given import BIN, IIN, OTHER_BIN, at

CONTACTS = {"contacts": {"email": "office@dala.example", "telephone": "+7 7172 111111"}}
RENAMED = {"kk": "«Дала Плюс» ЖШС", "ru": "ТОО «Дала Плюс»"}


def on(api: Api, var: Path, day: str) -> None:
    """Move the clocks of the service and of the test to noon of a day in Almaty."""
    set_simulated_clock(var / "clock.json", at(day))
    api.desk.on(day)


def updated(api: Api, entry: Any, body: Any, **how: Any) -> Any:
    path = f"/v1/entries/{entry.id}"
    how.setdefault("if_match", api.get(path).headers["ETag"])
    return api.post(f"{path}/updates", body, **how)


def read(api: Api, entry: Any, **query: Any) -> dict[str, Any]:
    answer = api.get(f"/v1/entries/{entry.id}", **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_update_shows_now_in_the_past_in_history_changes_and_extracts(both: Api, tmp_path: Path) -> None:
    entry = both.desk.include()
    on(both, tmp_path, "2026-03-20")
    start = both.head()
    body = {
        **CONTACTS,
        "producer": {"name": RENAMED, "registration_number": "GU-2026-002"},
        "activity": {"kato": "710000000"},
        "product": {"capacity_per_year": "2500"},
        "changed_on": "2026-03-10",
    }
    answer = updated(both, entry, body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/entries/{entry.id}"
    assert int(answer.headers["Journal-Position"]) == start + 1
    last = answer.json()["last_update"]
    assert (last["changed_on"], last["quarter"], last["in_time"]) == ("2026-03-10", "2026-Q1", True)
    assert (last["term"]["due_on"], last["term"]["basis"]) == ("2026-04-06", "order-327 para. 26")

    new, old = read(both, entry), read(both, entry, known_at=start)
    assert new["contacts"] == {"address": "Астана, Мәңгілік Ел 55", **CONTACTS["contacts"]}
    assert old["contacts"]["email"] == "info@dala.example"
    assert (new["producer"]["name"]["ru"], old["producer"]["name"]["ru"]) == ("ТОО «Дала Плюс»", "ТОО «Дала»")
    assert (new["product"]["capacity_per_year"], old["product"]["capacity_per_year"]) == ("2500", "1000")
    assert (new["activity"]["kato"], new["registration_number"]) == ("710000000", "GU-2026-002")
    assert new["included_on"] == old["included_on"]
    before = read(both, entry, valid_at="2026-03-09T18:59:59Z")
    assert before["contacts"]["telephone"] == "+77172000000"
    assert read(both, entry, valid_at="2026-03-09T19:00:00Z")["contacts"] == new["contacts"]

    fact = both.get(f"/v1/entries/{entry.id}/history").json()["items"][-1]
    assert (fact["type"], fact["kind"]) == ("kz.register.entry.updated.v1", "change")
    assert fact["effective_at"] == "2026-03-09T19:00:00.000000Z"
    assert "office@dala" not in str(fact)
    window: dict[str, Any] = {"from": start}
    (change,) = both.get("/v1/changes", **window).json()["items"]
    assert change["before"]["contacts"]["email"] == "info@dala.example"
    assert change["after"]["contacts"]["email"] == "office@dala.example"
    for moment, capacity, name in ((None, "2500", "ТОО «Дала Плюс»"), (start, "1000", "ТОО «Дала»")):
        asked = {"producer": BIN} if moment is None else {"producer": BIN, "known_at": moment}
        extract = both.post("/v1/extracts", asked).json()["content"]
        assert extract["products"][0]["capacity_per_year"] == capacity
        assert extract["producer"]["name"]["ru"] == name


def test_a_name_from_before_a_transformation_is_shown_up_to_its_day_and_found_by_it(
    quick: Api, tmp_path: Path
) -> None:
    """Para. 26 and art. 51-6: the name is that of whatever counts last in law, not of what was told last."""
    entry = quick.desk.include()
    on(quick, tmp_path, "2026-04-20")
    later = OfficialText(kk="«Кейін» АҚ", ru="АО «Позже»")
    command = TransformProducer(bin=BIN, on=date(2026, 4, 15), reference="R", new_name=later)
    transform_producer(quick.desk.journal, command, quick.desk.act())
    on(quick, tmp_path, "2026-04-25")
    answer = updated(quick, entry, {"producer": {"name": RENAMED}, "changed_on": "2026-04-01"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["producer"]["name"]["ru"] == "АО «Позже»"
    for day, name in (("03-20", "ТОО «Дала»"), ("04-05", RENAMED["ru"]), ("04-20", "АО «Позже»")):
        assert read(quick, entry, valid_at=f"2026-{day}T00:00:00Z")["producer"]["name"]["ru"] == name
    for q, found in (("позже", [str(entry.id)]), ("плюс", [])):
        items = quick.get("/v1/entries", q=q).json()["items"]
        assert [item["entry_id"] for item in items] == found


def test_a_repeated_key_names_the_producer_as_it_was_called_when_first_answered(api: Api) -> None:
    """A transformation told meanwhile is no part of that answer (art. 51-6)."""
    entry = api.desk.include()
    given: dict[str, Any] = {"key": "k", "if_match": '"1"'}
    first = updated(api, entry, {"producer": {"name": RENAMED}}, **given)
    later = OfficialText(kk="«Кейін» АҚ", ru="АО «Позже»")
    command = TransformProducer(
        bin=BIN, on=date(2026, 3, 2), reference="R", new_bin=OTHER_BIN, new_name=later
    )
    transform_producer(api.desk.journal, command, api.desk.act())
    again = updated(api, entry, {"producer": {"name": RENAMED}}, **given)
    assert (first.status_code, first.content) == (201, again.content)
    assert again.json()["producer"]["bin"] == BIN
    assert read(api, entry)["producer"]["bin"] == OTHER_BIN


def test_a_late_update_is_taken_and_called_late(api: Api, tmp_path: Path) -> None:
    entry = api.desk.include()
    on(api, tmp_path, "2026-04-07")
    answer = updated(api, entry, {**CONTACTS, "changed_on": "2026-03-10"})
    assert answer.status_code == 201
    last = answer.json()["last_update"]
    assert (last["in_time"], last["term"]["due_on"]) == (False, "2026-04-06")
    assert read(api, entry)["contacts"]["email"] == "office@dala.example"


def test_an_individuals_new_name_is_shown_and_extracted_and_stands_in_no_fact(api: Api) -> None:
    entry = api.desk.include(IIN)
    answer = updated(api, entry, {"producer": {"name": {"kk": "Асан Үсен", "ru": "Асан Усен"}}}, producer=IIN)
    assert answer.status_code == 201, answer.text
    assert read(api, entry)["producer"]["name"] == {"kk": "Асан Үсен", "ru": "Асан Усен"}
    assert read(api, entry)["producer"]["iin"] == IIN
    extract = api.post("/v1/extracts", {"producer": IIN}, producer=IIN).json()
    assert extract["content"]["producer"]["name"]["ru"] == "Асан Усен"
    again = api.get(f"/v1/extracts/{extract['extract_id']}", "producer", IIN).json()
    assert again["content"] == extract["content"]
    assert not any("Асан" in recorded.record.decode() for recorded in api.desk.journal.after(0, 100))


def test_the_same_key_gives_the_same_answer_and_one_fact(api: Api) -> None:
    entry = api.desk.include()
    tag = api.get(f"/v1/entries/{entry.id}").headers["ETag"]
    first = updated(api, entry, CONTACTS, key="k", if_match=tag)
    again = updated(api, entry, CONTACTS, key="k", if_match=tag)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert api.desk.kinds().count("EntryUpdated") == 1
    other = updated(api, entry, {"activity": {"kato": "710000000"}}, key="k", if_match=tag)
    assert other.json()["code"] == "idempotency_key_reused"


def test_beside_a_missed_term_the_values_stand_with_their_own_fact(api: Api, tmp_path: Path) -> None:
    """The term of a request for exclusion that was missed is recorded first, in the same unit."""
    entry = api.desk.include()
    command = RequestExclusion(entry_id=entry.id, by=BIN)
    request_exclusion(api.desk.journal, command, api.desk.act("producer"), api.desk.procedure)
    on(api, tmp_path, "2026-03-20")
    assert updated(api, entry, CONTACTS).status_code == 201
    assert api.desk.kinds()[-2:] == ["TermMissed", "EntryUpdated"]
    assert read(api, entry)["contacts"]["email"] == "office@dala.example"


@pytest.fixture
def entry(api: Api) -> Any:
    return api.desk.include()


def refused(api: Api, entry: Any, body: Any, status: int, code: str, **how: Any) -> dict[str, Any]:
    """The problem document of an update that leaves nothing behind."""
    head = api.head()
    answer = updated(api, entry, body, **how)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert api.head() == head
    problem: dict[str, Any] = answer.json()
    return problem


VERIFIED = (
    "/producer/bin",
    "/producer/iin",
    "/product/name",
    "/product/tn_ved",
    "/product/kpved",
    "/product/ens_tru",
    "/product/agsk3",
    "/documents",
    "/reporting_year",
)
WRONG: tuple[tuple[Any, str, str], ...] = (
    ({"surprise": 1}, "/surprise", "extra_forbidden"),
    ({"contacts": {"fax": "1"}}, "/contacts/fax", "extra_forbidden"),
    ({"contacts": {"address": "А" * 501}}, "/contacts/address", "string_too_long"),
    ({"contacts": {"address": "  "}}, "/contacts/address", "string_too_short"),
    ({"contacts": {"email": "нет"}}, "/contacts/email", "string_pattern_mismatch"),
    ({"activity": {"kato": "75"}}, "/activity/kato", "string_pattern_mismatch"),
    ({"activity": {"oked_secondary": ["62020"] * 21}}, "/activity/oked_secondary", "too_long"),
    ({"product": {"capacity_per_year": "-1"}}, "/product/capacity_per_year", "string_pattern_mismatch"),
    ({"producer": {"name": {"kk": "Дала"}}}, "/producer/name/ru", "missing"),
    ({**CONTACTS, "changed_on": "yesterday"}, "/changed_on", "day_form"),
)
UNFOUNDED: tuple[tuple[Any, str], ...] = (
    ({}, "update_changes_nothing"),
    ({"contacts": {"email": "info@dala.example"}}, "update_changes_nothing"),
    ({**CONTACTS, "changed_on": "2026-03-03"}, "day_in_future"),
    ({**CONTACTS, "changed_on": "2026-03-01"}, "change_before_inclusion"),
)


def test_what_was_verified_needs_an_application(api: Api, entry: Any) -> None:
    for pointer in VERIFIED:
        *parent, last = pointer.strip("/").split("/")
        body: Any = {last: "x"}
        for name in parent:
            body = {name: body}
        problem = refused(api, entry, {**CONTACTS, **body}, 422, "request_invalid")
        assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [(pointer, "verified_field")]


def test_a_value_that_cannot_be_is_named(api: Api, entry: Any) -> None:
    for body, pointer, code in WRONG:
        problem = refused(api, entry, body, 422, "request_invalid")
        assert (pointer, code) in [(error["pointer"], error["code"]) for error in problem["errors"]]


def test_an_update_that_cannot_stand_says_why(api: Api, entry: Any) -> None:
    for body, code in UNFOUNDED:
        assert refused(api, entry, body, 422, code)["detail"]


def test_only_the_producer_itself_brings_its_entry_up_to_date(api: Api, entry: Any) -> None:
    refused(api, entry, CONTACTS, 403, "not_yours", producer=OTHER_BIN)
    for role in ("industry_officer", "informatization_officer", "auditor", "integrator", "service"):
        refused(api, entry, CONTACTS, 403, "role_insufficient", role=role)
    refused(api, entry, CONTACTS, 401, "token_required", role=None)


def test_an_update_is_decided_on_the_version_that_was_seen(api: Api, entry: Any) -> None:
    seen = api.get(f"/v1/entries/{entry.id}").headers["ETag"]
    assert updated(api, entry, CONTACTS).status_code == 201
    refused(api, entry, {"activity": {"kato": "710000000"}}, 412, "version_stale", if_match=seen)
    head = api.head()
    client: TestClient = api.client
    given = {**api.headers("producer"), "Idempotency-Key": "n"}
    answer = client.post(f"/v1/entries/{entry.id}/updates", json=CONTACTS, headers=given)
    assert (answer.status_code, answer.json()["code"]) == (428, "if_match_required")
    assert api.head() == head


def test_an_excluded_entry_is_not_brought_up_to_date(quick: Api) -> None:
    entry = quick.desk.exclude(quick.desk.include())
    problem = refused(quick, entry, CONTACTS, 409, "entry_not_included")
    assert problem["params"]["state"] == "excluded"


def test_an_unknown_entry_is_not_found(api: Api) -> None:
    path = "/v1/entries/0191f3c0-0000-7000-8000-000000000000/updates"
    answer = api.post(path, CONTACTS, if_match='"1"')
    assert (answer.status_code, answer.json()["code"]) == (404, "entry_unknown")
