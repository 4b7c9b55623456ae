"""What Prometheus is told of deliveries: counted once a minute by every worker process, never by a scrape."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import Gauge

from services.kernel.database import Database
from services.notifications.domain.channels import ChannelName
from services.notifications.projections.channels import waiting_over
from services.notifications.projections.statistics import backlog_of_all

EVERY_SECONDS: Final = 60.0
BACKLOG: Final = Gauge("tizilim_webhook_backlog", "Deliveries that wait, counted up to 200,000")
EXHAUSTED: Final = Gauge(
    "tizilim_webhooks_exhausted", "Deliveries given up and not recovered, counted up to 100,000"
)
CHANNEL_BACKLOG: Final = Gauge(
    "tizilim_channel_backlog", "Messages that wait for a channel, counted up to 100,000", ["channel"]
)
CHANNEL_GIVEN_UP: Final = Gauge(
    "tizilim_channel_given_up", "Messages that a channel gave up in the last day", ["channel"]
)


class DeliveryMeasure:
    """Counts what waits and what was given up, whenever a minute has passed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._until = 0.0

    def refresh(self) -> None:
        """Count if it is time to; what is counted is found by index and bounded."""
        if time.monotonic() < self._until:
            return
        with self._database.read() as connection:
            backlog, exhausted = backlog_of_all(connection)
        BACKLOG.set(backlog)
        EXHAUSTED.set(exhausted)
        self._until = time.monotonic() + EVERY_SECONDS


def measure_channel(database: Database, channel: ChannelName, given_up: int) -> None:
    """Tell what waits for a channel, and what it gave up lately."""
    with database.read() as connection:
        CHANNEL_BACKLOG.labels(channel).set(waiting_over(connection, channel))
    CHANNEL_GIVEN_UP.labels(channel).set(given_up)
