"""The watch over accounts: reminders, what authorities learn of waiting work, lost mail and missing facts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, get_args

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds
from services.kernel.telemetry import logger
from services.notifications.domain.channels import ChannelName
from services.notifications.projections.parked import parked_facts
from services.notifications.usecases.remind import remind
from services.notifications.usecases.tell_authorities import (
    Service,
    tell_of_given_up_messages,
    tell_of_stuck_facts,
    tell_of_waiting_work,
)

SERVICES: Final[tuple[Service, ...]] = get_args(Service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When what is told. Days are counted back from a term's last day; reminders go over `channels` too."""

    producers: tuple[int, ...]
    authorities: tuple[int, ...]
    stuck_after: timedelta
    every: timedelta
    channels: tuple[ChannelName, ...] = ()


@dataclass
class AccountWatch:
    """One run tells all that is due; only the elected process runs it.

    `troubles` say of each service what keeps facts from it, None while they come in. How long is measured
    from the first run that met it, so a restart begins to count anew; what is parked tells its own time.
    """

    database: Database
    legal_clock: Clock
    clock: Clock
    rhythm: Rhythm
    troubles: Mapping[Service, Callable[[], str | None]]
    monotonic: Callable[[], float] = time.monotonic
    _since: dict[Service, float] = field(default_factory=dict)

    def run(self) -> float:
        """Put every message that is due; returns the seconds until the next run."""
        now = self.legal_clock.now()
        reminded = remind(
            self.database,
            self.rhythm.producers,
            authorities=False,
            now=now,
            channels=self.rhythm.channels,
        )
        reminded += remind(self.database, self.rhythm.authorities, authorities=True, now=now)
        ending = max(self.rhythm.authorities, default=0)
        told = tell_of_waiting_work(self.database, ending_within=ending, now=now)
        told += tell_of_given_up_messages(self.database, now=now)
        if reminded or told:
            logger.info("accounts told", extra={"reminders": reminded, "work": told})
        for service in SERVICES:
            self._watch_facts(service)
        return self.rhythm.every.total_seconds()

    def _watch_facts(self, service: Service) -> None:
        trouble, lasted = self._trouble(service)
        if trouble is None or lasted < self.rhythm.stuck_after:
            return
        minutes = int(lasted / timedelta(minutes=1))
        now = self.legal_clock.now()
        if tell_of_stuck_facts(self.database, service, trouble, minutes=minutes, now=now):
            logger.warning("facts do not come in", extra={"service": service, "minutes": minutes})

    def _trouble(self, service: Service) -> tuple[str | None, timedelta]:
        """What keeps facts from a service, and for how long."""
        check = self.troubles.get(service)
        trouble = check() if check is not None else None
        if trouble is None:
            self._since.pop(service, None)
            return self._parked_here() if service == "notifications" else (None, timedelta(0))
        since = self._since.setdefault(service, self.monotonic())
        return trouble, timedelta(seconds=self.monotonic() - since)

    def _parked_here(self) -> tuple[str | None, timedelta]:
        with self.database.read() as connection:
            parked = parked_facts(connection)
        if not parked:
            return None, timedelta(0)
        oldest = min(one.since for one in parked)
        told = "; ".join(f"{one.upstream}: facts parked: {one.facts}" for one in parked)
        return told, self.clock.now() - from_microseconds(oldest)
