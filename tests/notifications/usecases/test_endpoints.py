"""One endpoint's trouble is its own: shares, breaker, rate, order, and what its owner is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from services.kernel.journal.events import new_event_id
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.domain.pacing import BACKLOG_AFTER
from services.notifications.domain.retry import TRIES
from services.notifications.inbox.handling import EVENT_TYPES
from services.notifications.schema import DELIVERIES, EVENTS, SUBSCRIPTIONS
from services.notifications.usecases import deliver
from services.notifications.usecases.deliver import claim, next_due
from services.notifications.usecases.operational import OPERATIONAL_TYPES
from tests.notifications.given import filed, withdrawn
from tests.notifications.office import Office
from tests.notifications.usecases.trying import (
    NO_ANSWER,
    answered,
    claimed,
    publish,
    recorded,
    recorded_all,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
FLOOD = 10_000


def delivered(office: Office, limit: int = 100, **given: Any) -> list[str]:
    """Claim and deliver what may leave now; the endpoints in the order of the claim."""
    got = claimed(office, limit=limit, **given)
    recorded_all(office, [(one, answered(200)) for one in got])
    return [one.subscription_id for one in got]


def flood(office: Office, subscription: str, count: int, *, due: int) -> None:
    """A backlog of many events that wait for one endpoint, written without the detour of a journal."""
    event_id = new_event_id()
    event = {"event_id": event_id, "type": "x", "position": None, "body": b"{}"}
    with office.database.write() as connection:
        connection.execute(sa.insert(EVENTS).values(event))
        number = "i" if office.database.is_postgresql else "value"
        series = (
            f"generate_series(1, {count}) AS i"
            if office.database.is_postgresql
            else "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n "
            f"WHERE value < {count}) SELECT value FROM n)"
        )
        connection.exec_driver_sql(
            "INSERT INTO deliveries (delivery_id, subscription_id, event_id, kind, state, attempts, next_at, "
            f"leased_until, priority, job_id) SELECT '{event_id}' || {number}, '{subscription}', "
            f"'{event_id}', 'event', 'pending', 1, {due} + {number}, 0, 2, 'flood-' || {number} "
            f"FROM {series}"
        )
        if office.database.is_postgresql:
            connection.exec_driver_sql("ANALYZE deliveries")


def test_what_waits_for_one_endpoint_is_nothing_to_the_others(office: Office) -> None:
    """Backlogs that are due and that are not; no statement of a claim looks at more than it takes."""
    late, patient, other = office.subscribe("a"), office.subscribe("b"), office.subscribe("c")
    flood(office, late, FLOOD, due=office.now() - 3_600_000_000)
    flood(office, patient, FLOOD, due=office.now() + 3_600_000_000)
    publish(office, 2)
    with statements(office) as run:
        taken = claimed(office, limit=24, per_endpoint=8)
        assert next_due(office.database) is not None
    counted = Counter(one.subscription_id for one in taken)
    assert counted == {late: 8, patient: 2, other: 2}
    assert [one.position for one in taken if one.subscription_id == other] == [1, 2]
    for sql, parameters in run:
        looked_at(office, sql, parameters)


@contextmanager
def statements(office: Office) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile."""
    run: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        if "deliveries" in sql and not many:
            run.append((sql, parameters))

    sa.event.listen(office.database.engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        sa.event.remove(office.database.engine, "before_cursor_execute", note)


def looked_at(office: Office, sql: str, parameters: Any) -> None:
    """Fails when a statement walks through a backlog, by the plan that the database makes for it now."""
    if not office.database.is_postgresql:
        with office.database.read() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all()
        assert not [row[3] for row in plan if "SCAN deliveries" in row[3]], sql
        return
    with office.database.engine.connect() as connection:
        (plan,) = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters).scalar_one()
        connection.rollback()
    assert most_rows(plan["Plan"]) < FLOOD / 10, sql


def most_rows(node: dict[str, Any]) -> int:
    own = int(node["Actual Rows"]) + int(node.get("Rows Removed by Filter", 0))
    return max(own, *(most_rows(one) for one in node.get("Plans", [])), 0)


def test_endpoints_take_turns_when_there_is_not_room_for_all(office: Office) -> None:
    names = [office.subscribe(str(number)) for number in range(4)]
    publish(office, 2)
    assert delivered(office, limit=2) == names[:2]
    office.clock.advance(SECOND)
    assert delivered(office, limit=2) == names[2:]
    office.clock.advance(SECOND)
    assert sorted(delivered(office, limit=4)) == sorted(names)


