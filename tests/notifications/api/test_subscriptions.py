"""Subscriptions over HTTP: shown to their owner alone, their secret shown once."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.domain.signing import SymmetricSecret
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from tests.notifications.api.conftest import HOOK, Api

NOBODY = "0191f3c0-0000-7000-8000-000000000000"


def path_of(subscription: dict[str, Any], rest: str = "") -> str:
    return f"/v1/subscriptions/{subscription['subscription_id']}{rest}"


def test_a_new_subscription_is_pending_and_its_challenge_waits(api: Api) -> None:
    made = api.subscribed(event_types=["kz.register.entry.included.v1"], bin="181240006529")
    assert (made["state"], made["url"], made["bin"]) == ("pending", HOOK, "181240006529")
    assert SymmetricSecret.parse(made["secret"]).serialise() == made["secret"]
    assert [row["kind"] for row in api.office.rows(DELIVERIES)] == ["challenge"]


def test_a_subscription_shows_what_it_asks_for(api: Api) -> None:
    asked: dict[str, Any] = {
        "event_types": ["kz.register.entry.*"],
        "product_id": NOBODY,
        "status": "excluded",
        "region": "75",
        "track": "monitoring",
    }
    made = api.subscribed(**asked)
    assert {**made, **asked} == made
    shown = api.get(path_of(made)).json()
    assert {**shown, **asked} == shown


def test_the_secret_is_shown_once_and_stands_encrypted(api: Api) -> None:
    made = api.subscribed()
    assert "secret" not in api.get(path_of(made)).json()
    assert "secret" not in api.get("/v1/subscriptions").json()["items"][0]
    sealed = bytes(api.office.row(SUBSCRIPTIONS)["secret"])
    assert made["secret"].encode() not in sealed
    assert api.office.box.open(sealed, made["subscription_id"]) == made["secret"]


def test_the_same_key_and_body_make_one_subscription_and_show_no_secret_again(api: Api) -> None:
    first = api.post("/v1/subscriptions", {"url": HOOK}, key="k-1")
    again = api.post("/v1/subscriptions", {"url": HOOK}, key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["subscription_id"] == first.json()["subscription_id"]
    assert "secret" not in again.json()
    assert len(api.office.rows(SUBSCRIPTIONS)) == 1


def test_no_journal_position_is_named_where_there_is_no_journal(api: Api) -> None:
    made = api.post("/v1/subscriptions", {"url": HOOK}, key="k-1")
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert "Journal-Position" not in made.headers


def test_the_same_key_of_two_owners_makes_two(api: Api) -> None:
    for who in ("a", "b"):
        assert api.post("/v1/subscriptions", {"url": HOOK}, who=who, key="k-1").status_code == 201
    assert len(api.office.rows(SUBSCRIPTIONS)) == 2


@pytest.mark.parametrize("rest", ["", "/deliveries"])
def test_another_owners_subscription_is_as_if_it_were_not_there(api: Api, rest: str) -> None:
    made = api.subscribed("a")
    assert api.get(path_of(made, rest)).status_code == 200
    theirs = api.get(path_of(made, rest), who="b")
    none = api.get(f"/v1/subscriptions/{NOBODY}{rest}", who="b")
    assert (theirs.status_code, theirs.json()["code"]) == (404, "subscription_unknown")
    assert theirs.json()["detail"] == none.json()["detail"]
    officer = api.get(path_of(made, rest), role="industry_officer")
    assert officer.status_code == 404


def test_another_owner_neither_tests_nor_deletes_nor_lists_it(api: Api) -> None:
    made = api.subscribed("a")
    before = api.stored()
    assert api.post(path_of(made, "/test"), who="b").status_code == 404
    assert api.delete(path_of(made), who="b").status_code == 404
    assert api.get("/v1/subscriptions", who="b").json()["items"] == []
    assert api.stored() == before
    assert api.get(path_of(made)).json()["state"] == "pending"


def test_a_test_event_is_queued_once_for_each_key(api: Api) -> None:
    made = api.subscribed()
    first = api.post(path_of(made, "/test"), key="t-1").json()
    again = api.post(path_of(made, "/test"), key="t-1").json()
    other = api.post(path_of(made, "/test"), key="t-2").json()
    assert first["delivery_id"] == again["delivery_id"] != other["delivery_id"]
    shown = api.get(path_of(made, "/deliveries")).json()["items"]
    assert [one["kind"] for one in shown] == ["test", "test", "challenge"]


def test_a_deleted_subscription_is_gone_and_its_deliveries_are_cancelled(api: Api) -> None:
    made = api.subscribed()
    answer = api.delete(path_of(made), key="d-1")
    assert (answer.status_code, answer.json()["state"]) == (200, "deleted")
    again = api.delete(path_of(made), key="d-1")
    assert (again.status_code, again.json()) == (200, answer.json())
    assert api.delete(path_of(made)).status_code == 404
    for rest in ("", "/deliveries"):
        assert api.get(path_of(made, rest)).status_code == 404
    assert api.post(path_of(made, "/test")).status_code == 404
    assert [row["state"] for row in api.office.rows(DELIVERIES)] == ["cancelled"]


def test_the_key_of_a_subscription_deleted_since_shows_it_and_makes_no_other(api: Api) -> None:
    """Whoever lost the answer to a creation or a change learns by its key what it came to."""
    created = api.post("/v1/subscriptions", {"url": HOOK}, key="k-1")
    first = created.json()
    assert api.change(first, json={"description": "x"}, key="k-2").status_code == 200
    api.delete(path_of(first))
    again = api.post("/v1/subscriptions", {"url": HOOK}, key="k-1")
    assert (again.status_code, again.headers["Location"]) == (201, created.headers["Location"])
    assert (again.json()["state"], again.json()["subscription_id"]) == ("deleted", first["subscription_id"])
    changed = api.change(first, json={"description": "x"}, key="k-2")
    assert (changed.status_code, changed.json()["state"]) == (200, "deleted")
    assert "secret" not in again.json() | changed.json()
    assert api.change(first, json={"description": "y"}, key="k-3").status_code == 404
    strangers = api.post("/v1/subscriptions", {"url": HOOK}, key="k-1", who="b").json()
    assert strangers["subscription_id"] != first["subscription_id"]
    assert len(api.office.rows(SUBSCRIPTIONS)) == 2


def test_pages_of_subscriptions_and_deliveries_are_whole_and_in_order(api: Api) -> None:
    made = [api.subscribed()["subscription_id"] for _ in range(5)]
    assert pages(api, "/v1/subscriptions", "subscription_id") == made
    api.told(count=4)
    shown = pages(api, f"/v1/subscriptions/{made[0]}/deliveries", "delivery_id")
    rows = api.office.rows(DELIVERIES, subscription_id=made[0])
    assert shown == [row["delivery_id"] for row in reversed(rows)]
    assert len(shown) == 5


def pages(api: Api, path: str, name: str) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(path, limit=2, **cursor).json()
        assert len(page["items"]) <= 2
        found += [one[name] for one in page["items"]]
        if not page.get("next"):
            return found
        cursor = {"cursor": page["next"]}


def test_a_producer_may_not_subscribe(api: Api) -> None:
    answer = api.post("/v1/subscriptions", {"url": HOOK}, role="producer")
    assert (answer.status_code, answer.json()["code"]) == (403, "role_insufficient")
