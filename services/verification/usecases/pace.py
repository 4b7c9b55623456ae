"""How much a unit of work of a long task takes on, so that the requests between two units hardly wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TARGET_SECONDS: Final = 0.05
REST: Final = 0.5
FIRST: Final = 10


class Pace:
    """Learns from each unit how many things the next may take on, and how long to rest before it.

    A unit aims at a twentieth of a second; the rest after it is half of what it took, and grows with it, so
    that a busy machine is asked for less. `most` bounds a unit whatever was measured.
    """

    def __init__(self, *, most: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._most = most
        self._clock = clock
        self.size = min(FIRST, most)
        self.rest = 0.0
        """Seconds to leave to others before the next unit."""

    def timed(self, unit: Callable[[int], int]) -> int:
        """Run one unit, which is given a size and returns how many it did; learn from it."""
        started = self._clock()
        done = unit(self.size)
        seconds = self._clock() - started
        self.rest = seconds * REST
        if done:
            fitting = done * TARGET_SECONDS / max(seconds, 1e-6)
            self.size = int(max(1, min(self._most, 2 * self.size, fitting)))
        return done
