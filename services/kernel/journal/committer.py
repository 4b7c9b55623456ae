"""Group commit: whoever finds no leader leads, and commits every queued unit in one transaction.

One lock, one flush and one read-model pass serve all units that queued while the last batch was being
written; a flush of 2 ms would otherwise cap a service at about 400 commands a second. A unit that touches a
stream or a key already in the batch waits for the next one, and a unit with checks is only ever the first of
a batch, so that it sees all that was ordered before it; when a batch fails, its units are tried singly.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from services.kernel.journal.units import Committed, Unit

MAX_UNITS: Final = 200
LINGER_SECONDS: Final = 0.0003

Write = Callable[[Sequence[Unit]], list[Committed]]


class _Waiting:
    """One queued unit and the place its outcome is put."""

    __slots__ = ("committed", "error", "leads", "unit", "wake")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.wake = threading.Event()
        self.leads = False
        self.committed: Committed | None = None
        self.error: Exception | None = None


class GroupCommitter:
    """Queues units of work and commits them in groups through `write`, which commits all given or none."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._mutex = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._led = False
        self._last_size = 1

    def commit(self, unit: Unit) -> Committed:
        """Commit one unit, possibly together with others; raises what writing it alone raised."""
        waiting = _Waiting(unit)
        with self._mutex:
            self._queue.append(waiting)
            leads = not self._led
            self._led = True
        if not leads:
            waiting.wake.wait()
            leads = waiting.leads
        if leads:
            self._lead()
        if waiting.error is not None:
            raise waiting.error
        if waiting.committed is None:
            raise RuntimeError("a unit left the queue without an outcome")
        return waiting.committed

    def _lead(self) -> None:
        if self._last_size > 1:
            time.sleep(LINGER_SECONDS)  # those just woken queue again, and the next batch stays large
        with self._mutex:
            batch = self._take()
        self._last_size = len(batch)
        try:
            self._settle(batch)
        finally:
            self._hand_over(batch)

    def _take(self) -> list[_Waiting]:
        """The units that can share a transaction, oldest first; the others stay queued in order."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        streams: set[UUID | str] = set()
        keys: set[tuple[str, str, str]] = set()
        upstreams: set[str] = set()
        while self._queue and len(batch) < MAX_UNITS:
            waiting = self._queue.popleft()
            unit = waiting.unit
            touched = {event.originator_id for event in unit.events}
            answer = unit.key.answer if unit.key else None
            key = {(answer.principal, answer.operation, answer.key)} if answer else set()
            upstream = {unit.step.upstream} if unit.step else set()
            if touched & streams or key & keys or upstream & upstreams or (unit.checks and batch):
                later.append(waiting)
                continue
            streams |= touched
            keys |= key
            upstreams |= upstream
            batch.append(waiting)
        self._queue.extendleft(reversed(later))
        return batch

    def _settle(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = self._write([waiting.unit for waiting in batch])
        except Exception as error:  # noqa: BLE001  # the batch rolled back whole; each unit answers for itself below
            if len(batch) == 1:
                batch[0].error = error
                return
            for waiting in batch:
                self._settle([waiting])
            return
        for waiting, committed in zip(batch, outcomes, strict=True):
            waiting.committed = committed

    def _hand_over(self, batch: list[_Waiting]) -> None:
        with self._mutex:
            successor = self._queue[0] if self._queue else None
            self._led = successor is not None
        if successor is not None:
            successor.leads = True
            successor.wake.set()
        for waiting in batch:
            waiting.wake.set()
