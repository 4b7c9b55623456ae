"""`tizilim migrate`: bring databases to the newest revision, or check that code and migrations agree."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.commands.registry import Installation, database_of
from services.kernel.database import Database
from services.kernel.migrating import CannotMigrate, drift, upgrade


def migrate(installation: Installation, services: Sequence[str]) -> None:
    """Upgrade the databases of `services`."""
    for service in services:
        database = database_of(service, installation.var)
        try:
            upgrade(service, database)
        except CannotMigrate as reason:
            raise SystemExit(f"the database of {service} cannot be migrated: {reason}") from None
        finally:
            database.close()
        print(f"{service}: at the newest revision")


def check(services: Sequence[str]) -> list[str]:
    """Differences between each service's code and a database its migrations make; empty when none."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for service in services:
            database = Database(f"sqlite:///{Path(folder) / service}.db")
            upgrade(service, database)
            found += [f"{service}: {difference}" for difference in drift(service, database)]
            database.close()
    return found
