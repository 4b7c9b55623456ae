"""The industry authority's HTTP service: `python -m services.register.main`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from services.kernel.http.application import ServiceHttp, create_application
from services.kernel.http.health import Check
from services.kernel.http.responses import Cursors
from services.kernel.journal.journal import Journal
from services.kernel.readiness import ClockReads, FactsParked, StoreAnswers, TablesCurrent
from services.kernel.runtime import ServingLock, actor_ids, edge_of, legal_clock, open_database, serve
from services.kernel.settings import settings_or_exit
from services.kernel.telemetry import configure_logging
from services.register.adapters.typesetting import Typesetter
from services.register.api.desk import Desk
from services.register.api.extracts import ExtractOffice
from services.register.api.routers import LARGER_BODIES, PROBLEMS, routers
from services.register.background import Background
from services.register.electronic_seal import seal_of
from services.register.journal import open_journal
from services.register.schema import FOLLOWING
from services.register.settings import RegisterSettings

DESCRIPTION = (
    "The industry authority: takes applications, includes and excludes on the informatization authority's "
    "notifications, keeps the register of Kazakhstani software producers and its journal "
    "(law 86-VII arts. 51-1 to 51-6, order 327)."
)


def create_app(settings: RegisterSettings) -> FastAPI:
    """The application; it opens its database when it starts, not before."""
    clock = legal_clock(settings)
    database = open_database("register", settings)
    journal = open_journal(database, clock)
    edge = edge_of("register", settings, clock, actor_ids(database))
    lock = ServingLock(database)
    log = settings.published_log("register")
    checks: dict[str, Check] = {
        "store": StoreAnswers(database),
        "migrations": TablesCurrent("register", database),
        "clock": ClockReads(clock),
    }
    start: list[Callable[[], None]] = [lock.acquire, database.open, journal.start]
    stop: list[Callable[[], None]] = [journal.close, lock.release]
    if settings.workers == "inside":
        background = Background(journal, clock, settings)
        start.append(background.start)
        stop.insert(0, background.stop)
        checks["following"] = background.following
        checks["sealing"] = background.sealing.trouble
    else:
        checks["following"] = FactsParked(database, FOLLOWING.parked_events)
    app = create_application(
        ServiceHttp(
            name="register",
            title="Tizilim: register",
            description=DESCRIPTION,
            edge=edge,
            routers=routers(journal, log),
            problem_files=(PROBLEMS,),
            checks=checks,
            larger_bodies=LARGER_BODIES,
            threads=settings.threads,
            on_start=start,
            on_stop=stop,
        )
    )
    app.state.desk = Desk(journal, settings.procedure(), clock, Cursors(edge.body_key))
    app.state.extracts = ExtractOffice(settings.public_address, Typesetter(), seal_of(settings), log)
    app.state.journal = journal
    return app


def main() -> None:
    """Serve until SIGINT or SIGTERM, with settings from the environment."""
    settings = settings_or_exit(RegisterSettings)
    configure_logging("register", level=settings.log_level)
    app = create_app(settings)
    journal: Journal = app.state.journal
    serve(app, settings, on_exit=[journal.signal.close])


if __name__ == "__main__":
    main()
