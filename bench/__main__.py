"""Appends of the journal against a bare one-row INSERT, side by side: `python -m bench`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg

from services.kernel.clock import SystemClock
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.recorder import JournalRecorder
from services.kernel.journal.units import AnswerKey, KeyRow, Unit, encode
from tests.kernel.journal.ledger import EVENTS, TABLES, Ledger, LineWritten, act, ledger_journal
from tests.postgres import running_postgres

APPENDS = 1_600
ROUNDS = 5


def timed(run: Callable[[], None], threads: int) -> float:
    """Appends a second of `threads` threads that share the appends."""
    workers = [threading.Thread(target=run) for _ in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return APPENDS / (time.perf_counter() - started)


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


def main() -> None:
    """Measure in interleaved rounds and print the ratios."""
    with running_postgres() as server:
        url = server.create_database()
        dsn = url.replace("+psycopg", "")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE bare (n bigserial PRIMARY KEY, id uuid, version int, type text, record bytea)"
            )
        with ledger_journal(url, SystemClock()) as journal:
            plain = JournalRecorder(journal.database, TABLES, clock=SystemClock())
            for number in range(1, ROUNDS + 1):
                for threads in (1, 8):
                    floor = bare(dsn, threads)
                    event = journalled(plain, threads, whole=False) / floor
                    unit = journalled(journal.recorder, threads, whole=True) / floor
                    print(
                        f"round {number}, {threads} writers: bare {floor:,.0f}/s, "
                        f"event {event:.2f}, whole unit {unit:.2f}"
                    )


if __name__ == "__main__":
    main()
