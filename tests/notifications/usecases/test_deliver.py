"""What follows from each try: done, tried again, given up, disabled; events only after the challenge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.kernel.errors import Conflict
from services.notifications.adapters.webhook_http import Attempt
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.health import LAST_NOTICE
from services.notifications.domain.retry import DELAYS, JITTER, TRIES
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS, MESSAGES, SUBSCRIPTIONS
from services.notifications.usecases.change_subscription import resume
from services.notifications.usecases.deliver import (
    next_due,
)
from services.notifications.usecases.own_events import challenge_in
from services.notifications.usecases.prune import Pruning
from services.notifications.usecases.queue_deliveries import delivery_row, line_up
from services.notifications.usecases.subscribe import send_test, unsubscribe
from tests.notifications.office import Office, open_office
from tests.notifications.usecases.trying import (
    NO_ANSWER,
    answered,
    claimed,
    delivery,
    publish,
    recorded,
    waits,
)


def test_a_claim_has_all_that_the_post_needs(office: Office) -> None:
    subscription = office.subscribe()
    (record,) = publish(office)
    (one,) = claimed(office)
    assert (one.subscription_id, one.kind, one.number, one.position) == (subscription, "event", 1, 1)
    assert one.body == record
    assert one.event_id == office.register.events[0].header.id
    assert office.box.open(one.sealed_secret, subscription).startswith("whsec_")


def test_a_delivered_event_is_done(office: Office) -> None:
    office.subscribe()
    publish(office)
    (one,) = claimed(office)
    assert recorded(office, one, answered(204)) == "delivered"
    row = delivery(office, one)
    assert (row["state"], row["lease"], row["lease_owner"], row["attempts"]) == ("delivered", None, None, 1)
    office.clock.advance(timedelta(days=1))
    assert claimed(office) == []
    assert next_due(office.database) is None


def test_failed_tries_follow_the_schedule_and_end_after_the_last(office: Office) -> None:
    office.subscribe()
    publish(office)
    for number in range(1, TRIES):
        (one,) = claimed(office)
        assert one.number == number
        assert recorded(office, one, NO_ANSWER) == "pending"
        expected = DELAYS[number - 1].total_seconds()
        assert expected * (1 - JITTER) <= waits(office, one) <= expected * (1 + JITTER)
        assert claimed(office) == []
        office.clock.advance(timedelta(seconds=waits(office, one)))
    (last,) = claimed(office)
    assert recorded(office, last, answered(503)) == "exhausted"
    assert [row["number"] for row in office.rows(ATTEMPTS)] == list(range(1, TRIES + 1))
    office.clock.advance(timedelta(days=30))
    assert claimed(office) == []
    assert office.row(SUBSCRIPTIONS)["state"] == "active"


@pytest.mark.parametrize(
    ("status", "asked", "least", "most"),
    [
        (503, "120", 120, 144),
        (429, "7200", 7_200, 8_640),
        (500, "Mon, 02 Mar 2026 08:00:00 GMT", 3_600, 4_320),
        (503, "999999999", 86_400, 103_680),
        (503, "soon", 4, 6),
        (500, "-5", 4, 6),
    ],
)
def test_an_endpoint_that_asks_for_time_gets_it_up_to_a_day(
    office: Office, status: int, asked: str, least: int, most: int
) -> None:
    office.subscribe()
    publish(office)
    (one,) = claimed(office)
    recorded(office, one, answered(status, Retry_After=asked))
    assert least <= waits(office, one) <= most


def test_410_disables_at_once_and_cancels_what_waits(office: Office) -> None:
    subscription = office.subscribe()
    publish(office, 3)
    one = claimed(office, limit=1)[0]
    assert recorded(office, one, answered(410)) == "cancelled"
    assert office.row(SUBSCRIPTIONS)["state_reason"] == "endpoint_gone"
    states = [row["state"] for row in office.rows(DELIVERIES, subscription_id=subscription, kind="event")]
    assert states == ["cancelled"] * 3
    publish(office)
    assert claimed(office) == []
    assert len(office.rows(DELIVERIES, kind="event")) == 3


def queued_at_its_end(office: Office, subscription: str) -> tuple[str, ...]:
    """Queued by who saw the endpoint still active; returns the ids of both."""
    with office.database.write() as connection:
        event_id = office.rows(EVENTS)[-1]["event_id"]
        rows = [
            delivery_row(subscription, event_id, "event", office.now(), job_id=job_id, subject="s")
            for job_id in ("j", "k")
        ]
        line_up(connection, rows)
        connection.execute(sa.insert(DELIVERIES), rows)
    assert [row["state"] for row in rows] == ["pending", "waiting"]
    return tuple(row["delivery_id"] for row in rows)


def states_of(office: Office, ids: tuple[str, ...]) -> set[str]:
    return {office.row(DELIVERIES, delivery_id=one)["state"] for one in ids}


def test_what_was_queued_as_its_endpoint_ended_is_cancelled_by_and_by_and_before_it_goes_on(
    office: Office,
) -> None:
    ended, other = office.subscribe(), office.subscribe("other")
    publish(office)
    got = {one.subscription_id: one for one in claimed(office)}
    recorded(office, got[ended], answered(410))
    late = queued_at_its_end(office, ended)
    others = queued_at_its_end(office, other)
    Pruning(office.database, office.clock).run()
    assert (states_of(office, late), states_of(office, others)) == ({"cancelled"}, {"pending", "waiting"})
    with office.database.write() as connection:
        again = sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id.in_(late))
        connection.execute(again.values(state="pending"))
        resume(connection, subscription_of(connection, "owner", ended, to_change=True), now=office.now())
    assert states_of(office, late) == {"cancelled"}
    (asked,) = [one for one in claimed(office) if one.subscription_id == ended]
    assert asked.kind == "challenge"


def test_five_days_without_one_success_disable_and_a_success_starts_them_anew(office: Office) -> None:
    office.subscribe()
    publish(office)
    recorded(office, claimed(office)[0], NO_ANSWER)
    office.clock.advance(timedelta(days=4))
    recorded(office, claimed(office)[0], answered(200))
    assert office.row(SUBSCRIPTIONS)["failing_since"] is None
    publish(office)
    recorded(office, claimed(office)[0], NO_ANSWER)
    office.clock.advance(timedelta(days=5, seconds=1))
    recorded(office, claimed(office)[0], NO_ANSWER)
    assert office.row(SUBSCRIPTIONS)["state"] == "active"  # its owner could not know yet
    assert office.row(ENDPOINTS)["warned"] == 90
    office.clock.advance(LAST_NOTICE)
    recorded(office, claimed(office)[0], NO_ANSWER)
    row = office.row(SUBSCRIPTIONS)
    assert (row["state"], row["state_reason"]) == ("disabled", "failing_too_long")
    assert claimed(office) == []


def test_a_message_stands_even_when_every_webhook_fails(office: Office) -> None:
    office.subscribe()
    publish(office)
    for _ in range(TRIES):
        (one,) = claimed(office)
        recorded(office, one, NO_ANSWER)
        office.clock.advance(timedelta(days=2))
        if office.row(SUBSCRIPTIONS)["state"] == "disabled":
            break
    assert office.row(SUBSCRIPTIONS)["state"] == "disabled"
    assert office.row(MESSAGES)["template_id"] == "application_filed"


def test_a_subscription_deleted_while_a_post_is_under_way_gets_no_second_try(office: Office) -> None:
    subscription = office.subscribe()
    publish(office, 2)
    one = claimed(office, limit=1)[0]
    with office.database.write() as connection:
        unsubscribe(connection, subscription, now=office.now())
    assert recorded(office, one, NO_ANSWER) == "cancelled"
    assert {row["state"] for row in office.rows(DELIVERIES, kind="event")} == {"cancelled"}
    assert [row["number"] for row in office.rows(ATTEMPTS)] == [1]
    assert office.row(SUBSCRIPTIONS)["failing_since"] is None
    office.clock.advance(timedelta(days=1))
    assert claimed(office) == []


def test_a_post_that_arrived_although_the_subscription_was_deleted_is_told_truly(office: Office) -> None:
    subscription = office.subscribe()
    publish(office)
    (one,) = claimed(office)
    with office.database.write() as connection:
        unsubscribe(connection, subscription, now=office.now())
    assert recorded(office, one, answered(200)) == "delivered"
    assert office.row(SUBSCRIPTIONS)["state"] == "deleted"


def test_the_last_try_of_a_deleted_subscription_leaves_it_cancelled(office: Office) -> None:
    subscription = office.subscribe()
    publish(office)
    (one,) = claimed(office)
    with office.database.write() as connection:
        last = sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == one.delivery_id)
        connection.execute(last.values(attempts=TRIES - 1))
        unsubscribe(connection, subscription, now=office.now())
    assert recorded(office, replace(one, number=TRIES), NO_ANSWER) == "cancelled"
    assert delivery(office, one)["state"] == "cancelled"


def test_the_challenge_goes_first_and_events_wait_until_it_was_answered(office: Office) -> None:
    subscription = office.subscribe(active=False)
    publish(office, 2)
    (challenge,) = claimed(office)
    assert (challenge.kind, challenge.position) == ("challenge", None)
    assert claimed(office) == []
    echo = challenge_in(challenge.body).encode()
    assert recorded(office, challenge, answered(200, b"we say: " + echo)) == "delivered"
    assert office.row(SUBSCRIPTIONS)["state"] == "active"
    assert [one.subscription_id for one in claimed(office)] == [subscription] * 2


@pytest.mark.parametrize(
    "attempt", [answered(200), answered(200, b"ok"), answered(302, b"x"), NO_ANSWER, answered(500)]
)
def test_whatever_does_not_send_the_challenge_back_gets_no_event(office: Office, attempt: Attempt) -> None:
    office.subscribe(active=False)
    publish(office)
    (challenge,) = claimed(office)
    assert recorded(office, challenge, attempt) == "pending"
    assert office.row(SUBSCRIPTIONS)["state"] == "pending"
    assert claimed(office) == []
    office.clock.advance(timedelta(minutes=1))
    assert [one.kind for one in claimed(office)] == ["challenge"]


def test_a_challenge_never_answered_ends_the_subscription_and_the_wait_of_its_events(office: Office) -> None:
    office.subscribe(active=False)
    publish(office)
    for number in range(1, TRIES + 1):
        (challenge,) = claimed(office)
        assert (challenge.kind, challenge.number) == ("challenge", number)
        recorded(office, challenge, answered(200, b"no"))
        office.clock.advance(timedelta(seconds=max(waits(office, challenge), 0)))
    assert office.row(DELIVERIES, kind="challenge")["state"] == "exhausted"
    row = office.row(SUBSCRIPTIONS)
    assert (row["state"], row["state_reason"]) == ("disabled", "challenge_failed")
    assert [one["state"] for one in office.rows(DELIVERIES, kind="event")] == ["cancelled"]
    publish(office)
    assert claimed(office) == []
    assert len(office.rows(DELIVERIES, kind="event")) == 1


def test_a_test_event_reaches_a_pending_subscription_too(office: Office) -> None:
    subscription = office.subscribe(active=False)
    with office.database.write() as connection:
        send_test(connection, subscription, now=office.now())
    assert sorted(one.kind for one in claimed(office)) == ["challenge", "test"]


def test_an_owner_has_a_bounded_number_of_subscriptions(office: Office) -> None:
    held = [office.subscribe(limit=3) for _ in range(3)]
    with pytest.raises(Conflict, match="subscriptions_exhausted"):
        office.subscribe(limit=3)
    office.subscribe("another", limit=3)
    with office.database.write() as connection:
        unsubscribe(connection, held[-1], now=office.now())
    office.subscribe(limit=3)


def test_an_answer_with_nul_and_broken_text_is_kept_readable(office: Office) -> None:
    office.subscribe()
    publish(office)
    (one,) = claimed(office)
    recorded(office, one, answered(500, b"a\x00b\xff" + b"x" * 1_000))
    head = office.row(ATTEMPTS)["answer_head"]
    assert head.startswith("a\ufffdb\ufffd")
    assert len(head) == 500


def test_two_owners_requests_at_once_count_each_other(fresh_postgres: str) -> None:
    with open_office(fresh_postgres) as office, ThreadPoolExecutor(4) as threads:
        made = [threads.submit(office.subscribe, limit=1, active=False) for _ in range(4)]
        refused = [one for one in made if isinstance(one.exception(), Conflict)]
        assert len(refused) == 3
        assert len(office.rows(SUBSCRIPTIONS)) == 1
