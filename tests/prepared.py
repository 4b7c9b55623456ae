"""Databases that have a service's tables already: migrated once a run, then copied for each test."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory

from services.kernel.database import Database
from services.kernel.migrating import configuration, upgrade
from tests.postgres import PostgresServer, locked


def migrate(service: str, database: Database) -> None:
    """Give a database a service's tables at their newest revision, unless it is a copy that has them."""
    if standing_at(database) == newest(service):
        return
    if database.is_postgresql:
        upgrade(service, database)
        return
    with closing(database.engine.raw_connection()) as connection:
        target = connection.driver_connection
        assert isinstance(target, sqlite3.Connection)
        _original(service).backup(target)


@cache
def _original(service: str) -> sqlite3.Connection:
    """A SQLite database in memory with a service's tables: migrated once a process."""
    original = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "original.db"
        _migrate(service, f"sqlite:///{file}")
        with closing(sqlite3.connect(file)) as migrated:
            migrated.backup(original)
    return original


def standing_at(database: Database) -> str | None:
    """The revision a database stands at, None where nothing was migrated."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


@cache
def newest(service: str) -> str | None:
    """A service's newest revision."""
    return ScriptDirectory.from_config(configuration(service)).get_current_head()


def copied_postgres(server: PostgresServer, service: str) -> str:
    """URL of a new PostgreSQL database with a service's tables."""
    return server.create_database(template=server.template(service, lambda url: _migrate(service, url)))


def copied_sqlite(originals: Path, service: str, file: Path) -> str:
    """URL of a new SQLite file with a service's tables; `originals` is shared by all of a run."""
    original = originals / f"{service}.sqlite"
    with locked(originals / "originals.lock", fcntl.LOCK_EX):
        if not original.exists():
            unfinished = original.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            _migrate(service, f"sqlite:///{unfinished}")
            unfinished.rename(original)
    shutil.copyfile(original, file)
    return f"sqlite:///{file}"


def _migrate(service: str, url: str) -> None:
    with closing(Database(url)) as database:
        upgrade(service, database)
