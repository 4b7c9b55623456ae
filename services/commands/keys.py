"""`tizilim keys`: wrap the keys of personal values anew, or erase again what a restored database holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from services.commands.registry import Installation, database_of, settings_of
from services.commands.restored_values import Gone, erase_again, gone_from, store_of_keys
from services.kernel.database import Database
from services.kernel.runtime import AlreadyServed, ServingLock, personal_keys


def rewrap(installation: Installation, services: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Rewrap the keys of `services`; tells of each how many were wrapped under a former key.

    Raises `KeysUnusable` when the file lacks a key that some are wrapped under.
    """
    for service in services:
        named = f"TIZILIM_{service.upper()}_VAR" in os.environ
        settings = settings_of(service) if named else settings_of(service, var=installation.var)
        keys = personal_keys(service, settings)
        keys.prepare()
        try:
            yield service, keys.rewrap()
        finally:
            keys.close()


def repeat_erasures(installation: Installation, services: Sequence[str]) -> Iterator[tuple[str, Gone]]:
    """Erase again what was erased before, after a restore by other means than `tizilim restore`.

    Tells of each service of whom its database still holds values that were erased. Raises `ValueError` while
    a service runs on the same SQLite file; on PostgreSQL it may run.
    """
    for service in services:
        with (
            closing(database_of(service, installation.var)) as database,
            _served_by_nobody(database),
            store_of_keys(installation, service) as store,
        ):
            gone = gone_from(service, database, store)
            erase_again(installation, service, database, gone)
            yield service, gone


@contextmanager
def _served_by_nobody(database: Database) -> Iterator[None]:
    lock = ServingLock(database)
    try:
        lock.acquire()
    except AlreadyServed as reason:
        raise ValueError(f"{reason}: stop the service first") from None
    try:
        yield
    finally:
        lock.release()