def test_an_endpoint_that_fails_again_and_again_is_left_alone_and_then_probed_once(office: Office) -> None:
    office.subscribe()
    publish(office, 20)
    first = claimed(office, per_endpoint=8)
    recorded_all(office, [(one, NO_ANSWER) for one in first])
    endpoint = office.row(ENDPOINTS)
    assert (len(first), endpoint["breaker"], endpoint["failures"]) == (8, "open", 8)
    assert claimed(office) == []
    assert next_due(office.database) == endpoint["not_before"]
    office.clock.advance(MINUTE)
    (probe,) = claimed(office)
    assert (office.row(ENDPOINTS)["breaker"], claimed(office)) == ("half_open", [])
    assert recorded(office, probe, answered(500)) == "pending"
    assert claimed(office) == []
    office.clock.advance(2 * MINUTE)
    widths = [len(delivered(office)) for _ in range(3)]
    assert widths == [1, 2, 4]
    assert office.row(ENDPOINTS)["breaker"] == "closed"


def test_new_events_come_before_the_backlog_and_the_backlog_oldest_first(office: Office) -> None:
    office.subscribe()
    publish(office, 3)
    office.clock.advance(timedelta(microseconds=BACKLOG_AFTER) + SECOND)
    publish(office, 2)
    taken = claimed(office, limit=4)
    assert [one.position for one in taken] == [4, 5, 1, 2]


def test_an_endpoints_rate_is_kept_by_all_workers_together(office: Office) -> None:
    office.subscribe(deliveries_per_minute=120)
    publish(office, 9)
    assert [len(delivered(office, owner=owner)) for owner in ("a", "b", "a")] == [2, 0, 0]
    due = next_due(office.database)
    assert due is not None
    assert 0 < due - office.now() <= 1_000_000
    office.clock.advance(SECOND)
    assert [len(delivered(office, owner=owner)) for owner in ("b", "a")] == [1, 0]
    with office.database.write() as connection:  # the endpoint allows less than the owner wishes
        connection.execute(sa.update(SUBSCRIPTIONS).values(allowed_per_minute=1))
    office.clock.advance(2 * MINUTE)
    assert len(delivered(office)) == 1
    office.clock.advance(MINUTE - SECOND)
    assert delivered(office) == []
    office.clock.advance(SECOND)
    assert len(delivered(office)) == 1


