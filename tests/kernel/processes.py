"""The test service as a process of its own: started, found, told to stop, its log read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS: Final = 60
_READY: Final = "Uvicorn running on "


class LedgerProcess:
    """A process of the service; every line of its log is JSON."""

    def __init__(self, url: str, var: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kernel.ledger_service", url, str(var)],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[str | None] = Queue()
        self._silent = False
        self.log: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def ready(self) -> str:
        """Wait until it serves; returns its URL."""
        while (line := self._next()) is not None:
            if line["message"].startswith(_READY):
                return str(line["message"]).removeprefix(_READY).split(" ")[0]
        raise AssertionError(f"it ended before it was ready: {self.log}")

    def _next(self) -> dict[str, Any] | None:
        try:
            text = self._lines.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise AssertionError("it says nothing") from None
        if text is None:
            self._silent = True
            return None
        line: dict[str, Any] = json.loads(text)
        self.log.append(line)
        return line

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; returns its exit status, its whole log read."""
        status = self._process.wait(PATIENCE_SECONDS)
        while not self._silent:
            self._next()
        return status

    def close(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def ledger_process(url: str, var: Path) -> Iterator[LedgerProcess]:
    """A process of the service, ended with the block at the latest."""
    made = LedgerProcess(url, var)
    try:
        yield made
    finally:
        made.close()
