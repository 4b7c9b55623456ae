"""The industry authority's background process: `python -m services.register.worker` (PostgreSQL only)."""

from __future__ import annotations

from services.kernel.http.worker_health import WorkerHealth
from services.kernel.readiness import ClockReads, StoreAnswers, TablesCurrent
from services.kernel.runtime import legal_clock, open_database, run_until_stopped
from services.kernel.settings import settings_or_exit
from services.kernel.telemetry import configure_logging
from services.register.background import Background
from services.register.journal import open_journal
from services.register.settings import RegisterSettings


def main() -> None:
    """Follow and watch until SIGINT or SIGTERM, with settings from the environment."""
    settings = settings_or_exit(RegisterSettings)
    configure_logging("register", level=settings.log_level)
    database = open_database("register", settings)
    if not database.is_postgresql:
        raise SystemExit("on SQLite the workers run inside the serving process")
    clock = legal_clock(settings)
    journal = open_journal(database, clock)
    background = Background(journal, clock, settings)
    health = WorkerHealth(
        settings,
        {
            "store": StoreAnswers(database),
            "migrations": TablesCurrent("register", database),
            "clock": ClockReads(clock),
            "following": background.following,
            "sealing": background.sealing.trouble,
        },
    )
    run_until_stopped(
        [database.open, journal.start, background.start, health.start],
        [health.stop, background.stop, journal.close],
    )


if __name__ == "__main__":
    main()
