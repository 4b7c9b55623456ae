"""Worker processes of the notifications service that follow a played feed and deliver."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = "http://127.0.0.1:9"


def start_worker(var: Path, database_url: str, register_url: str) -> subprocess.Popen[bytes]:
    """Start one; the caller ends it."""
    environment = {
        **os.environ,
        "TIZILIM_NOTIFICATIONS_VAR": str(var),
        "TIZILIM_NOTIFICATIONS_DATABASE_URL": database_url,
        "TIZILIM_NOTIFICATIONS_REGISTER_URL": register_url,
        "TIZILIM_NOTIFICATIONS_VERIFICATION_URL": NOBODY,
        "TIZILIM_NOTIFICATIONS_WORKERS": "separate",
        "TIZILIM_NOTIFICATIONS_LOG_LEVEL": "ERROR",
    }
    return subprocess.Popen([sys.executable, "-m", "services.notifications.worker"], env=environment)


@contextmanager
def working(var: Path, database_url: str, register_url: str, *, count: int = 1) -> Iterator[None]:
    """So many workers that run meanwhile."""
    workers = [start_worker(var, database_url, register_url) for _ in range(count)]
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
