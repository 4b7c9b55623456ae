"""Readiness checks that every service has: its store answers, its tables are current, its clock reads."""

from __future__ import annotations

import sqlalchemy as sa

from services.kernel.clock import Clock, ClockUnreadable
from services.kernel.database import Database
from services.kernel.http.health import Notice
from services.kernel.migrating import is_current

_NO_ANSWER = "the store does not answer"


class StoreAnswers:
    """The database answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self) -> str | None:
        """None while it does."""
        try:
            with self._database.read() as connection:
                connection.execute(sa.text("SELECT 1"))
        except (sa.exc.SQLAlchemyError, OSError):
            return _NO_ANSWER
        return None


class TablesCurrent:
    """The tables are at the newest revision; looked at until they are."""

    def __init__(self, service: str, database: Database) -> None:
        self._service = service
        self._database = database
        self._seen = False

    def __call__(self) -> str | None:
        """None once they are."""
        try:
            self._seen = self._seen or is_current(self._service, self._database)
        except (sa.exc.SQLAlchemyError, OSError):
            return _NO_ANSWER
        return None if self._seen else "the tables are not at the newest revision"


class FactsParked:
    """Facts of a neighbour that could not be handled yet, told by a process that does not follow itself."""

    def __init__(self, database: Database, parked_events: sa.Table) -> None:
        self._database = database
        self._query = sa.select(sa.func.count()).select_from(parked_events)

    def __call__(self) -> str | None:
        """None while none are."""
        try:
            with self._database.read() as connection:
                parked = connection.scalar(self._query)
        except (sa.exc.SQLAlchemyError, OSError):
            return _NO_ANSWER
        return Notice(f"facts parked: {parked}") if parked else None


class ClockReads:
    """The legal clock tells the present instant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> str | None:
        """None while it does."""
        try:
            self._clock.now()
        except ClockUnreadable:
            return "the simulated clock cannot be read"
        return None
