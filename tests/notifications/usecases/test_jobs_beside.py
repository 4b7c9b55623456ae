"""A job beside others: cancelled, ended with its subscription, stuck, or before a journal it cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict, NotFound
from services.kernel.feed.following import Upstream
from services.kernel.journal.events import from_microseconds
from services.kernel.journal.rows import Row
from services.notifications.delivery_tables import JOBS
from services.notifications.domain.filters import Filter
from services.notifications.inbox.replaying import matching
from services.notifications.schema import ATTEMPTS, DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases import jobs, queue_deliveries, run_jobs
from services.notifications.usecases.deliver import LEASE
from services.notifications.usecases.prune import KEPT, prune
from services.notifications.usecases.queue_deliveries import delivery_row, hold_events, keep_events
from services.notifications.usecases.run_jobs import Jobs
from services.notifications.usecases.subscribe import unsubscribe
from tests.notifications.given import BIN, filed, withdrawn
from tests.notifications.office import Office, open_office
from tests.notifications.usecases.redelivering import (
    Journal,
    all_delivered,
    recovered,
    replayed,
    resent,
    run,
    worker,
)
from tests.notifications.usecases.test_leases import await_blocked
from tests.notifications.usecases.trying import answered, claimed, publish, recorded


def test_cancelling_a_job_lets_the_rest_of_a_subjects_line_go_on(office: Office) -> None:
    one = filed()
    stream = office.register.publish(one).stream_id
    office.register.publish(withdrawn(one), stream)
    office.follow()
    subscription = office.subscribe(ordering="fifo")
    job_id = replayed(office, subscription)
    run(office)
    office.register.publish(withdrawn(one), stream)
    office.follow()
    assert [row["state"] for row in office.rows(DELIVERIES, kind="event")] == [
        "pending",
        "waiting",
        "waiting",
    ]
    with office.database.write() as connection:
        connection.execute(sa.update(JOBS).values(state="running"))  # more of the journal is to come
        jobs.cancel_job(connection, subscription, job_id, now=office.now())
    assert {row["state"] for row in office.rows(DELIVERIES, job_id=job_id)} == {"cancelled"}
    assert all_delivered(office) == [3]


def test_what_follows_a_cancelled_delivery_waits_until_its_post_is_surely_over(office: Office) -> None:
    one = filed()
    stream = office.register.publish(one).stream_id
    subscription = office.subscribe(ordering="fifo")
    office.follow()
    job_id = replayed(office, subscription)
    run(office)
    with office.database.write() as connection:
        connection.execute(sa.update(JOBS).values(state="running"))  # more of the journal is to come
        connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.job_id == ""))
        connection.execute(sa.update(DELIVERIES).values(state="pending"))
    (under_way,) = claimed(office)
    office.register.publish(withdrawn(one), stream)
    office.follow()
    with office.database.write() as connection:
        jobs.cancel_job(connection, subscription, job_id, now=office.now())
    assert claimed(office) == []
    office.clock.advance(LEASE)
    (following,) = claimed(office)
    assert (under_way.position, following.position) == (1, 2)


def test_a_job_that_queued_everything_is_cancelled_while_its_deliveries_wait(office: Office) -> None:
    publish(office, 2)
    subscription = office.subscribe()
    job_id = replayed(office, subscription)
    run(office)
    assert office.row(JOBS)["state"] == "done"
    (one,) = claimed(office, limit=1)
    recorded(office, one, answered(200))
    with office.database.write() as connection:
        jobs.cancel_job(connection, subscription, job_id, now=office.now())
    assert office.row(JOBS)["state"] == "cancelled"
    assert [row["state"] for row in office.rows(DELIVERIES, job_id=job_id)] == ["delivered", "cancelled"]
    again = replayed(office, subscription)
    run(office)
    all_delivered(office)
    with office.database.write() as connection, pytest.raises(Conflict, match="job_over"):
        jobs.cancel_job(connection, subscription, again, now=office.now())
    assert office.row(JOBS, job_id=again)["state"] == "done"


def test_what_was_given_up_is_recovered_in_its_subjects_order(office: Office) -> None:
    one = filed()
    stream = office.register.publish(one).stream_id
    office.register.publish(withdrawn(one), stream)
    subscription = office.subscribe(ordering="fifo")
    office.follow()
    with office.database.write() as connection:
        connection.execute(sa.update(DELIVERIES).values(state="exhausted"))
    recovered(office, subscription)
    run(office)
    for position in (1, 2):
        (due,) = claimed(office)
        assert due.position == position
        recorded(office, due, answered(200))
    (first, _second) = office.rows(DELIVERIES, kind="event", job_id="")
    for _ in range(2):
        resent(office, subscription, first["delivery_id"])
    assert len(claimed(office)) == 1


def test_a_line_keeps_its_order_when_a_host_whose_clock_is_behind_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = filed()
    stream = office.register.publish(one).stream_id
    for _ in range(3):
        office.register.publish(withdrawn(one), stream)
    subscription = office.subscribe(ordering="fifo")
    replayed(office, subscription, until_position=2)
    run(office)
    late = (f"01000000-0000-7000-8000-{number:012x}" for number in range(9))
    monkeypatch.setattr(queue_deliveries, "new_event_id", lambda: next(late))
    replayed(office, subscription, from_position=3)
    run(office)
    order = [row["event_id"] for row in office.rows(DELIVERIES, kind="event")]
    assert order == [event.header.id for event in office.register.events]
    with office.database.write() as connection:
        connection.execute(sa.update(DELIVERIES).values(state="exhausted"))
    monkeypatch.setattr(jobs, "new_event_id", lambda: "01000000-0000-7000-8000-00000000000f")
    recovered(office, subscription)
    run(office)
    assert all_delivered(office) == [1, 2, 3, 4]


def test_an_event_that_is_about_to_be_pruned_is_kept_for_who_asks_for_it_again(fresh_postgres: str) -> None:
    """A delivery whose event was pruned meanwhile would never leave."""
    with open_office(fresh_postgres) as office, ThreadPoolExecutor(1) as thread:
        subscription = office.subscribe()
        publish(office)
        (one,) = claimed(office)
        recorded(office, one, answered(200))
        late = FixedClock(datetime.now(UTC) + KEPT + timedelta(days=1))
        with office.database.write() as connection:
            keep_again = office.row(EVENTS, event_id=one.event_id)
            keep_events(connection, [keep_again])
            hold_events(connection, [one.event_id])
            pruned = thread.submit(prune, office.database, late)
            await_blocked(office.database)
            row = delivery_row(subscription, one.event_id, "event", office.now(), job_id="j")
            connection.execute(sa.insert(DELIVERIES).values(row))
        assert pruned.result(timeout=30) == 2  # the challenge too
        assert [event["event_id"] for event in office.rows(EVENTS)] == [one.event_id]
        (again,) = claimed(office)
        assert again.body == one.body


def test_what_waited_for_long_is_shown_for_as_long_after_its_last_try(office: Office) -> None:
    office.subscribe(state="paused")
    publish(office)
    with office.database.write() as connection:
        connection.execute(sa.update(SUBSCRIPTIONS).values(state="active"))
    start = datetime.now(UTC)
    office.clock.set(start + KEPT + timedelta(days=10))
    (one,) = claimed(office)
    recorded(office, one, answered(200))
    for days, left in ((11, 1), (99, 1), (101, 0)):
        prune(office.database, FixedClock(start + KEPT + timedelta(days=days)))
        assert len(office.rows(ATTEMPTS)) == left


def test_a_job_ends_with_its_subscription(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_jobs, "PAGE", 2)
    publish(office, 5)
    deleted, gone = office.subscribe(), office.subscribe()
    for subscription in (deleted, gone):
        replayed(office, subscription)
    for _ in range(2):
        worker(office).run()
    with office.database.write() as connection:
        unsubscribe(connection, deleted, now=office.now())
    (one,) = claimed(office, limit=1)
    recorded(office, one, answered(410))
    run(office)
    assert {row["state"] for row in office.rows(JOBS)} == {"cancelled"}
    assert {row["state"] for row in office.rows(DELIVERIES, kind="event")} == {"cancelled"}
    office.clock.advance(timedelta(days=1))
    assert claimed(office) == []


def test_a_job_that_is_stuck_keeps_no_other_owners_from_running(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_jobs, "MOST_WAITING", 2)
    monkeypatch.setattr(run_jobs, "PAGE", 2)
    monkeypatch.setattr(run_jobs, "JOBS_AT_ONCE", 1)
    publish(office, 3)
    held, free = office.subscribe(state="paused"), office.subscribe("other")
    first, second = replayed(office, held), replayed(office, free, "other")
    run(office)
    assert office.row(JOBS, job_id=first)["reached"] == "2"
    assert office.row(JOBS, job_id=second)["reached"] == "2"


def test_an_event_that_nobody_can_read_stops_one_job_only(office: Office) -> None:
    publish(office, 2)
    broken, whole = office.subscribe(), office.subscribe(bin=BIN)
    first, second = replayed(office, broken), replayed(office, whole)

    def judged(connection: sa.Connection, events: Sequence[Upstream], wanted: Filter) -> list[Upstream]:
        if wanted.bin is None:
            raise NotFound("application_not_known_yet", id="a")
        return matching(connection, events, wanted)

    running = Jobs(office.database, Journal(office), judged, office.clock, lambda: None)
    while running.run() == 0.0:
        pass
    assert (office.row(JOBS, job_id=first)["state"], office.row(JOBS, job_id=second)["state"]) == (
        "running",
        "done",
    )
    assert office.row(JOBS, job_id=first)["trouble"] == "event_unreadable"
    run(office)
    assert office.row(JOBS, job_id=first)["state"] == "done"


def test_an_event_given_up_twice_is_recovered_and_counted_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_jobs, "PAGE", 2)
    one = filed()
    stream = office.register.publish(one).stream_id
    subscription = office.subscribe(ordering="fifo")
    office.follow()
    (first,) = office.rows(DELIVERIES, kind="event")
    for _ in range(3):
        resent(office, subscription, first["delivery_id"])
    office.register.publish(withdrawn(one), stream)
    office.follow()
    with office.database.write() as connection:
        connection.execute(sa.update(DELIVERIES).values(state="exhausted"))
    job_id = recovered(office, subscription)
    run(office)
    made = office.rows(DELIVERIES, job_id=job_id)
    assert (office.row(JOBS, job_id=job_id)["queued"], len(made)) == (2, 2)
    assert all_delivered(office) == [1, 2]


def test_what_the_database_refuses_of_one_job_stops_no_other_owners(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(office, 2)
    broken, whole = office.subscribe(), office.subscribe("other")
    first, second = replayed(office, broken), replayed(office, whole, "other")

    def refusing(name: str, *given: Any, **more: Any) -> Row:
        return delivery_row(name, *given, **more) | ({"state": None} if name == broken else {})

    monkeypatch.setattr(run_jobs, "delivery_row", refusing)
    run(office)
    states = [office.row(JOBS, job_id=one)["state"] for one in (first, second)]
    assert (states, office.row(JOBS, job_id=first)["trouble"]) == (["running", "done"], "write_refused")
    monkeypatch.undo()
    run(office)
    assert office.row(JOBS, job_id=first)["state"] == "done"


def test_a_store_that_cannot_answer_is_no_jobs_fault(office: Office) -> None:
    publish(office)
    job_id = replayed(office, office.subscribe())

    def judged(_connection: sa.Connection, _events: Sequence[Upstream], _wanted: Filter) -> list[Upstream]:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    running = Jobs(office.database, Journal(office), judged, office.clock, lambda: None)
    running.run()  # where the replay begins and ends
    with pytest.raises(sa.exc.OperationalError):
        running.run()
    assert office.row(JOBS, job_id=job_id)["trouble"] is None


def test_a_job_is_kept_while_deliveries_of_it_wait(office: Office) -> None:
    publish(office)
    subscription = office.subscribe(state="paused")
    over, waits = replayed(office, subscription, until_position=0), replayed_now(office, subscription)
    late = FixedClock(from_microseconds(office.now()) + KEPT + timedelta(days=1))
    prune(office.database, late)
    assert [row["job_id"] for row in office.rows(JOBS)] == [waits]
    with office.database.write() as connection:
        connection.execute(sa.update(DELIVERIES).values(state="cancelled"))
    prune(office.database, late)
    assert (over != waits, office.rows(JOBS)) == (True, [])


def replayed_now(office: Office, subscription: str) -> str:
    """A replay after what ran before, whose deliveries are queued."""
    run(office)
    job_id = replayed(office, subscription)
    run(office)
    return job_id


def test_old_jobs_go_a_batch_at_a_time(office: Office) -> None:
    subscription = office.subscribe()
    for _ in range(3):
        replayed_now(office, subscription)
    late = FixedClock(from_microseconds(office.now()) + KEPT + timedelta(days=1))
    left = []
    for _ in range(2):
        prune(office.database, late, batch=2)
        left.append(len(office.rows(JOBS)))
    assert left == [1, 0]


def test_a_journal_that_is_shorter_than_it_was_ends_no_replay(office: Office) -> None:
    publish(office, 3)
    subscription = office.subscribe()
    job_id = replayed(office, subscription)
    worker(office).run()
    assert office.row(JOBS, job_id=job_id)["until"] == "3"
    lost, office.register.events = office.register.events, []
    run(office)
    job = office.row(JOBS, job_id=job_id)
    assert (job["state"], job["trouble"]) == ("running", "register_behind")
    office.register.events = lost
    run(office)
    assert office.row(JOBS, job_id=job_id)["queued"] == 3
