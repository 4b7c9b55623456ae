"""Subscriptions edited, paused, resumed and given new secrets, on the version their owner saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import sqlalchemy as sa

from services.notifications.adapters.sealing import open_secrets
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.schema import DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.webhook_keys import ensure_webhook_key, rotate_webhook_key
from tests.notifications.api.conftest import HOOK, Api, refused
from tests.notifications.api.test_bad_input import secret_of
from tests.notifications.given import BIN

CHANGES: Final[list[tuple[str, Any]]] = [
    ("", {"description": "other"}),
    ("/pause", None),
    ("/resume", None),
    ("/secret-rotations", {}),
]
NOBODY: Final = {"subscription_id": "0191f3c0-0000-7000-8000-000000000000", "version": 1}


def put(api: Api, subscription: dict[str, Any], **values: Any) -> None:
    """Let a subscription be as a worker would have made it."""
    with api.office.database.write() as connection:
        connection.execute(
            sa.update(SUBSCRIPTIONS)
            .where(SUBSCRIPTIONS.c.subscription_id == subscription["subscription_id"])
            .values(values)
        )


def active(api: Api, **body: Any) -> dict[str, Any]:
    made = api.subscribed(**body)
    put(api, made, state="active", consented_at=api.office.now())
    with api.office.database.write() as connection:
        connection.execute(sa.update(DELIVERIES).values(state="delivered"))
    return made


def kinds(api: Api, state: str = "pending") -> list[str]:
    return sorted(row["kind"] for row in api.office.rows(DELIVERIES, state=state))


def test_an_edit_changes_what_it_names_and_lifts_what_it_nulls(api: Api) -> None:
    made = active(api, bin=BIN, track="monitoring", deliveries_per_minute=60, description="kept")
    change = {"track": None, "region": "75", "ordering": "fifo", "deliveries_per_minute": 30}
    answer = api.change(made, json=change)
    shown = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert "track" not in shown
    assert (shown["region"], shown["ordering"], shown["deliveries_per_minute"]) == ("75", "fifo", 30)
    assert (shown["bin"], shown["description"], shown["state"]) == (BIN, "kept", "active")
    assert api.get(f"/v1/subscriptions/{made['subscription_id']}").headers["ETag"] == '"2"'


@pytest.mark.parametrize("change", [{"url": HOOK + "/new"}, {"consent": "handshake"}])
def test_another_url_or_consent_is_asked_for_anew_and_nothing_under_way_speaks_for_it(
    api: Api, change: dict[str, str]
) -> None:
    made = active(api)
    api.told()
    with api.office.database.write() as connection:
        leased = sa.update(DELIVERIES).where(DELIVERIES.c.state == "pending")
        connection.execute(leased.values(lease="l", leased_until=2**50, lease_owner="w"))
    shown = api.change(made, json=change).json()
    assert shown["state"] == "pending"
    assert "consented_at" not in shown
    assert kinds(api) == sorted(["handshake" if "consent" in change else "challenge", "event"])
    assert [row["lease"] for row in api.office.rows(DELIVERIES)] == [None, None, None]


def test_a_new_url_before_the_first_consent_leaves_one_challenge(api: Api) -> None:
    made = api.subscribed()
    api.change(made, json={"url": HOOK + "/new"})
    assert (kinds(api), kinds(api, "cancelled")) == (["challenge"], ["challenge"])


def test_a_paused_subscription_collects_and_goes_on_without_being_asked_again(api: Api) -> None:
    made = active(api)
    paused = api.change(made, "/pause").json()
    assert (paused["state"], paused["state_reason"]) == ("paused", "paused_by_owner")
    left = datetime.fromisoformat(paused["paused_until"]) - datetime.now(UTC)
    assert timedelta(days=29) < left < timedelta(days=31)
    statistics = api.get(f"/v1/subscriptions/{made['subscription_id']}/statistics").json()
    assert (statistics["paused_until"], statistics.get("missed_from")) == (paused["paused_until"], None)
    api.told(count=2)
    resumed = api.change(paused, "/resume").json()
    assert (resumed["state"], resumed.get("state_reason")) == ("active", None)
    assert "paused_until" not in resumed
    assert kinds(api) == ["event", "event"]


@pytest.mark.parametrize(
    "reason", ["endpoint_gone", "failing_too_long", "challenge_failed", "paused_too_long"]
)
def test_a_disabled_subscription_is_asked_for_consent_before_it_goes_on(api: Api, reason: str) -> None:
    made = active(api)
    put(api, made, state="disabled", state_reason=reason, failing_since=1)
    with api.office.database.write() as connection:
        connection.execute(
            sa.update(ENDPOINTS).values(breaker="open", failures=9, not_before=2**50, warned=90)
        )
    resumed = api.change(made, "/resume").json()
    assert (resumed["state"], resumed.get("state_reason")) == ("pending", None)
    assert kinds(api) == ["challenge"]
    assert api.office.row(SUBSCRIPTIONS)["failing_since"] is None
    health = api.office.row(ENDPOINTS)
    assert (health["breaker"], health["failures"], health["not_before"], health["warned"]) == (
        "closed",
        0,
        0,
        0,
    )


def test_one_paused_before_it_consented_is_asked_again(api: Api) -> None:
    made = api.subscribed()
    paused = api.change(made, "/pause").json()
    assert api.change(paused, "/resume").json()["state"] == "pending"
    assert kinds(api) == ["challenge"]


@pytest.mark.parametrize(
    ("rest", "state"), [("/pause", "paused"), ("/pause", "disabled"), ("/resume", "active")]
)
def test_what_the_state_forbids_is_refused(api: Api, rest: str, state: str) -> None:
    made = api.subscribed()
    put(api, made, state=state)
    before = api.stored()
    problem = refused(api, api.change(made, rest), 409, "subscription_state_forbids", before)
    assert problem["params"]["state"] == state


@pytest.mark.parametrize(("rest", "body"), CHANGES)
def test_a_change_on_another_version_is_refused(api: Api, rest: str, body: Any) -> None:
    made = active(api)
    before = api.stored()
    refused(api, api.change(made, rest, body, version='"9"'), 412, "version_stale", before)
    assert api.office.row(SUBSCRIPTIONS)["version"] == 1


@pytest.mark.parametrize(("rest", "body"), CHANGES)
def test_another_owner_changes_nothing_and_learns_nothing(api: Api, rest: str, body: Any) -> None:
    made = active(api)
    before = api.stored()
    theirs = refused(api, api.change(made, rest, body, who="b"), 404, "subscription_unknown", before)
    none = refused(api, api.change(NOBODY, rest, body, who="b"), 404, "subscription_unknown", before)
    assert theirs["detail"] == none["detail"]
    assert api.office.row(SUBSCRIPTIONS)["version"] == 1


def test_a_rotated_secret_is_shown_once_and_both_sign_for_a_day(api: Api) -> None:
    made = active(api)
    answer = api.change(made, "/secret-rotations", {}, key="r-1")
    shown = answer.json()
    assert answer.status_code == 201
    assert shown["secret"] not in (None, made["secret"])
    again = api.change(made, "/secret-rotations", {}, key="r-1")
    assert (again.status_code, again.headers["ETag"]) == (201, '"2"')
    assert "secret" not in again.json()
    row, now = api.office.row(SUBSCRIPTIONS), datetime.now(UTC)
    held = open_secrets(
        api.office.box, bytes(row["secret"]), bytes(row["former_secrets"]), made["subscription_id"]
    )
    assert [one.serialise() for one in held.signing(now)] == [shown["secret"], made["secret"]]
    assert [one.serialise() for one in held.signing(now + timedelta(hours=24, seconds=1))] == [
        shown["secret"]
    ]


@pytest.mark.parametrize("unreadable", ["secret", "former_secrets"])
def test_a_secret_that_cannot_be_read_any_more_is_rotated_without_overlap(api: Api, unreadable: str) -> None:
    """Its key is lost: the new secret is in force alone, and the answer says so."""
    made = active(api)
    with api.office.database.write() as connection:
        connection.execute(sa.update(SUBSCRIPTIONS).values({unreadable: b"short"}))
    answer = api.change(made, "/secret-rotations", {"overlap_hours": 48})
    shown = answer.json()
    assert (answer.status_code, [one["code"] for one in shown["warnings"]]) == (
        201,
        ["former_secret_unreadable"],
    )
    row = api.office.row(SUBSCRIPTIONS)
    held = open_secrets(api.office.box, bytes(row["secret"]), row["former_secrets"], made["subscription_id"])
    assert [one.serialise() for one in held.signing(datetime.now(UTC))] == [shown["secret"]]
    after = api.change(shown, "/secret-rotations", {}).json()
    assert after["warnings"] == []


@pytest.mark.parametrize("secret", [secret_of(23), secret_of(65), "whsec_", "k" * 40, ""])
def test_a_secret_of_the_wrong_length_is_no_successor(embedded: Api, secret: str) -> None:
    made = embedded.subscribed()
    before = embedded.stored()
    answer = embedded.change(made, "/secret-rotations", {"secret": secret})
    problem = refused(embedded, answer, 422, "webhook_secret_invalid", before)
    assert problem["errors"][0]["pointer"] == "/secret"


def test_the_secret_in_force_is_no_successor(embedded: Api) -> None:
    made = embedded.subscribed()
    before = embedded.stored()
    answer = embedded.change(made, "/secret-rotations", {"secret": made["secret"]})
    refused(embedded, answer, 422, "webhook_secret_reused", before)


@pytest.mark.parametrize(
    ("rest", "body", "pointer"),
    [
        ("", {"url": None}, "/url"),
        ("", {"event_types": None}, "/event_types"),
        ("", {"ordering": None}, "/ordering"),
        ("", {"ordering": "sorted"}, "/ordering"),
        ("", {"deliveries_per_minute": 0}, "/deliveries_per_minute"),
        ("", {"deliveries_per_minute": 60_001}, "/deliveries_per_minute"),
        ("", {"deliveries_per_minute": 1.5}, "/deliveries_per_minute"),
        ("", {"consent": "none"}, "/consent"),
        ("", {"secret": secret_of(32)}, "/secret"),
        ("", {"state": "active"}, "/state"),
        ("/secret-rotations", {"overlap_hours": 169}, "/overlap_hours"),
        ("/secret-rotations", {"overlap_hours": -1}, "/overlap_hours"),
    ],
)
def test_a_wrong_field_of_a_change_is_named(embedded: Api, rest: str, body: Any, pointer: str) -> None:
    made = embedded.subscribed()
    before = embedded.stored()
    problem = refused(embedded, embedded.change(made, rest, body), 422, "request_invalid", before)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("asked", "code", "pointer"),
    [
        ({"event_types": ["kz.register.entry.renamed.v1"]}, "event_type_unknown", "/event_types/0"),
        (
            {"event_types": ["kz.register.producer.*"], "product_id": NOBODY["subscription_id"]},
            "",
            "/product_id",
        ),
        ({"event_types": ["kz.register.entry.excluded.v1"], "status": "included"}, "", "/status"),
        ({"event_types": ["kz.register.application.*"], "track": "appeal"}, "", "/track"),
        ({"event_types": ["kz.register.correction.*"], "bin": BIN}, "", "/bin"),
        ({"event_types": ["kz.register.producer.liquidated.v1"], "region": "75"}, "", "/region"),
        ({"bin": "181240006528"}, "bin_check_digit", "/bin"),
        ({"bin": "660427402182"}, "bin_type", "/bin"),
    ],
)
def test_a_filter_that_can_never_match_is_refused_with_the_bound_that_cannot_be_met(
    embedded: Api, asked: dict[str, Any], code: str, pointer: str
) -> None:
    made = embedded.subscribed()
    before = embedded.stored()
    for answer in (
        embedded.post("/v1/subscriptions", {"url": HOOK, **asked}),
        embedded.change(made, json=asked),
    ):
        problem = refused(embedded, answer, 422, code or "filter_never_matches", before)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_filter_that_seems_to_match_nothing_is_taken_and_told(api: Api) -> None:
    made = api.subscribed(bin=BIN, product_id=NOBODY["subscription_id"])
    assert [one["code"] for one in made["warnings"]] == ["product_not_seen", "producer_not_seen"]
    assert set(made["warnings"][0]["text"]) == {"kk", "ru", "en"}
    api.told()
    (listed,) = api.get("/v1/subscriptions").json()["items"]
    assert [one["code"] for one in listed["warnings"]] == ["product_not_seen"]
    assert api.subscribed(bin=BIN)["warnings"] == []
    put(api, made, created_at=0)
    (listed, _other) = api.get("/v1/subscriptions").json()["items"]
    assert [one["code"] for one in listed["warnings"]] == ["product_not_seen", "nothing_for_30_days"]


def test_the_public_keys_are_shown_to_anybody_with_their_successor(api: Api) -> None:
    assert api.get("/.well-known/webhook-keys.json", role=None).json() == {"keys": []}
    ensure_webhook_key(api.office.database, api.office.box, datetime.now(UTC))
    rotate_webhook_key(api.office.database, api.office.box, datetime.now(UTC))
    answer = api.get("/.well-known/webhook-keys.json", role=None)
    first, second = answer.json()["keys"]
    assert {first["kty"], first["crv"], first["alg"]} == {"OKP", "Ed25519", "EdDSA"}
    assert first["whpk"].startswith("whpk_")
    assert first["signs_until"] > second["signs_from"]
    assert "signs_until" not in second
    assert answer.headers["Cache-Control"] == "no-cache"
