"""Personal values in a restored backup whose keys are gone: erased since, or lost with their store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa

from services.commands.registry import Installation, journal_of
from services.kernel.clock import LegalClock
from services.kernel.database import Database, sqlite_url
from services.kernel.personal_keys import destroyed_and_lost
from services.kernel.vault import Vault
from services.register.usecases.repeat_erasures import repeat_erasures


@dataclass(slots=True)
class Gone:
    """Of whom a backup holds values that were erased since, and how many keys their store does not know."""

    erased: set[str] = field(default_factory=set)
    lost: int = 0


def gone_from(service: str, database: Database, store: Database | None) -> Gone:
    """What the keys' store says of the values in a database; without a store all keys are lost."""
    gone = Gone()
    vault = import_module(f"services.{service}.schema").VAULT
    if not isinstance(vault, Vault):
        raise TypeError(f"services.{service}.schema.VAULT is no vault")
    with database.write() as connection:  # a transaction, as streaming from PostgreSQL needs one
        if not sa.inspect(connection).has_table(vault.table.name):
            return gone
        for page in vault.keys_by_subject(connection):
            if store is None:
                gone.lost += len(page)
                continue
            destroyed, lost = destroyed_and_lost(store, [key_id for _, key_id in page])
            gone.erased.update(subject for subject, key_id in page if key_id in destroyed)
            gone.lost += len(lost)
    return gone


def erase_again(installation: Installation, service: str, database: Database, gone: Gone) -> None:
    """Let the register say what is true: the other services follow it, and their own erasures with it."""
    if service == "register" and gone.erased:
        clock = LegalClock(installation.var / "clock.json")
        repeat_erasures(journal_of(service, database), clock, sorted(gone.erased))


@contextmanager
def store_of_keys(installation: Installation, service: str) -> Iterator[Database | None]:
    """The store of a service's keys by the settings that name it; None where there is no such file."""
    prefix = f"TIZILIM_{service.upper()}_"
    file = os.environ.get(f"{prefix}PERSONAL_KEYS_URL_FILE")
    given = Path(file).read_text().strip() if file else os.environ.get(f"{prefix}PERSONAL_KEYS_URL")
    var = Path(os.environ.get(f"{prefix}VAR") or installation.var)
    url = sa.make_url(given or sqlite_url(var / "keys" / f"{service}.db"))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield None
        return
    store = Database(url.render_as_string(hide_password=False), pool_size=1)
    try:
        yield store
    finally:
        store.close()
