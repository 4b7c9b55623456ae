"""The delivery worker: one asyncio loop in a thread, many POSTs in flight, no transaction across them.

Deliveries are claimed in batches and their outcomes recorded in batches; while POSTs are under way a
heartbeat extends their leases.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.kernel.runtime import Election
from services.kernel.telemetry import logger
from services.notifications.adapters.webhook_http import Attempt, Trouble, WebhookSender
from services.notifications.domain.consent import request_headers
from services.notifications.measuring import DeliveryMeasure
from services.notifications.usecases.attempt_rows import Made
from services.notifications.usecases.deliver import (
    LEASE,
    Claimed,
    claim,
    extend_leases,
    free_leases,
    next_due,
    presence_name,
)
from services.notifications.usecases.record_attempts import record_attempts
from services.notifications.usecases.sign import WebhookSigner

POLL_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = LEASE.total_seconds() / 6
CLAIMED_AT_ONCE: Final = 64
TROUBLE_AFTER: Final = 3
"""So many turns that fail in a row, about as many seconds, are told."""
RECORDED_AT_ONCE: Final = 128
GATHER_SECONDS: Final = 0.01
"""How long outcomes and free places gather before the next batch, so that batches are worth their commit."""
RECORDED_AGAIN_SECONDS: Final = (0.1, 1.0, 3.0)
STOP_SECONDS: Final = 20.0


class DeliveryWorker:
    """Claims due deliveries and posts them until stopped; several workers share the work by leases.

    While it lives it holds the election of its own name; what was under way in one that does not hold its own
    any more is posted again by another at once.
    """

    def __init__(
        self,
        database: Database,
        sender: WebhookSender,
        signer: WebhookSigner,
        clock: Clock,
        *,
        origin: str,
        in_flight: int,
        in_flight_per_endpoint: int,
    ) -> None:
        self._database = database
        self._sender = sender
        self._signer = signer
        self._clock = clock
        self._origin = origin
        self._limit = in_flight
        self._per_endpoint = in_flight_per_endpoint
        self._owner = uuid4().hex
        self._presence = Election(database, presence_name(self._owner))
        self._present_until = 0.0
        self._measure = DeliveryMeasure(database)
        self._random = random.SystemRandom()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._outcomes: asyncio.Queue[Made] = asyncio.Queue()
        self._held: set[str] = set()
        self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="deliver", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Look for due deliveries at once; callable from any thread."""
        loop, event = self._loop, self._wake
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def stop(self) -> None:
        """Claim no more, and wait for the POSTs under way; what does not end is repeated by another."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_SECONDS)

    def trouble(self) -> str | None:
        """A readiness check: None while it delivers."""
        dead = self._thread.ident is not None and not self._thread.is_alive()
        if dead and not self._stopping.is_set():
            return "nothing delivers any more"
        failing = self._failures >= TROUBLE_AFTER
        return f"deliveries not claimed, {self._failures} times in a row" if failing else None

    def _run(self) -> None:
        try:
            asyncio.run(self._deliver_until_stopped())
        finally:
            self._presence.resign()

    async def _deliver_until_stopped(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        async with self._sender:
            beside = [asyncio.create_task(one) for one in (self._record_for_ever(), self._beat_for_ever())]
            while not self._stopping.is_set():
                self._wake.clear()
                pause = await self._guarded_turn()
                if pause:
                    await self._pause(pause)
            until = time.monotonic() + STOP_SECONDS / 2
            while self._held and time.monotonic() < until:
                self._wake.clear()
                await self._pause(POLL_SECONDS)
            for task in beside:
                task.cancel()

    async def _guarded_turn(self) -> float:
        try:
            pause = await self._turn()
        except sa.exc.SQLAlchemyError as error:
            logger.warning("deliveries not claimed", extra={"error": type(error).__name__})
        except Exception as error:  # noqa: BLE001  # whatever happens, messages must go on going out
            logger.error("deliveries not claimed", exc_info=error)
        else:
            self._failures = 0
            return pause
        self._failures += 1
        return POLL_SECONDS

    async def _turn(self) -> float:
        """Begin what is due; returns the seconds to wait before the next turn unless woken."""
        if not await asyncio.to_thread(self._is_present):
            return POLL_SECONDS
        room = min(self._limit - len(self._held), CLAIMED_AT_ONCE)
        if room <= 0:
            return POLL_SECONDS
        claimed = await asyncio.to_thread(self._claim, room)
        for one in claimed:
            self._held.add(one.delivery_id)
            task = asyncio.create_task(self._deliver(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if claimed:
            await asyncio.sleep(GATHER_SECONDS)
            return 0
        return await asyncio.to_thread(self._until_due)

    def _is_present(self) -> bool:
        """Show that this worker lives and, as often, look for those that do not any more."""
        if time.monotonic() < self._present_until:
            return True
        if not self._presence.won():
            return False
        freed = free_leases(self._database, self._owner)
        if freed:
            logger.info("leases of a worker that is gone were freed", extra={"deliveries": freed})
        self._present_until = time.monotonic() + POLL_SECONDS
        self._measure.refresh()
        return True

    def _claim(self, room: int) -> list[Claimed]:
        self._signer.refresh()
        return claim(
            self._database,
            owner=self._owner,
            now=microseconds(self._clock.now()),
            limit=room,
            per_endpoint=self._share(),
        )

    def _share(self) -> int:
        """The fuller the worker, the less one endpoint may have under way: slow ones leave room."""
        full = len(self._held) / self._limit
        if full < 1 / 2:
            return self._per_endpoint
        return max(1, self._per_endpoint // 4) if full < 3 / 4 else 1

    def _until_due(self) -> float:
        due = next_due(self._database)
        if due is None:
            return POLL_SECONDS
        wait = from_microseconds(due) - self._clock.now()
        return min(max(wait, timedelta(milliseconds=20)).total_seconds(), POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        if self._wake is None:
            return
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _deliver(self, claimed: Claimed) -> None:
        headers: dict[str, str] = {}
        try:
            headers = self._headers(claimed)
        except Exception as error:  # noqa: BLE001  # unrecorded it would come again at its lease's end, for ever
            logger.error("delivery not signed", exc_info=error, extra={"delivery": claimed.delivery_id})
            attempt = Attempt(None, Trouble.NOT_SIGNED, timedelta())
        else:
            attempt = await self._tried(claimed, headers)
        self._outcomes.put_nowait(Made(claimed, attempt, headers))

    def _headers(self, claimed: Claimed) -> dict[str, str]:
        if claimed.kind == "handshake":
            return request_headers(self._origin, claimed.deliveries_per_minute)
        headers = self._signer.headers(claimed)
        if claimed.position is not None:
            headers["journal-position"] = str(claimed.position)
        if claimed.consent == "handshake":
            headers["Origin"] = self._origin
        return headers

    async def _tried(self, claimed: Claimed, headers: Mapping[str, str]) -> Attempt:
        started = time.monotonic()
        try:
            if claimed.kind == "handshake":
                return await self._sender.ask(claimed.url, headers)
            return await self._sender.post(claimed.url, claimed.body, headers)
        except Exception as error:  # noqa: BLE001  # unrecorded it would come again and again, at its lease's end
            logger.error("webhook not sent", exc_info=error, extra={"delivery": claimed.delivery_id})
            elapsed = timedelta(seconds=time.monotonic() - started)
            return Attempt(None, Trouble.ANSWER_BROKEN, elapsed)

    async def _record_for_ever(self) -> None:
        """Write outcomes as they come, a batch at a time."""
        while True:
            batch = [await self._outcomes.get()]
            await asyncio.sleep(GATHER_SECONDS)
            while len(batch) < RECORDED_AT_ONCE and not self._outcomes.empty():
                batch.append(self._outcomes.get_nowait())
            await self._recorded(batch)
            self._held.difference_update(one.claimed.delivery_id for one in batch)
            if self._wake is not None:
                self._wake.set()

    async def _recorded(self, batch: Sequence[Made]) -> None:
        """Record a batch, again when the store failed, one by one in the end.

        What cannot be recorded is let go: its lease ends by itself and the POST is repeated.
        """
        for pause in RECORDED_AGAIN_SECONDS:
            try:
                await asyncio.to_thread(self._record, batch)
            except sa.exc.SQLAlchemyError as error:
                logger.warning("attempts not recorded", extra={"error": type(error).__name__})
                await asyncio.sleep(pause)
            except Exception as error:  # noqa: BLE001  # one outcome of the batch cannot be written: which?
                logger.error("attempts not recorded together", exc_info=error)
                break
            else:
                return
        for one in batch:
            try:
                await asyncio.to_thread(self._record, [one])
            except Exception as error:  # noqa: BLE001  # one outcome must not keep the others
                logger.error("attempt lost", exc_info=error, extra={"delivery": one.claimed.delivery_id})

    def _record(self, batch: Sequence[Made]) -> None:
        states = record_attempts(
            self._database,
            batch,
            now=microseconds(self._clock.now()),
            rng=self._random,
            widest=self._per_endpoint,
            origin=self._origin,
        )
        for one, state in zip(batch, states, strict=True):
            if state != "delivered":
                logger.info(
                    "delivery not made",
                    extra={
                        "delivery": one.claimed.delivery_id,
                        "state": state,
                        "status": one.attempt.status,
                    },
                )

    async def _beat_for_ever(self) -> None:
        """Extend the leases of what is under way; slow POSTs and a slow store do not cost them."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            held = sorted(self._held)
            if not held:
                continue
            try:
                now = microseconds(self._clock.now())
                await asyncio.to_thread(extend_leases, self._database, self._owner, held, now=now)
            except Exception as error:  # noqa: BLE001  # without heartbeats slow endpoints were posted to twice
                logger.warning("leases not extended", exc_info=error)
