"""Two requests at once under one idempotency key: one effect, one answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.units import AnswerKey
from services.notifications.delivery_tables import JOBS
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.usecases import jobs
from services.notifications.usecases.jobs import Asked
from services.notifications.usecases.once import once
from tests.notifications.office import Office, open_office
from tests.notifications.usecases.test_leases import await_blocked

KEY = AnswerKey("owner", "POST /replay", "k-1", "digest", 201)


def test_a_duplicate_gets_the_answer_of_the_first_whose_effect_would_refuse_it(fresh_postgres: str) -> None:
    """The first begins the only job that may run; the second asked before that was committed."""
    with open_office(fresh_postgres) as office, ThreadPoolExecutor(2) as threads:
        subscription = office.subscribe()

        def begin(connection: sa.Connection) -> str:
            row = subscription_of(connection, "owner", subscription, to_change=True)
            return jobs.replay(connection, row, Asked(from_position=1), now=office.now())

        def asked() -> tuple[str, bool]:
            return once(office.database, office.clock, KEY, begin)

        with office.database.write() as connection:
            subscription_of(connection, "owner", subscription, to_change=True)
            first = threads.submit(asked)
            await_blocked(office.database)
            second = threads.submit(asked)
            await_blocked(office.database, sessions=2)
        answers = [first.result(timeout=30), second.result(timeout=30)]
        (job,) = office.rows(JOBS)
        assert sorted(answers) == [(job["job_id"], False), (job["job_id"], True)]


def test_a_refusal_of_its_own_stays_one_and_keeps_no_key(office: Office) -> None:
    def refuse(_connection: sa.Connection) -> str:
        raise Conflict("job_running", id="j")

    for _ in range(2):
        with pytest.raises(Conflict, match="job_running"):
            once(office.database, office.clock, KEY, refuse)
    assert once(office.database, office.clock, KEY, lambda _connection: "made") == ("made", False)
    other = AnswerKey("owner", "POST /replay", "k-1", "another body", 201)
    with pytest.raises(Invalid, match="idempotency_key_reused"):
        once(office.database, office.clock, other, refuse)
