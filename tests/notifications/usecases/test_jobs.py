"""Deliver again: one, what was given up, or a piece of the journal; durable, one at a time, never merged."""

from __future__ import annotations

from datetime import timedelta

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.events import from_microseconds, new_event_id
from services.notifications.adapters.register_feed import FeedUnread, RegisterFeed
from services.notifications.delivery_tables import JOBS
from services.notifications.inbox.handling import EVENT_TYPES
from services.notifications.projections.statistics import statistics_of
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS
from services.notifications.usecases import jobs, run_jobs
from services.notifications.usecases.operational import OPERATIONAL_TYPES
from services.notifications.usecases.prune import KEPT, prune
from tests.notifications.given import BIN, OTHER_BIN, filed, producer, withdrawn
from tests.notifications.office import Office
from tests.notifications.usecases.redelivering import (
    Journal,
    all_delivered,
    exhaust,
    recovered,
    replayed,
    resent,
    run,
    worker,
)
from tests.notifications.usecases.trying import NO_ANSWER, answered, claimed, publish, recorded, recorded_all


def test_two_redeliveries_of_one_event_are_two_deliveries_under_the_same_id(office: Office) -> None:
    subscription = office.subscribe()
    publish(office)
    (first,) = claimed(office)
    recorded(office, first, answered(200))
    for _ in range(2):
        resent(office, subscription, first.delivery_id)
    again = claimed(office)
    assert [one.event_id for one in again] == [first.event_id] * 2
    assert [one.body for one in again] == [first.body] * 2
    recorded_all(office, [(one, answered(200)) for one in again])
    assert len(office.rows(ATTEMPTS)) == 3
    assert {row["state"] for row in office.rows(JOBS)} == {"done"}


def test_only_an_own_event_is_sent_again(office: Office) -> None:
    subscription, other = office.subscribe(), office.subscribe("other")
    publish(office)
    theirs = office.row(DELIVERIES, subscription_id=other, kind="event")["delivery_id"]
    challenge = office.row(DELIVERIES, subscription_id=subscription, kind="challenge")["delivery_id"]
    for delivery_id in (theirs, challenge, new_event_id()):
        with pytest.raises(NotFound, match="delivery_unknown"):
            resent(office, subscription, delivery_id)


def test_what_was_given_up_is_recovered_once_and_its_owner_told(office: Office) -> None:
    types = {**EVENT_TYPES, **OPERATIONAL_TYPES}
    subscription = office.subscribe()
    publish(office, 3)
    exhaust(office)
    office.subscribe(event_types=("kz.notifications.delivery.recovered.v1",), known=types)
    recovered(office, subscription)
    run(office)
    assert sorted(one for one in all_delivered(office) if one) == [1, 2, 3]
    assert [row["state"] for row in office.rows(DELIVERIES, kind="event", job_id="")] == ["recovered"] * 3
    assert len(office.rows(DELIVERIES, kind="operational")) == 3
    recovered(office, subscription)
    run(office)
    assert [row["queued"] for row in office.rows(JOBS)] == [3, 0]


def test_a_replay_reaches_back_to_the_first_event_whatever_was_pruned(office: Office) -> None:
    publish(office, 5)  # before anybody subscribed
    subscription = office.subscribe()
    job_id = replayed(office, subscription)
    run(office)
    assert all_delivered(office) == [1, 2, 3, 4, 5]
    job = office.row(JOBS, job_id=job_id)
    assert (job["state"], job["reached"], job["until"], job["queued"]) == ("done", "5", "5", 5)
    bodies = [bytes(office.row(EVENTS, event_id=one.header.id)["body"]) for one in office.register.events]
    assert bodies == [one.record for one in office.register.events]


def test_a_replay_is_of_a_piece_and_of_what_is_asked(office: Office) -> None:
    own, other = producer(BIN), producer(OTHER_BIN)
    for number in range(6):
        office.register.publish(filed(own if number % 2 else other))
    office.follow()
    subscription = office.subscribe(bin=BIN)
    all_delivered(office)
    for asked, expected in (
        ({}, [2, 4, 6]),
        ({"from_position": 3, "until_position": 5}, [4]),
        ({"filter": {"bin": OTHER_BIN}}, [1, 3, 5]),
        ({"filter": {"event_types": ["kz.register.entry.*"]}}, []),
        ({"from_position": 90}, []),
    ):
        replayed(office, subscription, **asked)
        run(office)
        assert all_delivered(office) == expected


def test_a_replay_from_an_instant_begins_with_the_first_event_recorded_then(office: Office) -> None:
    for minute in range(9):
        body = msgspec.json.decode(office.register.publish(filed()).record)
        office.register.events.pop()
        body["time"] = f"2026-03-02T07:0{minute}:00.000000Z"
        office.register.record(msgspec.json.encode(body))
    subscription = office.subscribe()
    start = office.now() + 4 * 60_000_000 - 1
    assert f"{from_microseconds(start):%H:%M}" == "07:03"
    replayed(office, subscription, from_position=None, from_time=start)
    run(office)
    assert all_delivered(office) == [5, 6, 7, 8, 9]


