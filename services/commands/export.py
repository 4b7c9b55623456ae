"""`tizilim export`: a service's whole journal as one plain file (docs/export.md), record by record."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from services.commands.registry import Installation, database_of, journal_of, log_of
from services.commands.whole_files import named_when_whole
from services.kernel.journal.journal import Journal
from services.kernel.journal.plain_file import FORMAT, ExportEnd, ExportHeader, write_export
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import VerifierKey

PAGE: Final = 1_000
STDOUT: Final = Path("-")


def export_journal(
    installation: Installation,
    service: str,
    to: Path,
    checkpoint: Path | None = None,
    key: VerifierKey | None = None,
) -> ExportEnd:
    """Write the journal up to its head to a new file, compressed where the name ends in `.gz`, or to stdout.

    The service may run meanwhile: what it records later is not in the file. The file gets its name when it is
    whole. With it goes a signed checkpoint: the log's newest, or the one in a file. Raises `ExportDamaged`
    when the journal is not what it signs or the log's `key` did not sign it, and `FileExistsError`.
    """
    log = log_of(installation, service)
    raw = log.read(CHECKPOINT_PATH) if checkpoint is None else checkpoint.read_bytes()
    note = None if raw is None else raw.decode("utf-8")
    database = database_of(service, installation.var)
    try:
        journal = journal_of(service, database)
        head = journal.head()
        header = ExportHeader(
            format=FORMAT, service=service, source=journal.registry.source, records=head, checkpoint=note
        )
        with _written(to) as file:
            return write_export(file, header, _records(journal, head), key)
    finally:
        database.close()


def _records(journal: Journal, head: int) -> Iterator[tuple[int, bytes]]:
    after = 0
    while after < head and (rows := journal.after(after, min(PAGE, head - after))):
        for row in rows:
            yield row.position, row.record
        after = rows[-1].position


@contextmanager
def _written(to: Path) -> Iterator[BinaryIO]:
    """The file to write to; it is there under its name only once all went well."""
    if to == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with named_when_whole(to) as unfinished, _opened(unfinished, packed=to.suffix == ".gz") as file:
        yield file


@contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[BinaryIO]:
    with path.open("wb", buffering=1 << 20) as plain:
        if not packed:
            yield plain
            return
        with gzip.GzipFile(path.stem, "wb", fileobj=plain, compresslevel=6) as file:
            yield file  # type: ignore[misc]  # a binary file in all but its type
