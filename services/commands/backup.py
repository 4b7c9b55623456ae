"""`tizilim backup`: a consistent copy of a service's whole database while it runs, held against its log."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa

from services.commands import postgres_programs
from services.commands.copies import (
    FORMAT,
    Contents,
    CopyRefused,
    Manifest,
    contents_of,
    digest_of,
    distinct,
    schema_of,
)
from services.commands.registry import JOURNALS, Installation, database_of, log_of
from services.kernel.database import Database
from services.kernel.journal.sealing.files import settle
from services.kernel.migrating import is_current
from services.proof.checkpoints import Checkpoint
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import VerifierKey

SQLITE_FILE: Final = "database.sqlite"
POSTGRESQL_FILE: Final = "database.pgdump"


def backup(
    installation: Installation, service: str, folder: Path, key: VerifierKey | None = None
) -> Manifest:
    """Copy a service's database into a new folder, with a manifest.

    Readers and writers go on. Raises `CopyRefused` when the journal is not what its log signed, when the
    log's `key` did not sign its checkpoint, when the database is not migrated; `FileExistsError` and
    `ProgramFailed`.
    """
    note = log_of(installation, service).read(CHECKPOINT_PATH)  # first: the copy then has all that it signs
    signed = distinct([("the log's checkpoint", note)], key)
    database = database_of(service, installation.var)
    try:
        if not is_current(service, database):
            raise CopyRefused(f"the database of {service} is not migrated: tizilim migrate {service}")
        file, contents = _copied(service, database, folder, signed)
        manifest = Manifest(
            format=FORMAT,
            service=service,
            kind="postgresql" if database.is_postgresql else "sqlite",
            schema=schema_of(database),
            made_at=datetime.now(UTC).isoformat(),
            head=contents.head,
            last_sha256=contents.last_sha256,
            root=contents.root,
            checkpoint=None if note is None else note.decode(),
            file=file.name,
            sha256=digest_of(file),
        )
        settle(file)
        manifest.write(folder)
        settle(folder.parent)
        return manifest
    finally:
        database.close()


def _copied(
    service: str, database: Database, folder: Path, signed: dict[str, Checkpoint]
) -> tuple[Path, Contents]:
    """The copy in its new folder; nothing is left of one that failed."""
    folder.mkdir(parents=True)
    try:
        return (_postgresql if database.is_postgresql else _sqlite)(service, database, folder, signed)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _sqlite(
    service: str, database: Database, folder: Path, signed: dict[str, Checkpoint]
) -> tuple[Path, Contents]:
    """All pages in one step of SQLite's online backup: one moment, which includes what the WAL holds."""
    file = folder / SQLITE_FILE
    with (
        closing(sqlite3.connect(database.url.database or "")) as source,
        closing(sqlite3.connect(file)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # so that the copy is this one file
    return file, contents_in(service, file, signed)


def contents_in(
    service: str, file: Path, signed: dict[str, Checkpoint], *, may_lack: bool = False
) -> Contents:
    """What the journal in a SQLite file comes to; nothing is written beside it. See `contents_of`."""
    only_read = {"mode": "ro", "immutable": "1", "uri": "true"}
    engine = sa.create_engine(sa.URL.create("sqlite", database=f"file:{quote(str(file))}", query=only_read))
    try:
        with engine.connect() as connection:
            if (said := connection.exec_driver_sql("PRAGMA quick_check").scalar_one()) != "ok":
                raise CopyRefused(f"{file.name} is damaged: {said}")
            return contents_of(service, connection, signed, may_lack=may_lack)
    except sa.exc.DatabaseError as error:
        raise CopyRefused(f"{file.name} is damaged: {error.orig}") from error
    finally:
        engine.dispose()


@contextmanager
def _one_moment(service: str, database: Database) -> Iterator[sa.Connection]:
    """A snapshot that no rebuild puts tables in place under: it would copy them without their rows."""
    if service in JOURNALS:
        with database.snapshot() as connection:
            yield connection
        return
    fixed = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with fixed.begin() as connection:
        yield connection


def _postgresql(
    service: str, database: Database, folder: Path, signed: dict[str, Checkpoint]
) -> tuple[Path, Contents]:
    """`pg_dump` under a snapshot that the journal is read under too."""
    file = folder / POSTGRESQL_FILE
    with _one_moment(service, database) as connection:
        snapshot = str(connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar_one())
        postgres_programs.dump(database.url, schema_of(database) or "public", snapshot, file)
        return file, contents_of(service, connection, signed)
