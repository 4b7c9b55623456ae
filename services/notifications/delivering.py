"""The delivery worker: one asyncio loop in a thread, many POSTs in flight, no transaction across them."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.kernel.telemetry import logger
from services.notifications.adapters.sealing import SecretBox
from services.notifications.adapters.webhook_http import Attempt, WebhookSender
from services.notifications.domain.signing import SymmetricSecret, signed_headers
from services.notifications.usecases.deliver import Claimed, claim, next_due, record_attempt

POLL_SECONDS: Final = 1.0
STOP_SECONDS: Final = 20.0


class DeliveryWorker:
    """Claims due deliveries and posts them until stopped; several workers share the work by leases."""

    def __init__(
        self,
        database: Database,
        sender: WebhookSender,
        box: SecretBox,
        clock: Clock,
        *,
        in_flight: int,
        in_flight_per_endpoint: int,
    ) -> None:
        self._database = database
        self._sender = sender
        self._box = box
        self._clock = clock
        self._limit = in_flight
        self._per_endpoint = in_flight_per_endpoint
        self._random = random.SystemRandom()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._under_way: Counter[str] = Counter()
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
        """Claim no more, and wait for the POSTs under way; what does not end is repeated after its lease."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._deliver_until_stopped())

    async def _deliver_until_stopped(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        async with self._sender:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    claimed = await asyncio.to_thread(self._claim)
                except sa.exc.SQLAlchemyError as error:
                    logger.warning("deliveries not claimed", extra={"error": type(error).__name__})
                    await self._pause(POLL_SECONDS)
                    continue
                for one in claimed:
                    self._under_way[one.subscription_id] += 1
                    task = asyncio.create_task(self._deliver(one))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                if not claimed:
                    await self._pause(await asyncio.to_thread(self._until_due))
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS / 2)

    def _claim(self) -> list[Claimed]:
        room = self._limit - sum(self._under_way.values())
        if room <= 0:
            return []
        busy = [
            subscription for subscription, count in self._under_way.items() if count >= self._per_endpoint
        ]
        return claim(self._database, now=microseconds(self._clock.now()), limit=min(room, 16), busy=busy)

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
        try:
            attempt = await self._post(claimed)
            state = await asyncio.to_thread(
                record_attempt,
                self._database,
                claimed,
                attempt,
                now=microseconds(self._clock.now()),
                rng=self._random,
            )
            if state != "delivered":
                logger.info(
                    "delivery not made",
                    extra={"delivery": claimed.delivery_id, "state": state, "status": attempt.status},
                )
        except sa.exc.SQLAlchemyError as error:  # the lease ends by itself and the POST is repeated
            logger.warning("attempt not recorded", extra={"error": type(error).__name__})
        finally:
            self._under_way[claimed.subscription_id] -= 1
            if not self._under_way[claimed.subscription_id]:
                del self._under_way[claimed.subscription_id]
            if self._wake is not None:
                self._wake.set()

    async def _post(self, claimed: Claimed) -> Attempt:
        secret = SymmetricSecret.parse(self._box.open(claimed.sealed_secret, claimed.subscription_id))
        headers = signed_headers(claimed.event_id, self._clock.now(), claimed.body, [secret])
        if claimed.position is not None:
            headers["journal-position"] = str(claimed.position)
        return await self._sender.post(claimed.url, claimed.body, headers)
