"""The notifications service over HTTP: `python -m services.notifications.main`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from services.kernel.clock import SystemClock
from services.kernel.http.application import ServiceHttp, create_application
from services.kernel.http.health import Check
from services.kernel.http.responses import Cursors
from services.kernel.readiness import ClockReads, StoreAnswers, TablesCurrent
from services.kernel.runtime import ServingLock, actor_ids, edge_of, legal_clock, open_database, serve
from services.kernel.settings import settings_or_exit
from services.kernel.telemetry import configure_logging
from services.notifications.adapters.sealing import secret_box
from services.notifications.api import (
    accounts,
    channels,
    deliveries,
    jobs,
    receipts,
    subscriptions,
    webhook_keys,
)
from services.notifications.api.desk import Desk
from services.notifications.api.webhooks import webhooks
from services.notifications.background import Background, url_rules
from services.notifications.domain.messages import catalogue
from services.notifications.inbox.handling import EVENT_TYPES
from services.notifications.settings import NotificationsSettings
from services.notifications.usecases.check_templates import check_templates
from services.notifications.usecases.operational import OPERATIONAL_TYPES
from services.notifications.usecases.own_events import CHALLENGE, TEST

PROBLEMS: Final = Path(__file__).with_name("api") / "problems.json"
DESCRIPTION: Final = (
    "Messages into the producer's personal account, and signed webhooks (Standard Webhooks) to state systems "
    "and procurement platforms. It follows the journals of both authorities and decides nothing."
)


def create_app(settings: NotificationsSettings) -> FastAPI:
    """The application; it opens its database when it starts, not before."""
    clock = legal_clock(settings)
    database = open_database("notifications", settings)
    edge = edge_of("notifications", settings, clock, actor_ids(database))
    box = secret_box(settings.secrets_key_file, settings.var)
    lock = ServingLock(database)
    checks: dict[str, Check] = {
        "store": StoreAnswers(database),
        "migrations": TablesCurrent("notifications", database),
        "clock": ClockReads(clock),
    }
    start: list[Callable[[], None]] = [
        lock.acquire,
        database.open,
        partial(check_templates, database, catalogue()),
    ]
    stop: list[Callable[[], None]] = [database.close, lock.release]
    background = Background(database, clock, box, settings) if settings.workers == "inside" else None
    if background is not None:
        start.append(background.start)
        stop.insert(0, background.stop)
        checks.update(background.checks())
    app = create_application(
        ServiceHttp(
            name="notifications",
            title="Tizilim: notifications",
            description=DESCRIPTION,
            edge=edge,
            routers=(
                accounts.router,
                receipts.router,
                channels.router,
                subscriptions.router,
                deliveries.router,
                jobs.router,
                webhook_keys.router,
            ),
            problem_files=(PROBLEMS,),
            checks=checks,
            webhooks=webhooks(EVENT_TYPES, {CHALLENGE, TEST, *OPERATIONAL_TYPES}),
            threads=settings.threads,
            on_start=start,
            on_stop=stop,
        )
    )
    app.state.desk = Desk(
        database=database,
        clock=SystemClock(),
        legal_clock=clock,
        box=box,
        urls=url_rules(settings),
        event_types={**EVENT_TYPES, **OPERATIONAL_TYPES},
        max_subscriptions=settings.max_subscriptions,
        longest_pause=timedelta(days=settings.longest_pause_days),
        cursors=Cursors(edge.body_key),
        worker=background.worker if background else None,
    )
    return app


def main() -> None:
    """Serve until SIGINT or SIGTERM, with settings from the environment."""
    settings = settings_or_exit(NotificationsSettings)
    configure_logging("notifications", level=settings.log_level)
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
