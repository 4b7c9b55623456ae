"""`tizilim restore`: a backup into an empty database, only if it is whole and not behind what was signed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
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
from services.commands.registry import SERVICES, Installation, database_of, log_key, log_of, signer_of
from services.commands.restored_values import Gone, erase_again, gone_from, store_of_keys
from services.kernel.database import UNFINISHED, Database, sqlite_url
from services.kernel.journal.sealing.files import settle
from services.kernel.runtime import AlreadyServed, Election, ServingLock
from services.proof.checkpoints import Checkpoint
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import VerifierKey


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what it held that nobody can read any more.

    `key` is the one that the checkpoints were held against, None where none was known.
    """

    manifest: Manifest
    key: VerifierKey | None
    gone: Gone


@dataclass(frozen=True, slots=True)
class _Restoring:
    """One restore: what is brought back, against what it is held, and what its operator puts up with."""

    installation: Installation
    manifest: Manifest
    file: Path
    known: dict[str, Checkpoint]
    new_log: bool
    keys_lost: bool


def restore(
    installation: Installation,
    folder: Path,
    *,
    new_log: bool = False,
    keys_lost: bool = False,
    key: str | None = None,
) -> Restored:
    """Bring a backup back into the database that the settings name, which must hold nothing.

    It is held against the checkpoint in its manifest, the one the log published last and the one the signer
    remembers, and those against the log's key (see `log_key`). What was erased since is erased again.
    Raises `CopyRefused` for an altered backup, and for one with values whose keys are neither there nor
    destroyed unless they are `keys_lost`; `BehindTheLog` for one that is older than what was signed, unless a
    `new_log` is to begin after it; the database then is as empty as before. Raises `ProgramFailed`, too.
    """
    manifest = Manifest.of(folder)
    if manifest.service not in SERVICES:
        raise CopyRefused(f"there is no service {manifest.service}")
    file = folder / Path(manifest.file).name
    if not file.exists() or digest_of(file) != manifest.sha256:
        raise CopyRefused(f"{file} was altered: its SHA-256 is not the manifest's")
    trusted = log_key(installation, manifest.service, key)
    known = _known(installation, manifest, trusted)
    database = database_of(manifest.service, installation.var)
    try:
        if database.is_postgresql != (manifest.kind == "postgresql"):
            raise CopyRefused(f"it is a copy of a {manifest.kind} database: set DATABASE_URL to one")
        put = _into_postgresql if database.is_postgresql else _into_sqlite
        with _alone(database):
            gone = put(database, _Restoring(installation, manifest, file, known, new_log, keys_lost))
        return Restored(manifest, trusted, gone)
    finally:
        database.close()


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """No second restore meanwhile, and on SQLite no service."""
    lock, election = ServingLock(database), Election(database, "restore")
    try:
        lock.acquire()
    except AlreadyServed as reason:
        raise CopyRefused(f"{reason}: stop the service first") from None
    try:
        if not election.won():
            raise CopyRefused("it is being restored already")
        yield
    finally:
        election.resign()
        lock.release()


def _known(installation: Installation, manifest: Manifest, key: VerifierKey | None) -> dict[str, Checkpoint]:
    """Every checkpoint of this journal that can be found, by where it is from."""
    return distinct(
        [
            ("the backup's checkpoint", manifest.checkpoint),
            ("the log's checkpoint", log_of(installation, manifest.service).read(CHECKPOINT_PATH)),
            ("the signer's memory", signer_of(installation, manifest.service).last()),
        ],
        key,
    )


def _into_sqlite(database: Database, asked: _Restoring) -> Gone:
    """Into a draft beside the database, which gets its name when all is well."""
    target = Path(database.url.database or "")
    for there in (target, target.with_name(f"{target.name}-wal")):
        if there.exists():
            raise FileExistsError(f"{there} exists: stop the service and move it away first")
    service = asked.manifest.service
    _check(asked.manifest, contents_in(service, asked.file, asked.known, may_lack=asked.new_log))
    draft = target.with_name(f"{target.name}.restoring")
    for left in (draft, *(draft.with_name(f"{draft.name}{end}") for end in ("-wal", "-shm"))):
        left.unlink(missing_ok=True)  # of a restore that was cut short
    shutil.copyfile(asked.file, draft)
    with closing(Database(sqlite_url(draft))) as copy:
        gone = _erased_again(asked, copy)
        copy.forget_deleted()
    settle(draft)
    draft.rename(target)
    settle(target.parent)
    return gone


def _into_postgresql(database: Database, asked: _Restoring) -> Gone:
    """Beside a table that keeps services from serving it until all is well."""
    schema = schema_of(database) or database.schema or "public"
    if schema != asked.manifest.schema:
        raise CopyRefused(f"it is a copy of schema {asked.manifest.schema}, and the settings name {schema}")
    with database.write() as connection:
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        tables = sa.inspect(connection).get_table_names(schema=schema)
        if UNFINISHED.name in tables:
            _empty(connection, schema)  # of a restore that was cut short
        elif tables:
            raise CopyRefused(f"the database is not empty: schema {schema} has the table {tables[0]}")
        connection.execute(sa.schema.CreateTable(UNFINISHED))
    try:
        with tempfile.TemporaryDirectory(prefix="tizilim-restore-") as scratch:
            postgres_programs.load(database.url, asked.file, Path(scratch))
        with database.write() as connection:
            found = contents_of(asked.manifest.service, connection, asked.known, may_lack=asked.new_log)
        _check(asked.manifest, found)
        gone = _erased_again(asked, database)
    except BaseException:
        with database.write() as connection:
            _empty(connection, schema)
        raise
    with database.write() as connection:
        connection.execute(sa.schema.DropTable(UNFINISHED))
    return gone


def _erased_again(asked: _Restoring, database: Database) -> Gone:
    service = asked.manifest.service
    with store_of_keys(asked.installation, service) as store:
        gone = gone_from(service, database, store)
    if gone.lost and not asked.keys_lost:
        raise CopyRefused(
            f"{gone.lost} keys of its personal values are neither in the store of keys nor destroyed: "
            "bring the store back first; if it is lost, restore with --keys-lost"
        )
    erase_again(asked.installation, service, database, gone)
    return gone


def _check(manifest: Manifest, found: Contents) -> None:
    if found != Contents(manifest.head, manifest.last_sha256, manifest.root):
        raise CopyRefused(
            f"the copy ends at position {found.head} with root hash {found.root}; "
            f"its manifest says {manifest.head} and {manifest.root}"
        )


def _empty(connection: sa.Connection, schema: str) -> None:
    """Take a refused copy out again: there was nothing in the schema before it."""
    functions = sa.text(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = CAST(:schema AS regnamespace)"
    )
    for table in sa.inspect(connection).get_table_names(schema=schema):
        connection.exec_driver_sql(f'DROP TABLE "{schema}"."{table}" CASCADE')
    for function in connection.execute(functions, {"schema": f'"{schema}"'}).scalars().all():
        connection.exec_driver_sql(f"DROP FUNCTION {function} CASCADE")
