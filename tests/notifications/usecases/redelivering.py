"""Jobs begun and run as the service does, against the journal that the office plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.kernel.feed.following import Upstream
from services.notifications.adapters.register_feed import FeedUnread
from services.notifications.domain.retry import TRIES
from services.notifications.inbox.replaying import matching
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.schema import DELIVERIES
from services.notifications.usecases import jobs
from services.notifications.usecases.jobs import Asked
from services.notifications.usecases.run_jobs import Jobs
from tests.notifications.office import Office
from tests.notifications.usecases.trying import NO_ANSWER, answered, claimed, recorded, recorded_all

Begin = Callable[[sa.Connection, sa.RowMapping], str]


class Journal:
    """The office's played journal, read as the feed is; it can be out of reach."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.reachable = True

    def read(self, after: int, limit: int) -> tuple[Sequence[Upstream], int]:
        if not self.reachable:
            raise FeedUnread("register_unavailable")
        events = self._office.register.events
        return events[after : after + limit], len(events)


def begun(office: Office, subscription: str, begin: Begin, owner: str = "owner") -> str:
    with office.database.write() as connection:
        return begin(connection, subscription_of(connection, owner, subscription, to_change=True))


def replayed(office: Office, subscription: str, owner: str = "owner", **asked: Any) -> str:
    wanted = Asked(**{"from_position": 1, **asked})
    return begun(office, subscription, lambda c, row: jobs.replay(c, row, wanted, now=office.now()), owner)


def recovered(office: Office, subscription: str) -> str:
    return begun(office, subscription, lambda c, row: jobs.recover(c, row, None, now=office.now()))


def resent(office: Office, subscription: str, delivery_id: str) -> str:
    return begun(office, subscription, lambda c, row: jobs.resend(c, row, delivery_id, now=office.now()))


def worker(office: Office, journal: Journal | None = None) -> Jobs:
    return Jobs(office.database, journal or Journal(office), matching, office.clock, lambda: None)


def run(office: Office) -> None:
    while worker(office).run() == 0.0:
        pass


def all_delivered(office: Office) -> list[int | None]:
    positions: list[int | None] = []
    while got := claimed(office, limit=64):
        recorded_all(office, [(one, answered(200)) for one in got])
        positions += [one.position for one in got]
    return positions


def exhaust(office: Office) -> None:
    with office.database.write() as connection:
        connection.execute(
            sa.update(DELIVERIES).where(DELIVERIES.c.state == "pending").values(attempts=TRIES - 1)
        )
    while got := claimed(office, limit=1):
        recorded(office, got[0], NO_ANSWER)
        office.clock.advance(timedelta(minutes=10))
