"""The notifications service's background process: `python -m services.notifications.worker`."""

from __future__ import annotations

from services.kernel.http.worker_health import WorkerHealth
from services.kernel.readiness import ClockReads, StoreAnswers, TablesCurrent
from services.kernel.runtime import legal_clock, open_database, run_until_stopped
from services.kernel.settings import settings_or_exit
from services.kernel.telemetry import configure_logging
from services.notifications.adapters.sealing import secret_box
from services.notifications.background import Background
from services.notifications.domain.messages import catalogue
from services.notifications.settings import NotificationsSettings
from services.notifications.usecases.check_templates import check_templates


def main() -> None:
    """Follow and deliver until SIGINT or SIGTERM, with settings from the environment (PostgreSQL only)."""
    settings = settings_or_exit(NotificationsSettings)
    configure_logging("notifications", level=settings.log_level)
    database = open_database("notifications", settings)
    if not database.is_postgresql:
        raise SystemExit("on SQLite the workers run inside the serving process")
    check_templates(database, catalogue())
    box = secret_box(settings.secrets_key_file, settings.var)
    clock = legal_clock(settings)
    background = Background(database, clock, box, settings)
    health = WorkerHealth(
        settings,
        {
            "store": StoreAnswers(database),
            "migrations": TablesCurrent("notifications", database),
            "clock": ClockReads(clock),
            **background.checks(),
        },
    )
    run_until_stopped(
        [database.open, background.start, health.start], [health.stop, background.stop, database.close]
    )


if __name__ == "__main__":
    main()
