"""Deliveries as leased rows: claimed by one worker at a time, recorded by whoever still holds the lease."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.errors import Conflict
from services.kernel.runtime import Election
from services.notifications.adapters.webhook_http import Answer, Attempt, Trouble
from services.notifications.domain.retry import DELAYS, JITTER, TRIES
from services.notifications.schema import ATTEMPTS, DELIVERIES, MESSAGES, SUBSCRIPTIONS
from services.notifications.usecases.deliver import (
    LEASE,
    Claimed,
    claim,
    free_leases,
    next_due,
    presence_name,
    record_attempt,
)
from services.notifications.usecases.own_events import challenge_in
from services.notifications.usecases.subscribe import MAX_SUBSCRIPTIONS, send_test, unsubscribe
from tests.notifications.given import filed
from tests.notifications.office import Office, open_office

SECOND = timedelta(seconds=1)


def answered(status: int, body: bytes = b"", **headers: str) -> Attempt:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Attempt(Answer(status, pairs, body, truncated=False), None, timedelta(milliseconds=12))


NO_ANSWER = Attempt(None, Trouble.NOT_CONNECTED, timedelta(milliseconds=3))


def claimed(office: Office, owner: str = "a", limit: int = 16, **given: Any) -> list[Claimed]:
    values = {"owner": owner, "now": office.now(), "limit": limit, "per_endpoint": 100, **given}
    return claim(office.database, **values)


def recorded(office: Office, one: Claimed, attempt: Attempt) -> str | None:
    return record_attempt(office.database, one, attempt, now=office.now(), rng=random.Random(7))


def publish(office: Office, count: int = 1) -> list[bytes]:
    records = [office.register.publish(filed()).record for _ in range(count)]
    office.follow()
    return records


def delivery(office: Office, one: Claimed) -> dict[str, Any]:
    return office.row(DELIVERIES, delivery_id=one.delivery_id)


def waits(office: Office, one: Claimed) -> float:
    """Seconds until the next try."""
    return float(delivery(office, one)["next_at"] - office.now()) / 1e6


def test_a_claim_has_all_that_the_post_needs(office: Office) -> None:
    subscription = office.subscribe()
    (record,) = publish(office)
    (one,) = claimed(office)
    assert (one.subscription_id, one.kind, one.number, one.position) == (subscription, "event", 1, 1)
    assert one.body == record
    assert one.event_id == office.register.events[0].header.id
    assert office.box.open(one.sealed_secret, subscription).startswith("whsec_")


def test_what_is_leased_is_not_claimed_again_before_the_lease_ends(office: Office) -> None:
    office.subscribe()
    publish(office)
    (first,) = claimed(office, "a")
    assert claimed(office, "b") == []
    office.clock.advance(LEASE - SECOND)
    assert claimed(office, "b") == []
    assert next_due(office.database) == office.now() + 1_000_000
    office.clock.advance(SECOND)
    (again,) = claimed(office, "b")
    assert (again.event_id, again.delivery_id) == (first.event_id, first.delivery_id)
    assert again.lease != first.lease


def test_a_worker_whose_lease_was_taken_records_nothing(office: Office) -> None:
    office.subscribe()
    publish(office)
    (slow,) = claimed(office, "a")
    office.clock.advance(LEASE)
    (quick,) = claimed(office, "b")
    assert recorded(office, slow, answered(410)) is None
    assert (delivery(office, slow)["state"], delivery(office, slow)["attempts"]) == ("pending", 0)
    assert office.rows(ATTEMPTS) == []
    assert office.row(SUBSCRIPTIONS)["state"] == "active"
    assert recorded(office, quick, answered(200)) == "delivered"
    assert recorded(office, slow, NO_ANSWER) is None
    assert (delivery(office, slow)["state"], len(office.rows(ATTEMPTS))) == ("delivered", 1)


def test_an_outcome_is_recorded_once(office: Office) -> None:
    office.subscribe()
    publish(office)
    (one,) = claimed(office)
    assert recorded(office, one, answered(500)) == "pending"
    assert recorded(office, one, answered(200)) is None
    assert [row["status"] for row in office.rows(ATTEMPTS)] == [500]


def test_two_workers_on_postgresql_claim_different_rows(fresh_postgres: str) -> None:
    with open_office(fresh_postgres) as office:
        office.subscribe()
        publish(office, 6)
        columns = DELIVERIES.c
        with office.database.write() as connection:  # another worker in the middle of its claim
            locked = set(
                connection.execute(
                    sa.select(columns.delivery_id)
                    .where(columns.kind == "event")
                    .order_by(columns.delivery_id)
                    .limit(2)
                    .with_for_update()
                ).scalars()
            )
            second = Database(fresh_postgres)
            try:
                taken = {
                    one.delivery_id
                    for one in claim(second, owner="b", now=office.now(), limit=3, per_endpoint=9)
                }
            finally:
                second.close()
        assert len(taken) == 3
        assert taken.isdisjoint(locked)
        rest = {one.delivery_id for one in claimed(office, "a")}
        assert len(rest) == 3
        assert rest.isdisjoint(taken)
        assert locked < rest


def test_one_endpoint_never_has_more_under_way_than_its_share(office: Office) -> None:
    first, second = office.subscribe("a"), office.subscribe("b")
    publish(office, 4)
    got = claimed(office, per_endpoint=2)
    assert sorted(one.subscription_id for one in got) == sorted([first, first, second, second])
    under_way = {first: 2, second: 1}
    more = claimed(office, per_endpoint=2, under_way=under_way)
    assert [one.subscription_id for one in more] == [second]


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
        unsubscribe(connection, subscription)
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
        unsubscribe(connection, subscription)
    assert recorded(office, one, answered(200)) == "delivered"
    assert office.row(SUBSCRIPTIONS)["state"] == "deleted"


def test_the_last_try_of_a_deleted_subscription_leaves_it_cancelled(office: Office) -> None:
    subscription = office.subscribe()
    publish(office)
    (one,) = claimed(office)
    with office.database.write() as connection:
        last = sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == one.delivery_id)
        connection.execute(last.values(attempts=TRIES - 1))
        unsubscribe(connection, subscription)
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


def test_deleting_while_an_outcome_is_recorded_is_no_deadlock(fresh_postgres: str) -> None:
    with open_office(fresh_postgres) as office, ThreadPoolExecutor(1) as thread:
        subscription = office.subscribe()
        publish(office)
        (one,) = claimed(office)
        with office.database.write() as connection:
            mine = sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.subscription_id == subscription)
            connection.execute(mine.values(description="changed"))
            outcome = thread.submit(recorded, office, one, NO_ANSWER)
            await_blocked(office.database)
            unsubscribe(connection, subscription)
        assert outcome.result(timeout=30) == "cancelled"


def await_blocked(database: Database) -> None:
    """Until one session of this database waits for another's lock."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 30
    with database.read() as connection:
        while not connection.scalar(query):
            assert time.monotonic() < deadline, "nobody waits"


