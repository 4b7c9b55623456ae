"""`tizilim rebuild`: fold whole journals into new read models, several services side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from services.commands.registry import Installation, database_of, journal_of
from services.kernel.journal.rebuilding import rebuild_read_models


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What one rebuild came to; `cpu_seconds` are its own process's, without the database server's."""

    service: str
    events: int
    seconds: float
    cpu_seconds: float


def rebuild(installation: Installation, services: Sequence[str]) -> list[Rebuilt]:
    """Rebuild the read models of `services`, each in a process of its own; reads go on meanwhile.

    Raises `RebuildRefused` (see `rebuild_read_models`); the services that succeeded stay rebuilt.
    """
    if len(services) == 1:
        return [rebuild_one(installation, services[0])]
    with ProcessPoolExecutor(len(services), get_context("spawn")) as processes:
        return list(processes.map(partial(rebuild_one, installation), services))


def rebuild_one(installation: Installation, service: str) -> Rebuilt:
    """Rebuild the read models of one service here."""
    database = database_of(service, installation.var)
    try:
        started, worked = time.perf_counter(), time.process_time()
        events = rebuild_read_models(journal_of(service, database))
        return Rebuilt(service, events, time.perf_counter() - started, time.process_time() - worked)
    finally:
        database.close()
