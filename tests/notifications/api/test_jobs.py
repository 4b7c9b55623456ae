"""The consumer's tools over HTTP: for the owner alone, once for each key, refused with a clear problem."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifications.delivery_tables import JOBS
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from tests.notifications.api.conftest import Api, refused
from tests.notifications.api.test_subscriptions import NOBODY, path_of
from tests.notifications.usecases.trying import answered, claimed, recorded


def active(api: Api, who: str = "a") -> dict[str, Any]:
    """A subscription that has answered its challenge, with one event delivered to it."""
    made = api.subscribed(who)
    api.office.clock.set(datetime.now(UTC))
    with api.office.database.write() as connection:
        row = SUBSCRIPTIONS.c.subscription_id == made["subscription_id"]
        connection.execute(SUBSCRIPTIONS.update().where(row).values(state="active", consented_at=1))
        connection.execute(DELIVERIES.update().values(state="delivered"))
    api.told()
    (event,) = claimed(api.office)
    recorded(api.office, event, answered(200, b"thanks", X_Trace="7"))
    return made


def test_a_delivery_shows_what_was_sent_and_what_came_back_and_is_sent_again(api: Api) -> None:
    made = active(api)
    shown = api.get(path_of(made, "/deliveries")).json()["items"][0]
    (attempt,) = shown["attempts"]
    assert ["webhook-id", shown["event_id"]] in attempt["request_headers"]
    assert (attempt["answer_headers"], attempt["answer_head"]) == ([["X-Trace", "7"]], "thanks")
    assert len(attempt["body_digest"]) == 64
    assert attempt["url"] == made["url"]
    path = path_of(made, f"/deliveries/{shown['delivery_id']}/resend")
    first, again = api.post(path, key="r-1"), api.post(path, key="r-1")
    assert (first.status_code, again.json()) == (201, first.json())
    other = api.post(path, key="r-2").json()
    assert other["job_id"] != first.json()["job_id"]
    listed = api.get(path_of(made, "/deliveries")).json()["items"]
    assert {one["job_id"] for one in listed if "job_id" in one} == {other["job_id"], first.json()["job_id"]}
    api.office.clock.set(datetime.now(UTC))
    (one, _two) = claimed(api.office)
    recorded(api.office, one, answered(200))
    job = api.get(path_of(made, f"/jobs/{first.json()['job_id']}")).json()
    assert (job["kind"], job["state"], job["queued"], job["delivered"], job["pending"]) == (
        "resend",
        "done",
        1,
        1,
        0,
    )


def test_a_replay_is_a_job_that_is_seen_and_cancelled(api: Api) -> None:
    made = active(api)
    begun = api.post(path_of(made, "/replay"), {"from_position": 1, "until_position": 9}, key="p-1")
    assert begun.status_code == 201, begun.text
    job_id = begun.json()["job_id"]
    assert begun.headers["Location"] == path_of(made, f"/jobs/{job_id}")
    second = api.post(path_of(made, "/recover-failed"), {})
    assert (second.status_code, second.json()["code"]) == (409, "job_running")
    cancelled = api.post(path_of(made, f"/jobs/{job_id}/cancel"), {}, key="c-1")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    over = api.post(path_of(made, f"/jobs/{job_id}/cancel"), {})
    assert (over.status_code, over.json()["code"]) == (409, "job_over")
    assert api.post(path_of(made, "/recover-failed"), {}).status_code == 201
    kinds = [one["kind"] for one in api.get(path_of(made, "/jobs")).json()["items"]]
    assert kinds == ["recover", "replay"]


def test_statistics_are_shown(api: Api) -> None:
    made = active(api)
    shown = api.get(path_of(made, "/statistics")).json()
    assert (shown["success_rate"], shown["breaker"], shown["backlog"]) == ("1.0000", "closed", 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "replay_start_unclear"),
        ({"from_position": 1, "from_time": "2026-03-02T00:00:00Z"}, "replay_start_unclear"),
        ({"from_position": 5, "until_position": 4}, "replay_ends_before_it_begins"),
        ({"from_position": 0}, "request_invalid"),
        ({"from_time": "2026-03-02T00:00:00"}, "request_invalid"),
        ({"from_time": "0001-01-01T00:00:00+05:00"}, "request_invalid"),
        ({"from_time": "9999-12-31T23:59:59-05:00"}, "request_invalid"),
        ({"from_position": 1, "event_types": ["kz.nothing.v1"]}, "event_type_unknown"),
        ({"from_position": 1, "bin": "1"}, None),
    ],
)
def test_a_replay_that_cannot_be_is_refused(embedded: Api, body: dict[str, Any], code: str | None) -> None:
    made = active(embedded)
    before = embedded.stored()
    answer = embedded.post(path_of(made, "/replay"), body)
    refused(embedded, answer, 422, code or answer.json()["code"], before)
    assert embedded.office.rows(JOBS) == []


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (f"/deliveries/{NOBODY}/resend", {}),
        ("/recover-failed", {}),
        ("/replay", {"from_position": 1}),
        (f"/jobs/{NOBODY}/cancel", {}),
    ],
)
def test_another_owner_makes_nothing_of_it(embedded: Api, rest: str, body: dict[str, Any]) -> None:
    made = active(embedded)
    before = embedded.stored()
    answer = embedded.post(path_of(made, rest), body, who="b")
    refused(embedded, answer, 404, "subscription_unknown", before)
    for path in ("/jobs", f"/jobs/{NOBODY}", "/statistics"):
        assert embedded.get(path_of(made, path), who="b").json()["code"] == "subscription_unknown"


def test_a_pending_subscription_has_nothing_to_replay(embedded: Api) -> None:
    made = embedded.subscribed()
    answer = embedded.post(path_of(made, "/replay"), {"from_position": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "subscription_state_forbids")
    unknown = embedded.post(path_of(made, f"/jobs/{NOBODY}/cancel"), {})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job_unknown")
    assert embedded.office.rows(DELIVERIES, kind="event") == []