def test_a_test_event_reaches_a_pending_subscription_too(office: Office) -> None:
    subscription = office.subscribe(active=False)
    with office.database.write() as connection:
        send_test(connection, subscription, now=office.now())
    assert sorted(one.kind for one in claimed(office)) == ["challenge", "test"]


def test_an_owner_has_a_bounded_number_of_subscriptions(office: Office) -> None:
    held = [office.subscribe() for _ in range(MAX_SUBSCRIPTIONS)]
    with pytest.raises(Conflict, match="subscriptions_exhausted"):
        office.subscribe()
    office.subscribe("another")
    with office.database.write() as connection:
        unsubscribe(connection, held[-1])
    office.subscribe()


def test_an_answer_with_nul_and_broken_text_is_kept_readable(office: Office) -> None:
    office.subscribe()
    publish(office)
    (one,) = claimed(office)
    recorded(office, one, answered(500, b"a\x00b\xff" + b"x" * 1_000))
    head = office.row(ATTEMPTS)["answer_head"]
    assert head.startswith("a\ufffdb\ufffd")
    assert len(head) == 500


def test_leases_of_a_worker_that_is_gone_are_free_at_once_and_those_of_a_living_one_are_not(
    office: Office,
) -> None:
    office.subscribe()
    publish(office, 2)
    gone, living, mine = uuid4().hex, uuid4().hex, uuid4().hex
    elections = {one: Election(office.database, presence_name(one)) for one in (gone, living)}
    assert all(election.won() for election in elections.values())
    (first,) = claimed(office, gone, limit=1)
    (second,) = claimed(office, living, limit=1)
    if office.database.is_postgresql:
        assert free_leases(office.database, mine) == 0
        elections[gone].resign()
        assert free_leases(office.database, mine) == 1
    else:  # on SQLite one process serves, and whoever else claimed was killed
        assert free_leases(office.database, living) == 1
    (again,) = claimed(office, mine)
    assert (again.delivery_id, again.event_id) == (first.delivery_id, first.event_id)
    assert recorded(office, first, answered(200)) is None
    assert recorded(office, second, answered(200)) == "delivered"
    assert recorded(office, again, answered(200)) == "delivered"
    for election in elections.values():
        election.resign()


def test_a_worker_that_lost_its_presence_but_lives_cannot_record(fresh_postgres: str) -> None:
    with open_office(fresh_postgres) as office:
        office.subscribe()
        publish(office)
        election = Election(office.database, presence_name("a"))
        assert election.won()
        (one,) = claimed(office, "a")
        with office.database.read() as connection:  # the server ends its session: a broken line
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        assert free_leases(office.database, "b") == 1
        (taken,) = claimed(office, "b")
        assert recorded(office, one, answered(410)) is None
        assert recorded(office, taken, answered(200)) == "delivered"
        assert not election.won()
        assert election.won()
        election.resign()
