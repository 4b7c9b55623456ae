"""What sealing costs appends, and how long an inclusion proof takes in a log of a million records."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Final

from bench.journal import timed
from bench.report import Report, most
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.recorder import JournalRecorder
from services.kernel.journal.sealing.growth import Growth
from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.sealing.running import Sealing
from services.kernel.journal.sealing.settings import SealedSettings
from services.kernel.journal.units import AnswerKey, KeyRow, Unit, encode
from services.kernel.runtime import run_until_stopped
from services.proof.checkpoints import Checkpoint
from services.proof.inclusion import LogProof
from services.proof.notes import Note, Signer
from services.proof.tree import check_inclusion, leaf_hash
from tests.kernel.journal.ledger import EVENTS, Ledger, act, ledger_journal, new_journal
from tests.postgres import running_postgres

APPENDS: Final = 6_000
WRITERS: Final = 8
RECORDS: Final = int(os.environ.get("LOG_RECORDS", "1000000"))
PROOFS: Final = 2_000
PAGE: Final = 10_000
ORIGIN: Final = "bench.example.kz/log"


def measure(report: Report, rounds: int) -> None:
    """Add the rates with and without sealing, what sealing takes of the CPU, and the latencies of proofs."""
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create_database()
        with ledger_journal(url, SystemClock()) as journal:
            journal.start()
            for number in range(rounds):
                var = Path(folder) / str(number)
                alone = _pair(report, "PostgreSQL", journal, var)
                with sealed_elsewhere(url, var / "separate"):
                    report.ratio("sealed by a worker beside, PostgreSQL", appended(journal)[0], alone)
            journal.watcher.stop()
        with ledger_journal(f"sqlite:///{folder}/journal.db", SystemClock()) as journal:
            for number in range(rounds):
                _pair(report, "SQLite", journal, Path(folder) / f"sqlite-{number}")
    _proofs(report, rounds)


def _pair(report: Report, kind: str, journal: Journal, var: Path) -> float:
    """Appends with sealing in this process, and without before and after it; gives the rate without.

    The last figure is how much CPU sealing took beside the CPU of the appends alone: true also on a machine
    that has other work, where rates by the clock are not.
    """
    before = appended(journal)
    with sealed_inside(journal, var / "inside") as sealed:
        with_sealing = appended(journal)[0]
        share = sealed(journal.head())
    alone, seconds = (mean(pair) for pair in zip(before, appended(journal), strict=True))
    report.rate(f"whole units, not sealed, {kind}", alone)
    report.ratio(f"sealed in the same process, {kind}", with_sealing, alone)
    report.rate(f"CPU of sealing beside that of the appends, {kind}", share / seconds * 100, " %", most(10))
    return alone


def appended(journal: Journal) -> tuple[float, float]:
    """Units a second of all writers (event, idempotency key, number, read-model row), and the CPU seconds."""
    deciding = act()
    recorder: JournalRecorder = journal.recorder
    before = time.process_time()

    def run() -> None:
        for _ in range(APPENDS // WRITERS):
            ledger = Ledger(new_stream_id())
            ledger.open(deciding, str(ledger.id))
            events = tuple(encode(EVENTS, fact) for fact in ledger.collect_events())
            key = KeyRow(AnswerKey("p", "o", str(ledger.id), "d", 201), str(ledger.id), 1)
            recorder.commit(Unit(events=events, key=key))

    rate = timed(run, WRITERS, APPENDS)
    return rate, time.process_time() - before


@contextmanager
def sealed_inside(journal: Journal, var: Path) -> Iterator[Callable[[int], float]]:
    """While the journal is sealed by a thread of this process, from where it stands on.

    Yields what waits until so many records are sealed and gives the CPU seconds the sealer took for them.
    """
    sealing = Sealing("ledger", journal, SealedSettings(var=var, _env_file=None))
    log = PublishedLog(var / "transparency/ledger")
    sealer = sealing._sealer
    seal, taken = sealer.seal, [0.0]

    def measured(*, again_after: float) -> Checkpoint | None:
        before = time.thread_time()
        try:
            return seal(again_after=again_after)
        finally:
            taken[0] += time.thread_time() - before

    sealer.seal = measured  # type: ignore[method-assign]  # the same, its CPU counted
    sealing.start()
    try:
        _await(log, journal.head())
        taken[0] = 0.0

        def sealed(size: int) -> float:
            _await(log, size)
            return taken[0]

        yield sealed
    finally:
        sealing.stop()


@contextmanager
def sealed_elsewhere(url: str, var: Path) -> Iterator[None]:
    """While the journal is sealed by a process of its own, as in production."""
    worker = subprocess.Popen([sys.executable, "-m", "bench.log", url, var])
    log = PublishedLog(var / "transparency/ledger")
    database = Database(url)
    try:
        head = new_journal(database, SystemClock()).head
        _await(log, head())
        yield
        _await(log, head())
    finally:
        worker.terminate()
        worker.wait()
        database.close()


def _await(log: PublishedLog, size: int) -> None:
    while (head := log.head()) is None or head.size < size:
        time.sleep(0.02)


def _proofs(report: Report, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = log_of(RECORDS, Path(folder))
        root = head.root if (head := log.head()) else b""
        chance = random.Random(1)
        for _ in range(rounds):
            waits, taken = [], []
            for _ in range(PROOFS):
                position = chance.randrange(RECORDS) + 1
                started, cpu = time.perf_counter(), time.thread_time()
                text = log.proof_of(position)
                waits.append((time.perf_counter() - started) * 1_000_000)
                taken.append((time.thread_time() - cpu) * 1_000_000)
                proof = LogProof.parse((text or "").encode())
                check_inclusion(leaf_hash(record(position)), proof.index, RECORDS, proof.path, root)
            for name, figures in (("", sorted(waits)), (" of CPU", sorted(taken))):
                report.rate(f"inclusion proof among {RECORDS:,}, p50{name}", figures[PROOFS // 2], " us")
                report.rate(
                    f"inclusion proof among {RECORDS:,}, p99{name}",
                    figures[PROOFS * 99 // 100],
                    " us",
                    most(10_000),
                )


def record(position: int) -> bytes:
    """A record of a usual size."""
    return b'{"position":%d,"data":"%b"}' % (position, b"x" * 550)


def log_of(records: int, folder: Path) -> PublishedLog:
    """A log of so many records as the sealer would publish it."""
    log, growth, signer = PublishedLog(folder), Growth(), Signer(ORIGIN, bytes(32))
    for start in range(1, records + 1, PAGE):
        page = map(record, range(start, min(start + PAGE, records + 1)))
        log.put_tiles(growth.add(page))
    log.put_tiles(dict(growth.partial()))
    text = Checkpoint(ORIGIN, growth.size, growth.root()).text
    log.publish("checkpoint", str(Note(text, (signer.sign(text), signer.cosign(text, 1)))).encode())
    return log


def main() -> None:
    """Seal a journal until SIGTERM: `python -m bench.log URL VAR`."""
    url, var = sys.argv[1:]
    database = Database(url)
    journal = new_journal(database, SystemClock())
    sealing = Sealing("ledger", journal, SealedSettings(var=Path(var), _env_file=None))
    run_until_stopped([journal.start, sealing.start], [sealing.stop, journal.close])


if __name__ == "__main__":
    main()
