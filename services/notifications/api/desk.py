"""What the routes of this service work with; stands in `app.state.desk`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.http.responses import Cursors
from services.notifications.adapters.sealing import SecretBox
from services.notifications.delivering import DeliveryWorker
from services.notifications.domain.endpoint import UrlRules
from services.notifications.domain.filters import Reach


@dataclass(frozen=True)
class Desk:
    """Database, clocks, the box of secrets, and the worker to wake when there is something to send."""

    database: Database
    clock: Clock
    legal_clock: Clock
    box: SecretBox
    urls: UrlRules
    event_types: Mapping[str, Reach]
    max_subscriptions: int
    longest_pause: timedelta
    cursors: Cursors
    worker: DeliveryWorker | None

    def wake(self) -> None:
        """Send at once what was just queued, where this process delivers."""
        if self.worker is not None:
            self.worker.wake()


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]
"""The desk of the application a route belongs to."""
