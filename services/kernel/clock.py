"""Two clocks: the legal one gives facts and terms their instants, the system's tokens, leases and retries.

In development the legal clock can be set through one file in the data folder, shared by all services, so
that a producer's whole life can be lived through in minutes. Production refuses a simulated clock.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant (UTC)."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands where it was set; for tests."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was set to (UTC)."""
        return self._instant

    def set(self, instant: datetime) -> None:
        """Stand at another instant."""
        self._instant = instant.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move on by a duration."""
        self._instant += by


class SimulatedClockRefused(RuntimeError):
    """A production service found a simulated clock in its data folder."""


class ClockUnreadable(RuntimeError):
    """The clock file holds no simulated instant; what counts in law now is not known."""


class LegalClock:
    """The system's clock, moved in development by what the clock file says.

    The file holds `set_to` (an instant) and `at` (the system's instant when it was set); simulated time runs
    on from there at the usual speed. Without the file, legal time is system time.
    """

    def __init__(self, file: Path, *, production: bool = False, system: Clock | None = None) -> None:
        self._file = file
        self._path = str(file)  # looked at for every command
        self._system = system or SystemClock()
        self._seen: tuple[int, int] | None = None
        self._offset = timedelta()
        if production and file.exists():
            raise SimulatedClockRefused(str(file.name))
        self._simulable = not production

    def now(self) -> datetime:
        """The present legal instant (UTC). Raises `ClockUnreadable`."""
        if self._simulable:
            self._refresh()
        return self._system.now() + self._offset

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116  # a tenth of what a Path takes
        except FileNotFoundError:
            self._seen, self._offset = None, timedelta()
            return
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            self._offset = self._read_offset()
            self._seen = seen

    def _read_offset(self) -> timedelta:
        try:
            content = json.loads(self._file.read_text())
            return datetime.fromisoformat(content["set_to"]) - datetime.fromisoformat(content["at"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ClockUnreadable(
                f"{self._file} holds no instant; set it with `tizilim clock`, or `tizilim clock real`"
            ) from error


def set_simulated_clock(file: Path, instant: datetime, *, system: Clock | None = None) -> None:
    """Set the shared legal clock to an aware instant; every service of the data folder follows at once."""
    at = (system or SystemClock()).now()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps({"set_to": instant.astimezone(UTC).isoformat(), "at": at.isoformat()}))
    draft.replace(file)


def clear_simulated_clock(file: Path) -> None:
    """Return to the system's time."""
    file.unlink(missing_ok=True)
