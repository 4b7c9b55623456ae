"""Deliveries as leased rows: claimed by one worker at a time, recorded by whoever still holds the lease."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.runtime import Election
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.schema import ATTEMPTS, DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.change_subscription import as_asked, edit
from services.notifications.usecases.deliver import (
    LEASE,
    claim,
    extend_leases,
    free_leases,
    next_due,
    presence_name,
)
from services.notifications.usecases.subscribe import unsubscribe
from tests.notifications.office import URL, Office, open_office
from tests.notifications.usecases.trying import (
    NO_ANSWER,
    answered,
    claimed,
    delivery,
    publish,
    recorded,
    recorded_all,
)

SECOND = timedelta(seconds=1)


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


def test_two_workers_on_postgresql_never_claim_of_one_endpoint_at_once(fresh_postgres: str) -> None:
    """Rate, breaker and order of an endpoint are counted by one at a time; the others go on meanwhile."""
    with open_office(fresh_postgres) as office:
        first, second = office.subscribe("a"), office.subscribe("b")
        publish(office, 3)
        with office.database.write() as connection:  # another worker in the middle of its claim
            connection.execute(
                sa.select(ENDPOINTS).where(ENDPOINTS.c.subscription_id == first).with_for_update()
            )
            other = Database(fresh_postgres)
            try:
                taken = claim(other, owner="b", now=office.now(), limit=9, per_endpoint=9)
            finally:
                other.close()
        assert [one.subscription_id for one in taken] == [second] * 3
        assert [one.subscription_id for one in claimed(office, "a")] == [first] * 3


def test_one_endpoint_never_has_more_under_way_than_its_share_whoever_claimed(office: Office) -> None:
    first, second = office.subscribe("a"), office.subscribe("b")
    publish(office, 4)
    got = claimed(office, "a", per_endpoint=2)
    assert sorted(one.subscription_id for one in got) == sorted([first, first, second, second])
    assert claimed(office, "b", per_endpoint=2) == []
    recorded(office, got[-1], answered(200))
    (more,) = claimed(office, "b", per_endpoint=2)
    assert more.subscription_id == got[-1].subscription_id


def test_a_heartbeat_keeps_what_is_under_way_and_nothing_that_was_taken(office: Office) -> None:
    office.subscribe()
    publish(office, 2)
    slow, lost = claimed(office, "a")
    office.clock.advance(LEASE - SECOND)
    assert extend_leases(office.database, "a", [slow.delivery_id], now=office.now()) == 1
    office.clock.advance(LEASE - SECOND)
    (taken,) = claimed(office, "b")
    assert taken.delivery_id == lost.delivery_id
    ids = [slow.delivery_id, lost.delivery_id]
    assert extend_leases(office.database, "a", ids, now=office.now()) == 1
    assert recorded(office, slow, answered(200)) == "delivered"
    assert recorded(office, lost, answered(200)) is None


def test_an_outcome_of_an_earlier_claim_in_the_same_batch_is_not_recorded(office: Office) -> None:
    """A new URL lets go of what is under way; both POSTs may come to an end together."""
    office.subscribe()
    publish(office)
    (former,) = claimed(office)
    with office.database.write() as connection:
        let_go = {"lease": None, "leased_until": 0, "lease_owner": None}
        connection.execute(sa.update(DELIVERIES).values(let_go))
    (present,) = claimed(office)
    outcomes = [(former, answered(410)), (present, answered(200)), (former, answered(200))]
    assert recorded_all(office, outcomes) == [None, "delivered", None]
    assert [row["status"] for row in office.rows(ATTEMPTS)] == [200]
    assert office.row(SUBSCRIPTIONS)["state"] == "active"


def test_a_new_url_lets_go_of_what_is_just_being_claimed_for_the_former_one(fresh_postgres: str) -> None:
    """Its outcome there must not stand for the endpoint at the new URL."""
    with open_office(fresh_postgres) as office, ThreadPoolExecutor(1) as thread:
        subscription = office.subscribe()
        publish(office)

        def changed() -> None:
            with office.database.write() as connection:
                row = subscription_of(connection, "owner", subscription, to_change=True)
                edit(connection, row, replace(as_asked(row), url=f"{URL}/new"), now=office.now())

        with office.database.write() as connection:  # another worker in the middle of its claim
            connection.execute(sa.select(ENDPOINTS).with_for_update())
            leased = {"lease": "l", "leased_until": office.now() + 30_000_000, "lease_owner": "a"}
            mine = sa.update(DELIVERIES).where(DELIVERIES.c.kind == "event")
            connection.execute(mine.values(leased))
            change = thread.submit(changed)
            await_blocked(office.database)
        change.result(timeout=30)
        assert [row["lease"] for row in office.rows(DELIVERIES, kind="event")] == [None]


def test_a_heartbeat_waits_for_nobody(fresh_postgres: str) -> None:
    with open_office(fresh_postgres) as office:
        office.subscribe()
        publish(office, 2)
        first, second = claimed(office, "a")
        with office.database.write() as connection:  # its outcome is just being recorded
            mine = sa.select(DELIVERIES).where(DELIVERIES.c.delivery_id == second.delivery_id)
            connection.execute(mine.with_for_update())
            ids = [first.delivery_id, second.delivery_id]
            assert extend_leases(office.database, "a", ids, now=office.now()) == 1


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
            unsubscribe(connection, subscription, now=office.now())
        assert outcome.result(timeout=30) == "cancelled"


def await_blocked(database: Database, *, sessions: int = 1) -> None:
    """Until so many sessions of this database wait for another's lock."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 30
    with database.read() as connection:
        while (connection.scalar(query) or 0) < sessions:
            assert time.monotonic() < deadline, "nobody waits"


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
        with office.database.read() as connection:  # the server ends its session, and says when
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        assert free_leases(office.database, "b") == 1
        (taken,) = claimed(office, "b")
        assert recorded(office, one, answered(410)) is None
        assert recorded(office, taken, answered(200)) == "delivered"
        assert not election.won()
        assert election.won()
        election.resign()
