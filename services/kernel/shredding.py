"""Destroying the keys of what was erased: the background task that ends what a crash left undone."""

from __future__ import annotations

from typing import Final

from services.kernel.database import Database
from services.kernel.runtime import Election, Recurring
from services.kernel.vault import Vault

SECONDS: Final = 2.0


def doomed_keys(database: Database, vault: Vault) -> Recurring:
    """Destroys doomed keys, every two seconds, in the elected process."""

    def run() -> float:
        vault.destroy_doomed(database)
        return SECONDS

    return Recurring("doomed-keys", run, Election(database, "doomed-keys"))
