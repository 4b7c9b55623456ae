"""A read waits until it reflects a fact that its caller knows of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.notifications.api import reflecting
from tests.notifications.api.conftest import Api, refused
from tests.notifications.given import BIN, filed, producer, withdrawn

READS = (f"/v1/accounts/{BIN}", f"/v1/accounts/{BIN}/messages")


def test_a_read_waits_for_the_position_it_names(api: Api) -> None:
    position = api.office.register.publish(filed(producer(BIN))).position
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(api.get, READS[0], "producer", min_position=position)
        api.office.follow()
        answer = waiting.result(timeout=30)
    assert (answer.status_code, answer.json()["messages"]) == (200, 1)
    assert (
        api.get(READS[1], "producer", min_position=position, min_verification_position=0).status_code == 200
    )


@pytest.mark.parametrize("name", ["min_position", "min_verification_position"])
def test_what_is_not_reached_in_time_is_told(api: Api, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(reflecting, "PATIENCE_SECONDS", 0.1)
    given: dict[str, Any] = {name: 2}
    api.told()
    before = api.stored()
    for path in READS:
        refused(api, api.get(path, "producer", **given), 412, "position_not_reached", before)
    subscription = api.subscribed()
    before = api.stored()
    path = f"/v1/subscriptions/{subscription['subscription_id']}/deliveries"
    refused(api, api.get(path, **given), 412, "position_not_reached", before)
    assert api.get(READS[0], None, **given).status_code == 401


def test_a_fact_that_is_parked_is_not_reflected(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflecting, "PATIENCE_SECONDS", 0.1)
    before = api.office.register.publish(filed(producer(BIN))).position
    parked = api.office.register.publish(withdrawn(filed(producer(BIN)))).position  # its filing is not known
    later = api.office.register.publish(filed(producer(BIN))).position
    api.office.follow()
    for position in (parked, later):  # "up to N": what is parked may be this account's
        assert api.get(READS[0], "producer", min_position=position).status_code == 412
    assert api.get(READS[0], "producer", min_position=before).status_code == 200
