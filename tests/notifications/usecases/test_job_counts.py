"""What is over of a job is counted where it ends; what waits in all is measured by index."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from services.notifications import measuring
from services.notifications.delivery_tables import JOBS
from services.notifications.domain.retry import TRIES
from services.notifications.measuring import DeliveryMeasure
from services.notifications.schema import DELIVERIES
from services.notifications.usecases.jobs import cancel_job
from tests.notifications.office import Office
from tests.notifications.usecases.redelivering import all_delivered, recovered, replayed, resent, run
from tests.notifications.usecases.trying import NO_ANSWER, answered, claimed, publish, recorded


def counted(office: Office, job_id: str) -> dict[str, int]:
    """What a job's row tells, after making sure that its deliveries tell the same."""
    job = office.row(JOBS, job_id=job_id)
    told = {name: job[name] for name in ("delivered", "exhausted", "cancelled")}
    states = Counter(row["state"] for row in office.rows(DELIVERIES, job_id=job_id))
    assert told == {
        "delivered": states["delivered"],
        "exhausted": states["exhausted"] + states["recovered"],
        "cancelled": states["cancelled"],
    }
    assert job["queued"] - sum(told.values()) == states["pending"] + states["waiting"]
    return told


def test_what_became_of_a_jobs_deliveries_is_counted_where_they_end(office: Office) -> None:
    subscription = office.subscribe(ordering="fifo")
    publish(office, 5)
    all_delivered(office)
    first = replayed(office, subscription)
    run(office)
    one, two, three, *_ = claimed(office)
    recorded(office, one, answered(200))
    with office.database.write() as connection:
        last = sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == two.delivery_id)
        connection.execute(last.values(attempts=TRIES - 1))
    again = recovered(office, subscription)
    assert counted(office, first) == {"delivered": 1, "exhausted": 0, "cancelled": 0}
    with office.database.write() as connection:
        cancel_job(connection, subscription, first, now=office.now())
    assert counted(office, first) == {"delivered": 1, "exhausted": 0, "cancelled": 4}
    recorded(office, three, answered(200))
    assert counted(office, first) == {"delivered": 2, "exhausted": 0, "cancelled": 3}
    recorded(office, two, NO_ANSWER)
    assert counted(office, first) == {"delivered": 2, "exhausted": 0, "cancelled": 3}
    assert counted(office, again) == {"delivered": 0, "exhausted": 0, "cancelled": 0}


def test_what_is_given_up_recovered_and_ended_with_its_subscription_is_counted(office: Office) -> None:
    subscription = office.subscribe()
    publish(office)
    (made,) = claimed(office)
    recorded(office, made, answered(200))
    job = resent(office, subscription, made.delivery_id)
    with office.database.write() as connection:
        given_up = sa.update(DELIVERIES).where(DELIVERIES.c.job_id == job)
        connection.execute(given_up.values(attempts=TRIES - 1))
    (got,) = claimed(office)
    recorded(office, got, NO_ANSWER)
    assert counted(office, job) == {"delivered": 0, "exhausted": 1, "cancelled": 0}
    again = recovered(office, subscription)
    run(office)
    assert all_delivered(office) == [1]
    assert counted(office, job) == {"delivered": 0, "exhausted": 1, "cancelled": 0}, "it is recovered"
    assert counted(office, again) == {"delivered": 1, "exhausted": 0, "cancelled": 0}
    ended = [resent(office, subscription, made.delivery_id) for _ in range(2)]
    (gone, _other) = claimed(office)
    recorded(office, gone, answered(410))
    assert [counted(office, one)["cancelled"] for one in ended] == [1, 1]


def test_what_waits_and_what_was_given_up_is_told_to_prometheus(office: Office) -> None:
    office.subscribe(ordering="fifo")
    publish(office, 3)
    with office.database.write() as connection:
        one = office.rows(DELIVERIES, kind="event")[0]["delivery_id"]
        connection.execute(
            sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == one).values(state="exhausted")
        )
    measure = DeliveryMeasure(office.database)
    measure.refresh()
    told = [
        next(iter(gauge.collect())).samples[0].value for gauge in (measuring.BACKLOG, measuring.EXHAUSTED)
    ]
    assert told == [2, 1]