def test_endpoints_whose_rate_is_used_up_take_no_others_turn(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ENDPOINTS_AT_ONCE", 2)
    slow = [office.subscribe(str(rate), deliveries_per_minute=rate) for rate in (1, 60, 119, 120, 600)]
    publish(office, 30)
    for _ in range(8):
        claimed(office, limit=100, per_endpoint=50)
    office.clock.advance(timedelta(milliseconds=50))
    fast = office.subscribe("fast")
    publish(office)
    assert {one.subscription_id for one in claimed(office)} == {fast}
    office.clock.advance(SECOND)
    again = {one.subscription_id for _ in range(4) for one in claimed(office, limit=100, per_endpoint=50)}
    assert again == set(slow[1:])  # each one that a second gives a try to


def test_after_an_hour_away_an_endpoint_gets_its_rate_and_new_events_first(office: Office) -> None:
    """The bar of recovery: 60 a minute, 80 waiting, one new event after every ten that left."""
    office.subscribe(deliveries_per_minute=60)
    publish(office, 80)
    outage = office.now() + 3_600_000_000
    while office.now() < outage:
        for one in claimed(office, per_endpoint=8):
            recorded(office, one, NO_ANSWER)
        wait = max((next_due(office.database) or 0) - office.now(), 1_000_000)
        office.clock.advance(timedelta(microseconds=wait))
    left: list[tuple[int, int]] = []
    while any(row["state"] == "pending" for row in office.rows(DELIVERIES, kind="event")):
        if len(left) < 50 and len(left) % 10 == 0:
            publish(office)
        due = max(next_due(office.database) or 0, office.now() + 1)
        office.clock.advance(timedelta(microseconds=due - office.now()))
        got = claimed(office, per_endpoint=8)
        recorded_all(office, [(one, answered(200)) for one in got])
        left += [(office.now(), one.position or 0) for one in got]
    times = [at for at, _position in left]
    assert all(sum(at <= one < at + 60_000_000 for one in times) <= 60 for at in times)
    order = [position for _at, position in left]
    news = [position for position in order if position > 80]
    assert news == sorted(news)
    assert order.index(news[-1]) < len(order) - 30, "the backlog was not yet over"
    assert sorted(order) == list(range(1, len(office.register.events) + 1))


def test_one_subjects_events_arrive_one_after_the_other_and_others_meanwhile(office: Office) -> None:
    office.subscribe(ordering="fifo")
    one, other = filed(), filed(number="0000000002")
    stream = office.register.publish(one).stream_id
    office.register.publish(withdrawn(one), stream)
    office.register.publish(other)
    office.follow()
    states = [row["state"] for row in office.rows(DELIVERIES, kind="event")]
    assert states == ["pending", "waiting", "pending"]
    first, third = claimed(office)
    assert (first.position, third.position) == (1, 3)
    assert recorded(office, first, NO_ANSWER) == "pending"
    assert recorded(office, third, answered(200)) == "delivered"
    office.clock.advance(timedelta(hours=1))
    (again,) = claimed(office)
    assert again.position == 1
    recorded(office, again, answered(200))
    (second,) = claimed(office)
    assert second.position == 2
    recorded(office, second, answered(200))
    assert {row["state"] for row in office.rows(DELIVERIES)} == {"delivered"}


def test_a_subject_goes_on_when_one_of_its_events_is_given_up(office: Office) -> None:
    office.subscribe(ordering="fifo")
    one = filed()
    stream = office.register.publish(one).stream_id
    office.register.publish(withdrawn(one), stream)
    office.follow()
    for _ in range(TRIES):
        (got,) = claimed(office)
        assert got.position == 1
        recorded(office, got, NO_ANSWER)
        office.clock.advance(timedelta(hours=11))
        with office.database.write() as connection:
            connection.execute(
                sa.update(DELIVERIES).where(DELIVERIES.c.state == "pending").values(next_at=office.now())
            )
    (following,) = claimed(office)
    assert following.position == 2


def told(office: Office) -> list[tuple[str, dict[str, str]]]:
    found = []
    for row in office.rows(DELIVERIES, kind="operational"):
        body = msgspec.json.decode(bytes(office.row(EVENTS, event_id=row["event_id"])["body"]))
        found.append((body["type"].split("notifications.")[1], body["data"]))
    return found


def test_an_owner_is_warned_before_its_endpoint_is_disabled_and_told_when_it_was(office: Office) -> None:
    types = {**EVENT_TYPES, **OPERATIONAL_TYPES}
    office.subscribe("a", event_types=("kz.notifications.*",), known=types)
    office.subscribe("other", event_types=("kz.notifications.endpoint.disabled.v1",), known=types)
    failing = office.subscribe("a")
    publish(office)
    started = office.clock.now()
    for days in (0.0, 2.6, 4.6, 5.1):
        office.clock.set(started + timedelta(days=days))
        publish(office)
        (got, *_) = [one for one in claimed(office) if one.subscription_id == failing]
        recorded(office, got, NO_ANSWER)
    about = {"subscription_id": failing}
    assert told(office) == [
        ("endpoint.failing.v1", {**about, "percent": "50"}),
        ("endpoint.failing.v1", {**about, "percent": "90"}),
        ("endpoint.disabled.v1", {**about, "reason": "failing_too_long", "missed_from": "1"}),
    ]


def test_tries_that_fail_together_disable_nobody_at_the_warning(office: Office) -> None:
    """Whose endpoint gets something once a week has twelve hours from the warning on, too."""
    failing = office.subscribe("a")
    states = []
    for hours in (0.0, 7 * 24, 11.9, 0.2):
        office.clock.advance(timedelta(hours=hours))
        publish(office, 2)
        together = claimed(office)
        assert len(together) >= (1 if office.row(ENDPOINTS, subscription_id=failing)["at_once"] else 2)
        recorded_all(office, [(one, NO_ANSWER) for one in together])
        states.append(office.row(SUBSCRIPTIONS, subscription_id=failing)["state"])
    assert states == ["active", "active", "active", "disabled"]


def test_an_exhausted_delivery_is_told_but_not_an_exhausted_telling(office: Office) -> None:
    types = {**EVENT_TYPES, **OPERATIONAL_TYPES}
    watching = office.subscribe("a", event_types=("kz.notifications.*",), known=types)
    office.subscribe("a")
    publish(office)
    for _ in range(2):
        with office.database.write() as connection:
            connection.execute(sa.update(DELIVERIES).values(attempts=TRIES - 1))
        for one in claimed(office):
            recorded(office, one, NO_ANSWER)
    (only,) = told(office)
    assert only[0] == "delivery.exhausted.v1"
    telling = office.row(DELIVERIES, kind="operational")
    assert (telling["subscription_id"], telling["state"]) == (watching, "exhausted")


def test_a_subscription_to_all_events_hears_nothing_of_operation(office: Office) -> None:
    office.subscribe("a")
    gone = office.subscribe("a")
    publish(office)
    got = next(one for one in claimed(office) if one.subscription_id == gone)
    recorded(office, got, answered(410))
    assert told(office) == []


def test_a_batch_is_recorded_whole_and_says_which_leases_were_lost(office: Office) -> None:
    gone, living = office.subscribe("a"), office.subscribe("b")
    publish(office, 2)
    got = {(one.subscription_id, one.position): one for one in claimed(office)}
    with office.database.write() as connection:
        lost = sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == got[living, 2].delivery_id)
        connection.execute(lost.values(lease="another"))
    states = recorded_all(
        office,
        [
            (got[gone, 1], NO_ANSWER),
            (got[gone, 2], answered(410)),
            (got[living, 1], answered(200)),
            (got[living, 2], answered(200)),
        ],
    )
    assert states == ["cancelled", "cancelled", "delivered", None]
    left = claim(office.database, owner="c", now=office.now() + 10**9, limit=9, per_endpoint=9)
    assert [one.delivery_id for one in left] == [got[living, 2].delivery_id]
