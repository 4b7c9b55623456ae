"""Personal values in a restored backup whose keys are gone: erased since, or lost with their store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa

from services.commands.registry import Installation, journal_of, settings_of
from services.kernel.database import Database, sqlite_url
from services.kernel.personal_keys import destroyed_and_lost
from services.kernel.runtime import legal_clock
from services.kernel.vault import Vault
from services.register.usecases.repeat_erasures import repeat_erasures


@dataclass(slots=True)
class Gone:
    """Of whom a database holds values that were erased before, and how many keys their store does not know.

    `erased` has the destroyed keys of each: what stands under these goes. `kept` are those among them who
    filed something since, which stays. A lost key is no erasure: its store may come back, and the values.
    """

    erased: dict[str, set[str]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    lost: int = 0


def gone_from(service: str, database: Database, store: Database | None) -> Gone:
    """What the keys' store says of the values in a database; without a store all keys are lost."""
    gone = Gone()
    vault = import_module(f"services.{service}.schema").VAULT
    if not isinstance(vault, Vault):
        raise TypeError(f"services.{service}.schema.VAULT is no vault")
    with database.engine.begin() as connection:  # streaming from PostgreSQL needs a transaction
        if not sa.inspect(connection).has_table(vault.table.name):
            return gone
        if store is None:
            gone.lost = sum(len(page) for page in vault.keys_by_subject(connection))
            return gone
        subjects: set[str] = set()
        for page in vault.keys_by_subject(connection):
            destroyed, lost = destroyed_and_lost(store, [key_id for _, key_id in page])
            subjects.update(subject for subject, key_id in page if key_id in destroyed)
            gone.lost += len(lost)
        for subject in subjects:
            keys = vault.keys_of(connection, subject)
            gone.erased[subject], lost = destroyed_and_lost(store, keys)
            if keys - gone.erased[subject] - lost:
                gone.kept.add(subject)
    return gone


def erase_again(installation: Installation, service: str, database: Database, gone: Gone) -> None:
    """Let the register say what is true: the other services follow it, and their own erasures with it."""
    if service == "register" and gone.erased:
        settings = settings_of(service, var=_var_of(service, installation))
        repeat_erasures(journal_of(service, database), legal_clock(settings), gone.erased)


def _var_of(service: str, installation: Installation) -> Path:
    return Path(os.environ.get(f"TIZILIM_{service.upper()}_VAR") or installation.var)


@contextmanager
def store_of_keys(installation: Installation, service: str) -> Iterator[Database | None]:
    """The store of a service's keys by the settings that name it; None where there is no such file."""
    prefix = f"TIZILIM_{service.upper()}_"
    file = os.environ.get(f"{prefix}PERSONAL_KEYS_URL_FILE")
    given = Path(file).read_text().strip() if file else os.environ.get(f"{prefix}PERSONAL_KEYS_URL")
    var = _var_of(service, installation)
    url = sa.make_url(given or sqlite_url(var / "keys" / f"{service}.db"))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield None
        return
    store = Database(url.render_as_string(hide_password=False), pool_size=1)
    try:
        yield store
    finally:
        store.close()
