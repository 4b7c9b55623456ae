"""`tizilim restore`: a backup into an empty database, only if it is whole and not behind what was signed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import sqlalchemy as sa

from services.commands import postgres_programs
from services.commands.backup import contents_in
from services.commands.copies import (
    Contents,
    CopyRefused,
    Manifest,
    contents_of,
    digest_of,
    distinct,
    schema_of,
)
from services.commands.registry import SERVICES, Installation, database_of, log_of, signer_of
from services.kernel.database import Database
from services.proof.checkpoints import Checkpoint
from services.proof.logs import CHECKPOINT_PATH


def restore(installation: Installation, folder: Path, *, new_log: bool = False) -> Manifest:
    """Bring a backup back into the database that the settings name, which must hold nothing.

    It is held against the checkpoint in its manifest, the one the log published last and the one the signer
    remembers. Raises `CopyRefused` for an altered backup, and `BehindTheLog` for one that is older than what
    was signed, unless a `new_log` is to begin after it; the database then is as empty as before. Raises
    `ProgramFailed`, too.
    """
    manifest = Manifest.of(folder)
    if manifest.service not in SERVICES:
        raise CopyRefused(f"there is no service {manifest.service}")
    file = folder / Path(manifest.file).name
    if not file.exists() or digest_of(file) != manifest.sha256:
        raise CopyRefused(f"{file} was altered: its SHA-256 is not the manifest's")
    known = _known(installation, manifest)
    database = database_of(manifest.service, installation.var)
    try:
        if database.is_postgresql != (manifest.kind == "postgresql"):
            raise CopyRefused(f"it is a copy of a {manifest.kind} database: set DATABASE_URL to one")
        put = _into_postgresql if database.is_postgresql else _into_sqlite
        put(database, file, manifest, known, new_log)
        return manifest
    finally:
        database.close()


def _known(installation: Installation, manifest: Manifest) -> dict[str, Checkpoint]:
    """Every checkpoint of this journal that can be found, by where it is from."""
    return distinct(
        [
            ("the backup's checkpoint", manifest.checkpoint),
            ("the log's checkpoint", log_of(installation, manifest.service).read(CHECKPOINT_PATH)),
            ("the signer's memory", signer_of(installation, manifest.service).last()),
        ]
    )


def _into_sqlite(
    database: Database, file: Path, manifest: Manifest, known: dict[str, Checkpoint], new_log: bool
) -> None:
    target = Path(database.url.database or "")
    for there in (target, target.with_name(f"{target.name}-wal")):
        if there.exists():
            raise FileExistsError(f"{there} exists: stop the service and move it away first")
    _check(manifest, contents_in(manifest.service, file, known, may_lack=new_log))
    draft = target.with_name(f"{target.name}.restoring")
    shutil.copyfile(file, draft)
    with draft.open("rb") as copied:
        os.fsync(copied.fileno())
    draft.rename(target)


def _into_postgresql(
    database: Database, file: Path, manifest: Manifest, known: dict[str, Checkpoint], new_log: bool
) -> None:
    schema = schema_of(database) or database.schema or "public"
    if schema != manifest.schema:
        raise CopyRefused(f"it is a copy of schema {manifest.schema}, and the settings name {schema}")
    with database.write() as connection:
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        if tables := sa.inspect(connection).get_table_names(schema=schema):
            raise CopyRefused(f"the database is not empty: schema {schema} has the table {tables[0]}")
    with tempfile.TemporaryDirectory(prefix="tizilim-restore-") as scratch:
        postgres_programs.load(database.url, file, Path(scratch))
    try:
        with database.write() as connection:
            found = contents_of(manifest.service, connection, known, may_lack=new_log)
        _check(manifest, found)
    except BaseException:  # nothing else stands between an unchecked copy and being served
        _empty(database, schema)
        raise


def _check(manifest: Manifest, found: Contents) -> None:
    if found != Contents(manifest.head, manifest.last_sha256, manifest.root):
        raise CopyRefused(
            f"the copy ends at position {found.head} with root hash {found.root}; "
            f"its manifest says {manifest.head} and {manifest.root}"
        )


def _empty(database: Database, schema: str) -> None:
    """Take a refused copy out again: there was nothing in the schema before it."""
    functions = sa.text(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = CAST(:schema AS regnamespace)"
    )
    with database.write() as connection:
        for table in sa.inspect(connection).get_table_names(schema=schema):
            connection.exec_driver_sql(f'DROP TABLE "{schema}"."{table}" CASCADE')
        for function in connection.execute(functions, {"schema": f'"{schema}"'}).scalars().all():
            connection.exec_driver_sql(f"DROP FUNCTION {function} CASCADE")
