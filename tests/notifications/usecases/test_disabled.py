"""A pause ends, and whoever was disabled learns from where a replay brings all that was missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
import sqlalchemy as sa

from services.notifications.inbox.handling import EVENT_TYPES
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases.change_subscription import pause, resume
from services.notifications.usecases.disable import first_missed
from services.notifications.usecases.operational import OPERATIONAL_TYPES
from services.notifications.usecases.prune import Pruning
from tests.notifications.given import filed, included, withdrawn
from tests.notifications.office import Office
from tests.notifications.usecases.redelivering import all_delivered, replayed, run
from tests.notifications.usecases.trying import answered, claimed, publish, recorded

MONTH: Final = timedelta(days=30)
SECOND: Final = timedelta(seconds=1)


def paused(office: Office, subscription: str) -> None:
    with office.database.write() as connection:
        row = subscription_of(connection, "owner", subscription, to_change=True)
        pause(connection, row, until=office.now() + MONTH // timedelta(microseconds=1))


def resumed(office: Office, subscription: str) -> None:
    """Resumed, and its endpoint has consented again."""
    with office.database.write() as connection:
        resume(
            connection, subscription_of(connection, "owner", subscription, to_change=True), now=office.now()
        )
        challenge = sa.update(DELIVERIES).where(DELIVERIES.c.kind == "challenge")
        connection.execute(challenge.values(state="delivered"))
        agreed = sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.subscription_id == subscription)
        connection.execute(agreed.values(state="active", consented_at=office.now()))


def standing(office: Office, subscription: str) -> tuple[Any, ...]:
    row = office.row(SUBSCRIPTIONS, subscription_id=subscription)
    return row["state"], row["state_reason"], row["missed_from"]


def told_apart(office: Office) -> str:
    """Another subscription of the owner, which hears of what is disabled."""
    types = {**EVENT_TYPES, **OPERATIONAL_TYPES}
    return office.subscribe(event_types=("kz.notifications.endpoint.disabled.v1",), known=types)


def told_of_disabling(office: Office, other: str) -> list[Any]:
    """What another subscription of the owner is told, in no order."""
    told = office.rows(DELIVERIES, subscription_id=other, kind="operational")
    bodies = [bytes(office.row(EVENTS, event_id=one["event_id"])["body"]) for one in told]
    return [msgspec.json.decode(body)["data"] for body in bodies]


def test_a_pause_that_lasts_too_long_disables_and_a_replay_brings_all_of_it(office: Office) -> None:
    other = told_apart(office)
    subscription = office.subscribe()
    publish(office, 2)
    assert sorted(str(one) for one in all_delivered(office)) == ["1", "2"]
    paused(office, subscription)
    publish(office, 2)
    office.clock.advance(MONTH - SECOND)
    pruning = Pruning(office.database, office.clock)
    pruning.run()
    assert standing(office, subscription) == ("paused", "paused_by_owner", None)
    office.clock.advance(SECOND)
    pruning.run()
    assert standing(office, subscription) == ("disabled", "paused_too_long", 3)
    waiting = office.rows(DELIVERIES, subscription_id=subscription, state="pending")
    assert waiting == [], "it collects no more"
    (told,) = told_of_disabling(office, other)
    assert told == {"subscription_id": subscription, "reason": "paused_too_long", "missed_from": "3"}
    publish(office)
    resumed(office, subscription)
    publish(office)
    assert all_delivered(office) == [None, 6]
    replayed(office, subscription, from_position=4)
    run(office)
    assert standing(office, subscription)[2] == 3, "a later position leaves something missed"
    all_delivered(office)
    replayed(office, subscription, from_position=3)
    run(office)
    assert all_delivered(office) == [3, 4, 5, 6]
    assert standing(office, subscription) == ("active", None, None)


def test_a_pause_that_cannot_be_ended_keeps_no_other_from_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, other = sorted(office.subscribe() for _ in range(2))
    for one in (broken, other):
        paused(office, one)

    def failing(connection: sa.Connection, name: str) -> int:
        if name == broken:
            raise ValueError("unreadable")
        return first_missed(connection, name)

    monkeypatch.setattr("services.notifications.usecases.disable.first_missed", failing)
    office.clock.advance(MONTH)
    Pruning(office.database, office.clock).run()
    assert [standing(office, one)[0] for one in (broken, other)] == ["paused", "disabled"]
    assert "pause not ended" in caplog.text


def test_of_two_times_the_first_position_missed_counts_and_is_told(office: Office) -> None:
    other = told_apart(office)
    subscription = office.subscribe()
    publish(office)
    for expected in (1, 1):
        (got,) = [one for one in claimed(office) if one.kind == "event"]
        recorded(office, got, answered(410))
        assert standing(office, subscription) == ("disabled", "endpoint_gone", expected)
        resumed(office, subscription)
        publish(office)
    assert [told["missed_from"] for told in told_of_disabling(office, other)] == ["1", "1"]


def test_an_event_that_was_parked_then_is_missed_too(office: Office) -> None:
    subscription = office.subscribe()
    unknown = filed()
    office.register.publish(withdrawn(unknown))
    publish(office, 2)
    first, second = claimed(office)
    recorded(office, first, answered(200))
    recorded(office, second, answered(410))
    assert standing(office, subscription)[2] == 1


def test_one_that_missed_nothing_yet_misses_what_comes_next(office: Office) -> None:
    subscription = office.subscribe()
    application = filed()
    office.register.publish(application)
    office.follow()
    all_delivered(office)
    paused(office, subscription)
    office.clock.advance(MONTH)
    Pruning(office.database, office.clock).run()
    assert standing(office, subscription)[2] == 2
    office.register.publish(included(application))
    office.follow()
    resumed(office, subscription)
    replayed(office, subscription, from_position=2)
    run(office)
    assert all_delivered(office) == [2]
