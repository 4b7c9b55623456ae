"""The informatization authority's HTTP service: `python -m services.verification.main`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from fastapi import FastAPI

from services.kernel.http.application import ServiceHttp, create_application
from services.kernel.http.health import Check
from services.kernel.http.responses import Cursors
from services.kernel.journal.journal import Journal
from services.kernel.readiness import ClockReads, FactsParked, StoreAnswers, TablesCurrent
from services.kernel.runtime import ServingLock, actor_ids, edge_of, legal_clock, open_database, serve
from services.kernel.settings import settings_or_exit
from services.kernel.telemetry import configure_logging
from services.verification.api.desk import Desk
from services.verification.api.routers import LARGER_BODIES, PROBLEMS, routers
from services.verification.background import Background, documents_of, practice_of
from services.verification.domain.authority_names import NamesRefused
from services.verification.domain.rule_sets import RuleSetRefused
from services.verification.journal import open_journal
from services.verification.schema import FOLLOWING
from services.verification.settings import VerificationSettings
from services.verification.usecases.keep_rule_set import check_rule_sets

DESCRIPTION: Final = (
    "The informatization authority: confirms software producers product by product, keeps the trusted "
    "software register, monitors every quarter, decides appeals, and notifies the industry authority "
    "(law 86-VII art. 51-2, order of 28.11.2025)."
)


def create_app(settings: VerificationSettings) -> FastAPI:
    """The application; it opens its database when it starts, not before."""
    clock = legal_clock(settings)
    database = open_database("verification", settings)
    journal = open_journal(database, clock)
    documents = documents_of(settings, database)
    practice = practice_of(settings, clock, documents)
    edge = edge_of("verification", settings, clock, actor_ids(database))
    lock = ServingLock(database)
    checks: dict[str, Check] = {
        "store": StoreAnswers(database),
        "migrations": TablesCurrent("verification", database),
        "clock": ClockReads(clock),
    }
    rules_unchanged = partial(check_rule_sets, database, practice.rule_book)
    start: list[Callable[[], None]] = [
        lock.acquire,
        database.open,
        rules_unchanged,
        documents.prepare,
        journal.start,
    ]
    stop: list[Callable[[], None]] = [journal.close, lock.release]
    if settings.workers == "inside":
        background = Background(journal, practice, settings)
        start.append(background.start)
        stop.insert(0, background.stop)
        checks["following"] = background.following
        checks["sealing"] = background.sealing.trouble
    else:
        checks["following"] = FactsParked(database, FOLLOWING.parked_events)
    app = create_application(
        ServiceHttp(
            name="verification",
            title="Tizilim: verification",
            description=DESCRIPTION,
            edge=edge,
            routers=routers(journal, settings.published_log("verification")),
            problem_files=(PROBLEMS,),
            checks=checks,
            larger_bodies=LARGER_BODIES,
            threads=settings.threads,
            on_start=start,
            on_stop=stop,
        )
    )
    app.state.desk = Desk(journal, practice, Cursors(edge.body_key))
    app.state.journal = journal
    return app


def main() -> None:
    """Serve until SIGINT or SIGTERM, with settings from the environment."""
    settings = settings_or_exit(VerificationSettings)
    configure_logging("verification", level=settings.log_level)
    try:
        app = create_app(settings)
    except (RuleSetRefused, NamesRefused) as refused:
        raise SystemExit(f"verification does not start: {refused}") from refused
    journal: Journal = app.state.journal
    serve(app, settings, on_exit=[journal.signal.close])


if __name__ == "__main__":
    main()
