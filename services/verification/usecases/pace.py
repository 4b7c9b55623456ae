"""How much a unit of work of a long task takes on, so that the requests between two units hardly wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TARGET_SECONDS: Final = 0.05
REST: Final = 0.5


class Pace:
    """Learns from each unit how many things the next may take on, and how long to rest before it.

    A unit aims at a twentieth of a second, within `least` and `most`: what every unit costs, however small,
    must not eat up the task on a busy machine. The rest is half of what the unit took, and no longer than
    half of what it should take.
    """

    def __init__(self, *, least: int, most: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._least = min(least, most)
        self._most = most
        self._clock = clock
        self.size = self._least
        self.rest = 0.0
        """Seconds to leave to others before the next unit."""

    def timed(self, unit: Callable[[int], int]) -> int:
        """Run one unit, which is given a size and returns how many it did; learn from it."""
        started = self._clock()
        done = unit(self.size)
        seconds = self._clock() - started
        self.rest = REST * min(seconds, TARGET_SECONDS)
        if done:
            fitting = int(done * TARGET_SECONDS / max(seconds, 1e-6))
            self.size = max(self._least, min(self._most, 2 * self.size, fitting))
        return done
