"""`tizilim up`: migrate, start the three services, say when they are ready, stop them cleanly."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import httpx
import sqlalchemy as sa

from services.commands.registry import DEFAULT_PORT_BASE, SERVICES, Installation, database_of
from services.kernel.clock import ClockUnreadable, LegalClock
from services.kernel.identity.tokens import development_issuer
from services.kernel.migrating import CannotMigrate, upgrade

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1
_NONE: Final[Mapping[str, str]] = {}


class CannotStart(RuntimeError):
    """Something outside the services stands in the way; the text says what to do."""


class Process:
    """One service's process, its output going to a log file in the data folder."""

    def __init__(self, service: str, installation: Installation, settings: Mapping[str, str]) -> None:
        self.service = service
        self.log = installation.var / "log" / f"{service}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._begin = output.tell()
            self._popen = subprocess.Popen(  # noqa: S603  # our own module under our own interpreter
                [sys.executable, "-m", f"services.{service}.main"],
                env={**settings, **os.environ, **installation.environment(service)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C reaches `up` alone, which then stops the services in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # started before any thread
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def ended(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._popen.poll() is None:
            self._popen.terminate()

    def wait_until_stopped(self) -> None:
        """Wait up to ten seconds for it to end, then end it."""
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def last_lines(self, count: int = 15) -> str:
        """The end of what it has logged since it was started."""
        with self.log.open("rb") as written:
            written.seek(self._begin)
            return "\n".join(written.read().decode(errors="replace").splitlines()[-count:])


def _die_with_parent() -> None:
    """On Linux a service does not outlive an `up` that was killed; elsewhere it is found by its lock."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def running(installation: Installation, settings: Mapping[str, str] = _NONE) -> Iterator[list[Process]]:
    """The three services, ready; stopped at the end. Raises `CannotStart`.

    `settings` are environment variables that hold unless the environment says otherwise.
    """
    with _only_one(installation.var):
        _check_ports(installation)
        _check_folder(installation.var)
        for service in SERVICES:
            _migrate(service, installation.var)
        processes = [Process(service, installation, settings) for service in SERVICES]
        try:
            _wait_until_ready(installation, processes)
            yield processes
        finally:
            for process in processes:
                process.ask_to_stop()
            for process in processes:
                process.wait_until_stopped()


def run(installation: Installation) -> int:
    """Run in the foreground until SIGINT or SIGTERM; returns the exit code."""
    # An event's lock may be held by the very thread that the signal interrupts; this queue is reentrant.
    stopping: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda told, _frame: stopping.put(told))
    try:
        with running(installation) as processes:
            print(_ready_text(installation), flush=True)
            while not _told(stopping):
                for process in processes:
                    if process.ended() is not None:
                        print(
                            f"{process.service} ended unexpectedly:\n{process.last_lines()}", file=sys.stderr
                        )
                        return 1
            print("stopping", flush=True)
    except CannotStart as reason:
        print(f"cannot start: {reason}", file=sys.stderr)
        return 1
    return 0


def _told(stopping: SimpleQueue[int]) -> bool:
    try:
        stopping.get(timeout=0.5)
    except Empty:
        return False
    return True


def free_installation(var: Path) -> Installation:
    """An installation in `var` on ports that are free just now."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            found = Installation(var, first.getsockname()[1] - 1)
        try:
            _check_ports(found)
        except CannotStart:
            continue
        return found


def _check_folder(var: Path) -> None:
    """What all three services read from the data folder can be read."""
    try:
        development_issuer(var)
        LegalClock(var / "clock.json").now()
    except (ValueError, ClockUnreadable, OSError) as reason:
        raise CannotStart(str(reason)) from None


def _migrate(service: str, var: Path) -> None:
    database = database_of(service, var)
    try:
        upgrade(service, database)
    except (sa.exc.DatabaseError, OSError, CannotMigrate) as reason:
        cause = getattr(reason, "orig", None) or reason
        where = database.url.render_as_string(hide_password=True)
        raise CannotStart(f"the database of {service} cannot be used ({where}): {cause}") from None
    finally:
        database.close()


@contextmanager
def _only_one(var: Path) -> Iterator[None]:
    try:
        var.mkdir(parents=True, exist_ok=True)
        lock = (var / "up.lock").open("w")
    except OSError as reason:
        raise CannotStart(f"{var} cannot be used as the data folder: {reason.strerror}") from None
    with lock as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"another `tizilim up` already uses the data folder {var}") from None
        yield


def _check_ports(installation: Installation) -> None:
    for service in SERVICES:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", installation.port(service)))
            except OSError:
                raise CannotStart(
                    f"port {installation.port(service)} for {service} is taken; "
                    "choose others with PORT_BASE, for example PORT_BASE=9000"
                ) from None


def _wait_until_ready(installation: Installation, processes: list[Process]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx.Client(trust_env=False, timeout=2.0) as client:
        for process in processes:
            while not _is_ready(client, installation.url(process.service)):
                if process.ended() is not None:
                    raise CannotStart(f"{process.service} ended:\n{process.last_lines()}")
                if time.monotonic() > deadline:
                    raise CannotStart(
                        f"{process.service} is not ready after {READY_SECONDS:.0f} s; see {process.log}"
                    )
                time.sleep(0.05)


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _settings_of(installation: Installation) -> str:
    """What has to stand before a command so that it speaks to this installation; nothing by default."""
    settings = []
    if installation.var != Path("var"):
        settings.append(f"VAR={shlex.quote(str(installation.var))}")
    if installation.port_base != DEFAULT_PORT_BASE:
        settings.append(f"PORT_BASE={installation.port_base}")
    return "".join(f"{setting} " for setting in settings)


def _ready_text(installation: Installation) -> str:
    lines = ["", "Tizilim is ready.", ""]
    lines += [
        f"  {service:<14} {installation.url(service)}   API pages: {installation.url(service)}/docs"
        for service in SERVICES
    ]
    lines += [
        "",
        f"  data and logs  {installation.var}/ (log/<service>.log)",
        f"  a token        {_settings_of(installation)}make token ROLE=industry_officer",
        f"  a whole story  {_settings_of(installation)}make demo",
        "",
        "Ctrl-C stops everything; the next `make up` goes on where this one stopped.",
        "",
    ]
    return "\n".join(lines)
