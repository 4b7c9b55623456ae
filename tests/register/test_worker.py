"""The background process on its own: it watches terms, is elected alone, and stops when asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from services.kernel.clock import FixedClock, set_simulated_clock
from services.register.journal import open_journal
from services.register.settings import RegisterSettings
from tests.personal import keyed
from tests.prepared import migrate
from tests.register.api.conftest import NOBODY
from tests.register.desk import Desk
from tests.register.given import NOON, PROCEDURE, at


def started(var: Path, url: str, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "TIZILIM_REGISTER_VAR": str(var),
        "TIZILIM_REGISTER_DATABASE_URL": url,
        "TIZILIM_REGISTER_VERIFICATION_URL": NOBODY,
        "TIZILIM_REGISTER_WORKERS": "separate",
        "TIZILIM_REGISTER_WORKER_PORT": str(port),
        "TIZILIM_REGISTER_MISSED_TERMS_SECONDS": "0.05",
    }
    return subprocess.Popen([sys.executable, "-m", "services.register.worker"], env=environment)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def checks_of(port: int, deadline: float) -> dict[str, str]:
    """What a worker says of itself, once it does."""
    while True:
        try:
            checks: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).json()[
                "checks"
            ]
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return checks


def test_two_workers_record_each_missed_term_once_and_stop_cleanly(
    fresh_postgres: str, tmp_path: Path
) -> None:

    set_simulated_clock(tmp_path / "clock.json", NOON)
    database = keyed(fresh_postgres)
    migrate("register", database)
    desk = Desk(open_journal(database, FixedClock(NOON)), PROCEDURE)
    for name in ("А", "Б", "В"):
        desk.notify("confirmation", "confirmed", desk.file(name=name))
    set_simulated_clock(tmp_path / "clock.json", at("2026-04-01"))
    ports = [free_port() for _ in range(2)]
    workers = [started(tmp_path, fresh_postgres, port) for port in ports]
    try:
        deadline = time.monotonic() + 30
        while desk.kinds().count("TermMissed") < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        told = [checks_of(port, deadline) for port in ports]
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        stopped = [worker.wait(timeout=15) for worker in workers]
    assert stopped in ([0, 0], [0, -15], [-15, 0])  # SIGTERM may come before a worker has begun
    assert desk.kinds().count("TermMissed") == 3
    assert [set(checks) for checks in told] == [{"store", "migrations", "clock", "following", "sealing"}] * 2
    assert {(checks["store"], checks["migrations"]) for checks in told} == {("ok", "ok")}
    database.close()


def test_on_sqlite_separate_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on SQLite the workers run inside"):
        RegisterSettings(var=tmp_path, workers="separate", _env_file=None)
