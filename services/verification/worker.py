"""The informatization authority's background process: `python -m services.verification.worker`."""

from __future__ import annotations

from functools import partial

from services.kernel.http.worker_health import WorkerHealth
from services.kernel.readiness import ClockReads, StoreAnswers, TablesCurrent
from services.kernel.runtime import legal_clock, open_database, run_until_stopped
from services.kernel.settings import settings_or_exit
from services.kernel.telemetry import configure_logging
from services.verification.background import Background, documents_of, practice_of
from services.verification.journal import open_journal
from services.verification.settings import VerificationSettings
from services.verification.usecases.keep_rule_set import check_rule_sets


def main() -> None:
    """Follow and watch until SIGINT or SIGTERM, with settings from the environment (PostgreSQL only)."""
    settings = settings_or_exit(VerificationSettings)
    configure_logging("verification", level=settings.log_level)
    database = open_database("verification", settings)
    if not database.is_postgresql:
        raise SystemExit("on SQLite the workers run inside the serving process")
    clock = legal_clock(settings)
    journal = open_journal(database, clock)
    documents = documents_of(settings, database)
    practice = practice_of(settings, clock, documents)
    background = Background(journal, practice, settings)
    health = WorkerHealth(
        settings,
        {
            "store": StoreAnswers(database),
            "migrations": TablesCurrent("verification", database),
            "clock": ClockReads(clock),
            "following": background.following,
            "sealing": background.sealing.trouble,
        },
    )
    rules_unchanged = partial(check_rule_sets, database, practice.rule_book)
    run_until_stopped(
        [database.open, rules_unchanged, documents.prepare, journal.start, background.start, health.start],
        [health.stop, background.stop, journal.close],
    )


if __name__ == "__main__":
    main()
