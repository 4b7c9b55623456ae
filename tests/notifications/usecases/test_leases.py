"""Deliveries as leased rows: claimed by one worker at a time, recorded by whoever still holds the lease."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.runtime import Election
from services.notifications.schema import ATTEMPTS, DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.deliver import (
    LEASE,
    claim,
    free_leases,
    next_due,
    presence_name,
)
from services.notifications.usecases.subscribe import unsubscribe
from tests.notifications.office import Office, open_office
from tests.notifications.usecases.trying import (
    NO_ANSWER,
    answered,
    claimed,
    delivery,
    publish,
    recorded,
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
