"""Appends of the journal against a bare one-row INSERT and against message-db, in interleaved rounds."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg

from bench.report import Report, least
from services.kernel.clock import SystemClock
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.recorder import JournalRecorder
from services.kernel.journal.units import AnswerKey, KeyRow, Unit, encode
from tests.kernel.journal.ledger import EVENTS, TABLES, Ledger, LineWritten, act, ledger_journal
from tests.postgres import running_postgres

APPENDS: Final = 1_600
WRITERS: Final = (1, 8)
AIMS: Final = {
    ("event", 1): least(0.35),
    ("event", 8): least(0.7),
    ("unit", 1): least(0.22),
    ("unit", 8): least(0.5),
}
MESSAGE_DB: Final = "@eventide/message-db@1.3.1"
_MESSAGE_DB_ORDER: Final = ("schema", "tables", "types", "functions", "indexes")


def measure(report: Report, rounds: int) -> None:
    """Add each writer count's rates, and their ratios to the bare INSERT of the same round, to `report`."""
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create_database()
        dsn = url.replace("+psycopg", "")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE bare (n bigserial PRIMARY KEY, id uuid, version int, type text, record bytea)"
            )
        message_db = installed_message_db(server.create_database().replace("+psycopg", ""), Path(folder))
        with ledger_journal(url, SystemClock()) as journal:
            plain = JournalRecorder(journal.database, TABLES, clock=SystemClock())
            for _ in range(rounds):
                for writers in WRITERS:
                    floor = bare(dsn, writers)
                    report.rate(f"bare INSERT, {writers} writers", floor)
                    event = journalled(plain, writers, whole=False)
                    report.ratio(
                        f"journal, event alone, {writers} writers", event, floor, AIMS["event", writers]
                    )
                    unit = journalled(journal.recorder, writers, whole=True)
                    report.ratio(
                        f"journal, whole unit, {writers} writers", unit, floor, AIMS["unit", writers]
                    )
                    if message_db is not None:
                        theirs = messages_written(message_db, writers)
                        report.ratio(f"message-db, one message, {writers} writers", theirs, floor)


def timed(run: Callable[[], None], threads: int, appends: int = APPENDS) -> float:
    """Appends a second of `threads` threads that share the `appends`."""
    workers = [threading.Thread(target=run) for _ in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return appends / (time.perf_counter() - started)


def bare(dsn: str, threads: int) -> float:
    """One INSERT a transaction, with no ordering."""

    def run() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for _ in range(APPENDS // threads):
                connection.execute(
                    "INSERT INTO bare (id, version, type, record) VALUES (%s, 1, 'kz.x', %s)",
                    (new_stream_id(), b"x" * 600),
                )

    return timed(run, threads)


def journalled(recorder: JournalRecorder, threads: int, *, whole: bool) -> float:
    """One event a unit, or event, idempotency key, number and read-model row."""
    deciding = act()

    def run() -> None:
        for _ in range(APPENDS // threads):
            ledger = Ledger(new_stream_id())
            if whole:
                ledger.open(deciding, str(ledger.id))
            else:
                ledger.record(deciding, LineWritten(text="x" * 200))
            events = tuple(encode(EVENTS, fact) for fact in ledger.collect_events())
            answer = AnswerKey("p", "o", str(ledger.id), "d", 201)
            key = KeyRow(answer, str(ledger.id), 1) if whole else None
            recorder.commit(Unit(events=events, key=key))

    return timed(run, threads)


def installed_message_db(dsn: str, folder: Path) -> str | None:
    """message-db's own SQL in a database, or None where npm is not at hand."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    packed = subprocess.run(  # a fixed package of a fixed version
        [npm, "pack", MESSAGE_DB, "--silent"], cwd=folder, capture_output=True, text=True, check=False
    )
    if packed.returncode != 0:
        return None
    shutil.unpack_archive(folder / packed.stdout.split()[-1], folder, "gztar")
    sources = folder / "package" / "database"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET check_function_bodies = off")
        connection.execute("SET search_path = message_store, public")
        for part in _MESSAGE_DB_ORDER:
            for file in sorted((sources / part).glob("*.sql")):
                connection.execute(file.read_bytes())
    return dsn


def messages_written(dsn: str, threads: int) -> float:
    """One message a transaction through message-db's `write_message`, to a stream of its own."""
    data = json.dumps({"text": "x" * 200})
    metadata = json.dumps({"actor": "a" * 32, "note": "x" * 200})

    def run() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET search_path = message_store, public")
            for _ in range(APPENDS // threads):
                connection.execute(
                    "SELECT write_message(%s, %s, 'LineWritten', %s::jsonb, %s::jsonb, -1)",
                    (str(uuid4()), f"ledger-{uuid4()}", data, metadata),
                )

    return timed(run, threads)
