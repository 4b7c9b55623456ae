"""Keeps one PostgreSQL cluster running for as long as some process uses it, and not a moment longer.

Runs as a process of its own (standard library only, no package import). Everyone who uses the
cluster holds a shared lock on ``users.lock``; the kernel gives it up even when a user is killed
with -9. Once this process gets the lock for itself, nobody is left: it stops the server and removes
the directory. A postmaster that dies while in use is started again, so crash recovery can be tested.

Usage: ``python postgres_guard.py DIRECTORY UID GID PROGRAM [ARGUMENT ...]``; a UID of -1 keeps the
caller's own user.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

RESTART_PATIENCE_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0


class Guard:
    """One postmaster and the lock that tells whether anybody still needs it."""

    def __init__(self, directory: Path, user: int, group: int, command: list[str]) -> None:
        self.directory = directory
        self.user = user
        self.group = group
        self.command = command
        self.users = (directory / "users.lock").open("r+")
        self.unused = threading.Event()

    def run(self) -> int:
        """Serve until the last user has gone; the postmaster's exit code when it never came up."""
        threading.Thread(target=self._wait_for_the_last_user, daemon=True).start()
        failing_since: float | None = None
        while not self.unused.is_set():
            started = time.monotonic()
            server = self._start()
            while server.poll() is None and not self.unused.wait(0.05):
                continue
            if self.unused.is_set():
                stop(server)
                break
            # Backends of a killed postmaster may hold its shared memory for a moment longer.
            ran = time.monotonic() - started
            failing_since = started if failing_since is None or ran > 5 else failing_since
            never_ready = not (self.directory / "ready").exists()
            if never_ready or time.monotonic() - failing_since > RESTART_PATIENCE_SECONDS:
                return server.returncode or 1
            time.sleep(0.1)
        shutil.rmtree(self.directory, ignore_errors=True)
        return 0

    def _wait_for_the_last_user(self) -> None:
        # Kept open, and so locked, until this process ends: a late newcomer waits and finds no directory.
        fcntl.flock(self.users, fcntl.LOCK_EX)
        self.unused.set()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.directory / "server.log").open("ab") as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                user=None if self.user < 0 else self.user,
                group=None if self.group < 0 else self.group,
                extra_groups=None if self.user < 0 else [],
            )


def stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown (SIGINT), then immediate (SIGQUIT), then SIGKILL: always of this one pid."""
    for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(way)
        try:
            server.wait(STOP_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def main() -> int:
    """Read the command line, leave the caller's terminal session alone, and guard."""
    directory, user, group = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    os.umask(0o077)
    return Guard(directory, user, group, sys.argv[4:]).run()


if __name__ == "__main__":
    sys.exit(main())
