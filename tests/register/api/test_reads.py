"""Reads: filters, pages, conditional requests, positions, the two times, who may see what."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.register.domain.entry import Entry
from services.register.domain.origin import Listing
from services.register.projections.trusted_listings import keep_listing
from services.register.usecases.end_producer import EndProducer, end_producer
from tests.register.api.conftest import Api
from tests.register.given import BIN, IIN, NOON, OTHER_BIN, THIRD_BIN


def entries_of(answer: Any) -> list[str]:
    return [item["product"]["name"]["ru"] for item in answer.json()["items"]]


@pytest.fixture
def peopled(quick: Api) -> Api:
    """Three entries of two producers, one of them excluded a day later."""
    desk = quick.desk
    desk.include(BIN, "Аға")
    desk.include(BIN, "Бақ")
    gone = desk.include(OTHER_BIN, "Сөз")
    desk.exclude(gone)
    return quick


def test_entries_are_found_by_producer_status_name_and_words(peopled: Api) -> None:
    assert entries_of(peopled.get("/v1/entries")) == ["Система Аға", "Система Бақ", "Система Сөз"]
    assert entries_of(peopled.get("/v1/entries", bin=OTHER_BIN)) == ["Система Сөз"]
    assert entries_of(peopled.get("/v1/entries", status="excluded")) == ["Система Сөз"]
    assert entries_of(peopled.get("/v1/entries", product="система  БАҚ")) == ["Система Бақ"]
    assert entries_of(peopled.get("/v1/entries", q="бақ")) == ["Система Бақ"]
    assert entries_of(peopled.get("/v1/entries", q="100%_")) == []
    assert entries_of(peopled.get("/v1/entries", bin=IIN)) == []


def test_a_product_id_is_a_product_too(peopled: Api) -> None:
    item = peopled.get("/v1/entries", q="Аға").json()["items"][0]
    assert entries_of(peopled.get("/v1/entries", product=item["entry_id"])) == ["Система Аға"]


def test_pages_follow_one_another_and_end(peopled: Api) -> None:
    first = peopled.get("/v1/entries", limit=2)
    assert len(first.json()["items"]) == 2
    assert 'rel="next"' in first.headers["Link"]
    second = peopled.get("/v1/entries", limit=2, cursor=first.json()["next"])
    assert entries_of(second) == ["Система Сөз"]
    assert "next" not in second.json()
    linked = peopled.client.get(first.headers["Link"].split(">")[0][1:])
    assert linked.json() == second.json()


@pytest.mark.parametrize("cursor", ["x", "AAAA", "2" * 60])
def test_a_made_up_cursor_is_refused(api: Api, cursor: str) -> None:
    answer = api.get("/v1/entries", cursor=cursor)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


def test_a_cursor_belongs_to_its_filters(peopled: Api) -> None:
    cursor = peopled.get("/v1/entries", limit=1).json()["next"]
    assert peopled.get("/v1/entries", limit=1, cursor=cursor, status="included").status_code == 400


def test_an_unchanged_entry_is_not_sent_again(peopled: Api) -> None:
    item = peopled.get("/v1/entries").json()["items"][0]
    path = f"/v1/entries/{item['entry_id']}"
    etag = peopled.get(path).headers["ETag"]
    again = peopled.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_an_entry_whose_producer_was_renamed_is_sent_again_and_decided_on_as_before(api: Api) -> None:
    """The new name stands in another stream than the version counts."""
    entry = api.desk.include()
    path = f"/v1/entries/{entry.id}"
    etag = api.get(path).headers["ETag"]
    renaming = {"form": "transformation", "on": "2026-03-02", "reference": "R", "new_bin": THIRD_BIN}
    assert api.post(f"/v1/producers/{BIN}/reorganisation", renaming, "service").status_code == 201
    again = api.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.json()["producer"]["bin"]) == (200, THIRD_BIN)
    assert again.headers["ETag"] != etag
    correction = {"event_id": "x", "kind": "annulment", "reasons": {"kk": "а", "ru": "а"}, "legal_basis": "b"}
    for tag, status in ((etag, 422), (etag.replace('"1', '"7'), 412), (etag.replace("-", "."), 412)):
        decided = api.post(f"{path}/corrections", correction, "industry_officer", if_match=tag)
        assert decided.status_code == status, decided.text


def test_a_read_waits_for_the_position_it_must_reflect(peopled: Api) -> None:
    assert peopled.get("/v1/entries", min_position=peopled.head()).status_code == 200


def test_the_register_is_read_at_any_two_times(quick: Api) -> None:
    desk = quick.desk
    entry = desk.include()
    known_before = desk.journal.head()
    desk.on("2026-02-27")  # an exclusion that counts from earlier than it is known
    end_producer(desk.journal, EndProducer(bin=BIN, on=date(2026, 2, 27), reference="R"), desk.act())
    path = f"/v1/entries/{entry.id}"
    assert quick.get(path).json()["status"] == "excluded"
    assert quick.get(path, known_at=known_before).json()["status"] == "included"
    before = (NOON - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert quick.get(path, valid_at=before).status_code == 404
    assert quick.get("/v1/entries", valid_at=before).json() == {"items": []}
    listed = quick.get("/v1/entries", known_at=known_before, status="included").json()["items"]
    assert [item["entry_id"] for item in listed] == [str(entry.id)]
    assert quick.get("/v1/entries", status="included").json()["items"] == []


def test_contacts_are_not_shown_in_a_past_of_an_entry_that_has_left(quick: Api) -> None:
    entry = quick.desk.include()
    known = quick.head()
    quick.desk.exclude(entry)
    past = quick.get(f"/v1/entries/{entry.id}", known_at=known)
    assert past.json()["status"] == "included"
    assert "contacts" not in past.json()


def test_pages_of_the_past_stay_at_the_moment_of_the_first(peopled: Api) -> None:
    first = peopled.get("/v1/entries", limit=2, valid_at="2026-03-02T07:00:00Z")
    peopled.desk.exclude(peopled.desk.include(OTHER_BIN, "Ұят"))
    second = peopled.get("/v1/entries", limit=2, valid_at="2026-03-02T07:00:00Z", cursor=first.json()["next"])
    assert entries_of(second) == ["Система Сөз"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("valid_at", "2126-03-02T07:00:00Z"), ("known_at", "2126-03-02T07:00:00Z"), ("known_at", "999999")],
)
def test_the_future_is_not_known(api: Api, parameter: str, value: str) -> None:
    answer = api.get("/v1/entries", **{parameter: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "instant_in_future")


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-03-02", "2026-13-02T07:00:00Z", "-1", "2026-03-02T07:00:00"]
)
def test_an_instant_that_is_none_names_its_parameter(api: Api, value: str) -> None:
    answer = api.get("/v1/entries", valid_at=value)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "valid_at")


def test_history_tells_every_fact_with_both_times(quick: Api) -> None:
    desk = quick.desk
    entry = desk.exclude(desk.include())
    facts = quick.get(f"/v1/entries/{entry.id}/history").json()["items"]
    assert [fact["type"] for fact in facts] == [
        "kz.register.entry.included.v1",
        "kz.register.entry.excluded.v1",
    ]
    assert all(fact["effective_at"].startswith("2026-03-02T07:00:00") for fact in facts)
    assert facts[1]["decided_by"] == "automatic"
    one = quick.get(f"/v1/entries/{entry.id}/history", limit=1).json()
    rest = quick.get(f"/v1/entries/{entry.id}/history", limit=1, cursor=one["next"]).json()
    assert one["items"] + rest["items"] == facts
    then = quick.get(f"/v1/entries/{entry.id}/history", known_at=facts[0]["position"]).json()["items"]
    assert then == facts[:1]


@pytest.mark.parametrize("path", ["/v1/entries/{id}", "/v1/entries/{id}/history"])
def test_an_unknown_entry_is_not_found(api: Api, path: str) -> None:
    answer = api.get(path.format(id="0191f3c0-0000-7000-8000-000000000000"))
    assert (answer.status_code, answer.json()["code"]) == (404, "entry_unknown")


def test_a_producer_sees_its_own_application_with_contacts_and_nobody_elses(both: Api) -> None:
    filed = both.filed()
    path = f"/v1/applications/{filed['application_id']}"
    assert both.get(path, "producer").json()["contacts"]["telephone"] == "+7 7172 000000"
    assert both.get(path, "producer", OTHER_BIN).json()["code"] == "application_unknown"
    assert "contacts" not in both.get(path, "auditor").json()
    assert both.get(path).status_code == 401
    assert both.get(path, "integrator").status_code == 403


# --- origin checks -----------------------------------------------------------------------------------------


def listed(api: Api, **changes: Any) -> None:
    values: dict[str, Any] = {
        "listing_id": "l-1",
        "reference": "TS-1",
        "holder": BIN,
        "name_kk": "Есеп жүйесі",
        "name_ru": "Система Есеп",
        "listed_on": "2025-11-10",
    }
    with api.desk.journal.database.write() as connection:
        keep_listing(connection, Listing(**{**values, **changes}), position=1, now=NOON)


def check(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.get("/v1/origin-checks", **{"bin": BIN, "product": "Система Есеп", **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def reasons(found: dict[str, Any]) -> tuple[bool, str, str]:
    return found["equated"], found["in_register"]["code"], found["in_trusted_register"]["code"]


def test_in_force_and_listed_is_equated_art_51_2_1(quick: Api) -> None:
    quick.desk.include()
    listed(quick)
    found = check(quick)
    assert reasons(found) == (True, "in_force", "listed")
    assert set(found["in_register"]["reason"]) == {"kk", "ru", "en"}
    assert found["trusted_register_reference"] == "TS-1"


def test_each_condition_is_answered_for_itself(quick: Api) -> None:
    assert reasons(check(quick)) == (False, "producer_unknown", "not_listed")
    listed(quick)
    assert reasons(check(quick)) == (False, "producer_unknown", "listed")
    entry = quick.desk.include()
    assert reasons(check(quick, product="Другая")) == (False, "product_unknown", "not_listed")
    quick.desk.exclude(entry)
    assert reasons(check(quick)) == (False, "excluded", "listed")


def test_the_answer_is_for_the_day_asked_about(quick: Api) -> None:
    quick.desk.include()
    listed(quick, valid_until="2026-01-31")
    assert reasons(check(quick, on="2026-03-01")) == (False, "not_yet_included", "listing_lapsed")
    assert reasons(check(quick, on="2026-01-31")) == (False, "not_yet_included", "listed")
    assert reasons(check(quick, on="2025-11-09")) == (False, "not_yet_included", "not_yet_listed")


def test_the_day_of_inclusion_counts_and_that_of_delisting_does_not(quick: Api) -> None:
    quick.desk.include()
    listed(quick, delisted_on="2026-03-02")
    assert reasons(check(quick, on="2026-03-02")) == (False, "in_force", "delisted")


def test_a_former_bin_still_finds_the_product(quick: Api) -> None:
    quick.desk.include()
    listed(quick)
    form = {"form": "transformation", "on": "2026-03-02", "reference": "R", "new_bin": OTHER_BIN}
    quick.post(f"/v1/producers/{BIN}/reorganisation", form, "service")
    assert (
        reasons(check(quick, bin=BIN)) == reasons(check(quick, bin=OTHER_BIN)) == (True, "in_force", "listed")
    )


def test_a_batch_is_answered_in_its_order_as_each_alone(quick: Api) -> None:
    quick.desk.include()
    quick.desk.include(OTHER_BIN, "Карта")
    listed(quick)
    questions = [
        {"bin": number, "product": product, "on": day}
        for number in (BIN, OTHER_BIN, IIN)
        for product in ("Система Есеп", "Карта жүйесі")
        for day in ("2026-03-01", "2026-03-02")
    ]
    answer = quick.post("/v1/origin-checks", {"items": questions}, "integrator").json()
    alone = [check(quick, **question) for question in questions]
    for one in alone:
        assert one.pop("known_at") == answer["known_at"]
    assert answer["items"] == alone


def test_ten_thousand_questions_are_taken_and_one_more_is_not(api: Api) -> None:
    api.desk.include()
    question = {"bin": BIN, "product": "Система Есеп", "on": "2026-03-02"}
    answer = api.post("/v1/origin-checks", {"items": [question] * 10_000}, "integrator")
    assert len(answer.json()["items"]) == 10_000
    assert api.post("/v1/origin-checks", {"items": [question] * 10_001}, "integrator").status_code == 422


@pytest.mark.parametrize(
    "query",
    [{"on": "2026-03-03"}, {"on": "1999-01-01"}, {"on": "soon"}, {"bin": "181240006528"}, {"product": ""}],
)
def test_a_question_that_cannot_stand_is_refused(api: Api, query: dict[str, str]) -> None:
    answer = api.get("/v1/origin-checks", **{"bin": BIN, "product": "x", **query})
    assert answer.status_code == 422


def test_a_batch_names_the_place_of_a_wrong_question(api: Api) -> None:
    items = [{"bin": BIN, "product": "x"}, {"bin": "181240006528", "product": "x"}]
    answer = api.post("/v1/origin-checks", {"items": items}, "integrator")
    assert answer.json()["errors"][0]["pointer"] == "/items/1/bin"
    items = [{"bin": BIN, "product": "x"}, {"bin": BIN, "product": "x", "on": "2026-03-03"}]
    answer = api.post("/v1/origin-checks", {"items": items}, "integrator")
    assert answer.json()["errors"][0]["pointer"] == "/items/1/on"


def test_a_batch_over_eight_mebibytes_is_refused(api: Api) -> None:
    headers = {**api.headers("integrator"), "Content-Type": "application/json"}
    large = b'{"items": "' + b"x" * (8 * 1024 * 1024) + b'"}'
    answer = api.client.post("/v1/origin-checks", content=large, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_batch_is_json(api: Api) -> None:
    headers = {**api.headers("integrator"), "Content-Type": "text/plain"}
    assert api.client.post("/v1/origin-checks", content=b"{}", headers=headers).status_code == 415


def test_the_present_version_is_what_a_reader_gets(quick: Api) -> None:
    entry = quick.desk.include()
    version = quick.desk.journal.load(Entry, entry.id).version
    assert quick.get(f"/v1/entries/{entry.id}").headers["ETag"].startswith(f'"{version}-')


# --- origin checks as known then ---------------------------------------------------------------------------


def test_an_exclusion_learnt_later_does_not_change_what_was_known(quick: Api) -> None:
    entry = quick.desk.include()
    listed(quick)
    position = quick.head()
    quick.desk.exclude(entry)
    then = check(quick, known_at=position)
    assert reasons(then) == (False, "in_force", "not_listed")
    assert then["known_at"] == {"register_position": position, "trusted_register_position": 0}
    assert reasons(check(quick)) == (False, "excluded", "listed")


def test_an_instant_of_knowledge_is_answered_with_the_positions_it_names(quick: Api) -> None:
    quick.desk.include()
    listed(quick)
    found = check(quick, known_at="2026-03-02T07:00:00Z")
    (recorded,) = {quick.desk.journal.position_at(NOON)}
    assert found["known_at"]["register_position"] == recorded
    assert reasons(check(quick, known_at="2026-03-01T07:00:00Z")) == (False, "producer_unknown", "not_listed")
    assert check(quick, known_at=0)["known_at"] == {"register_position": 0, "trusted_register_position": 0}


def test_a_batch_is_answered_as_known_then_too(quick: Api) -> None:
    entry = quick.desk.include()
    position = quick.head()
    quick.desk.exclude(entry)
    question = {"bin": BIN, "product": "Система Есеп", "on": "2026-03-02"}
    answer = quick.post(f"/v1/origin-checks?known_at={position}", {"items": [question]}, "integrator")
    then = check(quick, on="2026-03-02", known_at=position)
    assert then.pop("known_at") == answer.json()["known_at"]
    assert answer.json()["items"] == [then]
    assert then["in_register"]["code"] == "in_force"


def test_an_instant_is_asked_about_instead_of_a_day(quick: Api) -> None:
    """On its legal day an inclusion counts for the whole day; at an instant only from its own on."""
    quick.desk.include()
    before = check(quick, valid_at="2026-03-02T06:59:59.999999Z")
    assert reasons(before)[1] == "not_yet_included"
    assert (before["on"], before["valid_at"]) == ("2026-03-02", "2026-03-02T06:59:59.999999Z")
    assert reasons(check(quick, valid_at="2026-03-02T07:00:00Z"))[1] == "in_force"
    assert reasons(check(quick, on="2026-03-02"))[1] == "in_force"
    items = [{"bin": BIN, "product": "Система Есеп", "valid_at": "2026-03-02T12:00:00+05:00"}]
    answer = quick.post("/v1/origin-checks", {"items": items}, "integrator").json()
    assert answer["items"][0]["valid_at"] == "2026-03-02T07:00:00.000000Z"
    assert answer["items"][0]["in_register"]["code"] == "in_force"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"known_at": "2026-03-03T07:00:00Z"}, "instant_in_future"),
        ({"known_at": "999"}, "instant_in_future"),
        ({"known_at": "soon"}, "request_invalid"),
        ({"known_at": "-1"}, "request_invalid"),
        ({"valid_at": "2026-03-03T07:00:00Z"}, "instant_in_future"),
        ({"valid_at": "2026-03-02"}, "request_invalid"),
        ({"valid_at": "2026-03-01T07:00:00Z", "on": "2026-03-01"}, "day_and_instant"),
    ],
)
def test_a_moment_that_cannot_be_asked_about_is_refused(api: Api, query: dict[str, str], code: str) -> None:
    answer = api.get("/v1/origin-checks", **{"bin": BIN, "product": "x", **query})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("moment", "field"),
    [
        ({"valid_at": "2026-03-03T07:00:00Z"}, "valid_at"),
        ({"valid_at": "2026-03-01T07:00:00Z", "on": "2026-03-01"}, "valid_at"),
        ({"valid_at": 1}, "valid_at"),
    ],
)
def test_a_batch_names_the_place_of_a_wrong_moment(api: Api, moment: dict[str, Any], field: str) -> None:
    items = [{"bin": BIN, "product": "x"}, {"bin": BIN, "product": "x", **moment}]
    answer = api.post("/v1/origin-checks", {"items": items}, "integrator")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/items/1/{field}"


def test_another_companys_listing_under_the_same_reference_is_none_of_the_products_art_51_2_1(
    quick: Api,
) -> None:
    """A wrong "equated" costs another company its contract: holder and product both have to match."""
    quick.desk.include()
    listed(quick, listing_id="L-0", delisted_on="2026-03-01")
    listed(quick, listing_id="L-1", holder=OTHER_BIN)
    listed(quick, listing_id="L-2", name_kk="басқа өнім", name_ru="другой продукт")
    listed(quick, listing_id="L-3", holder=None, name_kk="басқа өнім", name_ru="другой продукт")
    answer = check(quick)
    assert (answer["equated"], answer["in_trusted_register"]["code"]) == (False, "delisted")
