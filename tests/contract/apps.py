"""Each service as it is served, for tests that come in by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from services.commands.registry import application_of, settings_of
from services.kernel.database import Database
from services.kernel.identity.tokens import development_issuer
from services.kernel.migrating import upgrade

A_BIN = "181240006529"


@contextmanager
def served(service: str, var: Path, url: str | None = None) -> Iterator[tuple[FastAPI, TestClient]]:
    """A service started in this process; its neighbours are not there, which it has to bear.

    It is on an empty SQLite database, or on the one that `url` names, which has its tables.
    """
    if url is None:
        database = Database(f"sqlite:///{var / service}.db")
        upgrade(service, database)
        database.close()
    app = application_of(service, settings_of(service, var=var, database_url=url, _env_file=None))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield app, client


def token_of(var: Path, role: str, *, producer: str = A_BIN, subject: str | None = None) -> str:
    """A token of the local issuer; a producer's is bound to `producer`."""
    return development_issuer(var).token(
        subject=subject or role, roles=[role], producer=producer if role == "producer" else None
    )


def headers_of(var: Path, role: str) -> dict[str, str]:
    """The Authorization header of a role; none for the public."""
    return {} if role == "public" else {"Authorization": f"Bearer {token_of(var, role)}"}
