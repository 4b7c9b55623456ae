"""The two times over HTTP: what an answer is pinned to, and what was not known or had not begun."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.register.api.conftest import Api
from tests.register.given import BIN, NOON, OTHER_BIN

BEFORE = "2026-03-02T06:59:59.999999Z"
AT = "2026-03-02T07:00:00.000000Z"


@pytest.fixture
def waiting(api: Api) -> tuple[Api, dict[str, str]]:
    """An application whose notification waits for an officer, and the paths of both."""
    application = api.desk.file()
    content = api.desk.notify("confirmation", "confirmed", application)
    return api, {
        "application": f"/v1/applications/{application.id}",
        "notification": f"/v1/notifications/{content.notification_id}",
    }


def read(api: Api, path: str, **query: Any) -> Any:
    return api.get(path, "industry_officer", **query)


def test_every_single_read_tells_what_it_is_pinned_to(waiting: tuple[Api, dict[str, str]]) -> None:
    api, paths = waiting
    entry = api.desk.include(OTHER_BIN, "Карта")
    position = api.head()
    for path in (*paths.values(), f"/v1/entries/{entry.id}"):
        answer = read(api, path, valid_at=AT, known_at=position)
        assert answer.status_code == 200, answer.text
        assert (answer.headers["Valid-At"], answer.headers["Known-At"]) == (AT, str(position))
        assert answer.headers["ETag"].endswith(f'.{position}"')
        again = read(
            api, path, valid_at=AT, known_at=position, headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status_code, again.headers["Known-At"]) == (304, str(position))
        assert "Known-At" not in read(api, path).headers


@pytest.mark.parametrize("path", ["/v1/entries", "/v1/notifications"])
def test_a_list_tells_what_it_is_pinned_to_and_its_pages_stay_there(api: Api, path: str) -> None:
    for name in ("Аға", "Бақ", "Сөз"):
        api.desk.include(name=name)
    then = {"known_at": api.head(), "valid_at": AT, "limit": 2}
    first = read(api, path, **then)
    api.desk.include(OTHER_BIN, "Карта")
    second = read(api, path, **then, cursor=first.json()["next"])
    assert [len(page.json()["items"]) for page in (first, second)] == [2, 1]
    assert first.headers["Known-At"] == second.headers["Known-At"] == str(then["known_at"])


def test_an_origin_check_tells_it_too(api: Api) -> None:
    api.desk.include()
    query: dict[str, Any] = {"bin": BIN, "product": "Система Есеп", "valid_at": AT, "known_at": 3}
    answer = api.get("/v1/origin-checks", **query)
    assert (answer.headers["Valid-At"], answer.headers["Known-At"]) == (AT, "3")
    assert answer.json()["known_at"]["register_position"] == 3
    batch = api.client.post(
        "/v1/origin-checks",
        json={"items": [{"bin": BIN, "product": "Система Есеп", "valid_at": AT}]},
        params={"known_at": 3},
        headers=api.headers("integrator"),
    )
    assert batch.headers["Known-At"] == "3"


def test_what_was_not_known_then_says_so(waiting: tuple[Api, dict[str, str]]) -> None:
    api, paths = waiting
    entry = api.desk.include(OTHER_BIN, "Карта")
    earlier = (NOON - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    for path in (*paths.values(), f"/v1/entries/{entry.id}", f"/v1/entries/{entry.id}/history"):
        for known_at in (0, earlier, "1991-12-16T00:00:00Z"):
            answer = read(api, path, known_at=known_at)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_known_then")
            assert answer.json()["params"]["known_at"] == "0"
        answer = read(api, path, valid_at=BEFORE)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_begun_then")
        assert answer.json()["params"]["valid_at"] == BEFORE


def test_before_the_first_fact_lists_are_empty(api: Api) -> None:
    api.desk.include()
    for path in ("/v1/entries", "/v1/notifications"):
        for query in ({"known_at": 0}, {"valid_at": BEFORE}, {"valid_at": "1991-12-16T00:00:00Z"}):
            assert read(api, path, **query).json() == {"items": []}


@pytest.mark.parametrize(
    "query",
    [{"known_at": 999_999}, {"known_at": "2126-03-02T07:00:00Z"}, {"valid_at": "2126-03-02T07:00:00Z"}],
)
def test_the_future_is_refused_on_every_read(
    waiting: tuple[Api, dict[str, str]], query: dict[str, Any]
) -> None:
    api, paths = waiting
    for path in (*paths.values(), "/v1/notifications", "/v1/entries"):
        answer = read(api, path, **query)
        assert (answer.status_code, answer.json()["code"]) == (422, "instant_in_future")


def test_a_past_does_not_open_anothers_application(waiting: tuple[Api, dict[str, str]]) -> None:
    api, paths = waiting
    foreign = api.get(paths["application"], "producer", OTHER_BIN, known_at=0)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "application_unknown")
    own = api.get(paths["application"], "producer", BIN, known_at=0)
    assert own.json()["code"] == "not_known_then"
