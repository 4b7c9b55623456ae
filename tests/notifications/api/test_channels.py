"""How the channels besides the account fare, for officers; and each message's tries on its receipt."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from services.notifications.domain.channels import Ending, Result
from services.notifications.domain.health import TRIPS_AFTER
from services.notifications.usecases.dispatch import claim, queue_dispatches, record_result
from tests.notifications.api.conftest import Api
from tests.notifications.api.test_accounts import receipt
from tests.notifications.given import BIN

RNG = random.Random(1)  # jitter, not a secret
DOWN = Result(Ending.FAILED, "portal_answered_503", status=503, elapsed=timedelta(seconds=15))


def test_an_officer_sees_a_portal_that_fails_and_every_try(api: Api) -> None:
    made = api.told(count=TRIPS_AFTER)
    office = api.office
    office.clock.set(api.client.app.state.desk.clock.now())  # type: ignore[attr-defined]  # Starlette's own
    with office.database.write() as connection:
        queue_dispatches(connection, [(one, "portal") for one in made])
    for _ in made:
        claimed = claim(office.database, "portal", owner="a", now=office.now())
        assert claimed is not None
        record_result(office.database, claimed, DOWN, now=office.now(), rng=RNG)
    email, portal = api.get("/v1/channels", role="industry_officer").json()["items"]
    assert (email["channel"], email["breaker"], email["waiting"], email["latest_tries"]) == (
        "email",
        "closed",
        0,
        [],
    )
    assert (portal["breaker"], portal["waiting"], portal["given_up_last_day"]) == ("open", TRIPS_AFTER, 0)
    assert portal["held_until"] > portal["failing_since"]
    assert {one["message_id"] for one in portal["latest_tries"]} == set(made)
    (shown,) = api.get(receipt(BIN, made[0]), role="informatization_officer").json()["channels"]
    (one,) = shown["tries"]
    assert (shown["state"], one["number"], one["status"], one["milliseconds"]) == ("pending", 1, 503, 15_000)
    assert one["trouble"] == "portal_answered_503"


@pytest.mark.parametrize("role", ["producer", "integrator", None])
def test_nobody_else_does(api: Api, role: str | None) -> None:
    assert api.get("/v1/channels", role=role).status_code == (403 if role else 401)