def test_a_long_replay_waits_for_its_deliveries_and_another_process_goes_on_with_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_jobs, "PAGE", 2)
    monkeypatch.setattr(run_jobs, "MOST_WAITING", 4)
    publish(office, 7)
    subscription = office.subscribe()
    job_id = replayed(office, subscription)
    with office.database.read() as connection:
        stale = connection.execute(sa.select(JOBS).where(JOBS.c.job_id == job_id)).mappings().one()
    run(office)
    assert office.row(JOBS)["reached"] == "4"
    assert not worker(office)._moved(stale)  # a process that was stopped for a while and goes on
    positions = all_delivered(office)
    while office.row(JOBS)["state"] == "running":
        run(office)
        positions += all_delivered(office)
    assert positions == [1, 2, 3, 4, 5, 6, 7]


def test_a_cancelled_job_sends_nothing_more(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_jobs, "PAGE", 2)
    publish(office, 5)
    subscription = office.subscribe()
    job_id = replayed(office, subscription)
    worker(office).run()
    worker(office).run()
    with office.database.write() as connection:
        jobs.cancel_job(connection, subscription, job_id, now=office.now())
    run(office)
    assert claimed(office) == []
    assert {row["state"] for row in office.rows(DELIVERIES, job_id=job_id)} == {"cancelled"}
    with (
        office.database.write() as connection,
        pytest.raises(Conflict, match="job_over"),
    ):
        jobs.cancel_job(connection, subscription, job_id, now=office.now())


def test_a_subscription_runs_one_job_at_a_time_and_others_are_free(office: Office) -> None:
    first, second = office.subscribe(), office.subscribe()
    replayed(office, first)
    with pytest.raises(Conflict, match="job_running"):
        recovered(office, first)
    replayed(office, second)
    run(office)
    recovered(office, first)
    paused = office.subscribe(state="disabled")
    with pytest.raises(Conflict, match="subscription_state_forbids"):
        replayed(office, paused)


def test_jobs_of_an_hour_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_PER_HOUR", 2)
    subscription = office.subscribe()
    publish(office)
    (one,) = claimed(office)
    for _ in range(2):
        resent(office, subscription, one.delivery_id)
    with pytest.raises(Conflict, match="jobs_exhausted"):
        resent(office, subscription, one.delivery_id)
    office.clock.advance(timedelta(hours=2))
    resent(office, subscription, one.delivery_id)


def test_a_register_out_of_reach_only_delays_a_replay(office: Office) -> None:
    publish(office, 2)
    subscription = office.subscribe()
    replayed(office, subscription)
    journal = Journal(office)
    journal.reachable = False
    assert worker(office, journal).run() > 0
    assert office.row(JOBS)["trouble"] == "register_unavailable"
    run(office)
    assert (office.row(JOBS)["trouble"], all_delivered(office)) == (None, [1, 2])


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"events": [{"position": 7, "event": {}}], "head": 9}),
        httpx.Response(200, json={"events": [{"position": 4, "event": {"id": 1}}], "head": 9}),
    ],
)
def test_an_answer_that_is_not_the_journal_is_refused(answer: httpx.Response) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _request: answer), trust_env=False)
    with pytest.raises(FeedUnread):
        RegisterFeed("http://feed", lambda: "t", client=client).read(3, 10)


def test_a_replay_keeps_the_order_of_a_subject(office: Office) -> None:
    one = filed()
    stream = office.register.publish(one).stream_id
    office.register.publish(withdrawn(one), stream)
    office.follow()
    subscription = office.subscribe(ordering="fifo")
    replayed(office, subscription)
    run(office)
    (first,) = claimed(office)
    assert first.position == 1
    recorded(office, first, answered(200))
    (second,) = claimed(office)
    assert second.position == 2


def test_statistics_tell_success_latency_backlog_and_breaker(office: Office) -> None:
    subscription = office.subscribe()
    publish(office, 9)
    got = claimed(office, limit=4)
    recorded_all(office, [(one, answered(200)) for one in got[:3]] + [(got[3], NO_ANSWER)])
    with office.database.read() as connection:
        found = statistics_of(connection, subscription, now=office.now())
    assert (found.tries, found.delivered, found.backlog, found.breaker) == (4, 3, 6, "closed")
    assert (found.p50_milliseconds, found.p95_milliseconds, found.exhausted) == (12, 12, 0)
    office.clock.advance(timedelta(days=2))
    with office.database.read() as connection:
        late = statistics_of(connection, subscription, now=office.now())
    assert (late.tries, late.p95_milliseconds) == (0, None)


def test_after_ninety_days_what_is_over_goes_and_what_waits_stays(office: Office) -> None:
    office.subscribe()
    publish(office, 3)
    got = claimed(office, limit=2)
    recorded_all(office, [(got[0], answered(200)), (got[1], NO_ANSWER)])
    made = max(row["delivery_id"] for row in office.rows(DELIVERIES))
    at = from_microseconds(int(made[:8] + made[9:13], 16) * 1_000)
    assert prune(office.database, FixedClock(at + KEPT - timedelta(hours=1))) == 0
    assert prune(office.database, FixedClock(at + KEPT + timedelta(seconds=1))) == 2  # the challenge too
    assert [row["state"] for row in office.rows(DELIVERIES)] == ["pending", "pending"]
    assert len(office.rows(EVENTS)) == 2
    assert [row["delivery_id"] for row in office.rows(ATTEMPTS)] == [got[1].delivery_id]
