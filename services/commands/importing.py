"""`tizilim import`: a whole exported journal into an empty database, with its read models; all or nothing."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import sqlalchemy as sa

from services.commands.registry import Installation, database_of, journal_of
from services.kernel.database import Database
from services.kernel.journal.filling import Filling
from services.kernel.journal.journal import Journal
from services.kernel.journal.plain_file import ExportReader
from services.kernel.migrating import metadata_of, upgrade
from services.proof.notes import VerifierKey

_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records came in, the root hash over them (RFC 6962, base64), and the note that signs it."""

    records: int
    root: str
    checkpoint: str | None


def import_journal(
    installation: Installation, service: str, file: Path, key: VerifierKey | None = None
) -> Imported:
    """Import an export of `service` into its database, which is migrated and must hold nothing.

    The records are byte for byte those of the file; read models and sequences of numbers follow from them.
    Personal values are in no export, so they are as if erased. One transaction: when it raises, nothing was
    imported. With the log's `key` the file's checkpoint must be signed by that. Raises `ExportDamaged`,
    `RecordMisplaced`, and `ValueError` for the export of another service or a database that holds something.
    """
    database = database_of(service, installation.var)
    try:
        with _opened(file) as opened:
            reader = ExportReader(opened, key)
            if reader.header.service != service:
                raise ValueError(f"{file} is an export of {reader.header.service}, not of {service}")
            upgrade(service, database)
            return _imported(journal_of(service, database), database, reader, service)
    finally:
        database.close()


def _imported(journal: Journal, database: Database, reader: ExportReader, service: str) -> Imported:
    filling = Filling(journal)
    with database.write() as connection:
        journal.recorder.hold_order(connection)
        _refuse_unless_empty(connection, service)
        filling.take(connection, reader.records())
        filling.finish(connection)
    return Imported(reader.header.records, reader.root, reader.header.checkpoint)


def _refuse_unless_empty(connection: sa.Connection, service: str) -> None:
    for table in metadata_of(service).sorted_tables:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise ValueError(f"the database of {service} is not empty: {table.name} has rows")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    with file.open("rb", buffering=1 << 20) as plain:
        packs = plain.read(2) == _GZIP
        plain.seek(0)
        if not packs:
            yield plain
            return
        with gzip.GzipFile(fileobj=plain) as packed:
            yield packed  # type: ignore[misc]  # a binary file in all but its type
