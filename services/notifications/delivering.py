"""The delivery worker: one asyncio loop in a thread, many POSTs in flight, no transaction across them."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.events import from_microseconds, microseconds
from services.kernel.runtime import Election
from services.kernel.telemetry import logger
from services.notifications.adapters.webhook_http import Attempt, WebhookSender
from services.notifications.domain.consent import request_headers
from services.notifications.usecases.deliver import (
    Claimed,
    claim,
    free_leases,
    next_due,
    presence_name,
    record_attempt,
)
from services.notifications.usecases.sign import WebhookSigner

POLL_SECONDS: Final = 1.0
CLAIMED_AT_ONCE: Final = 16
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
        """Claim no more, and wait for the POSTs under way; what does not end is repeated by another."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_SECONDS)

    def trouble(self) -> str | None:
        """A readiness check: None while it delivers."""
        dead = self._thread.ident is not None and not self._thread.is_alive()
        return "nothing delivers any more" if dead and not self._stopping.is_set() else None

    def _run(self) -> None:
        try:
            asyncio.run(self._deliver_until_stopped())
        finally:
            self._presence.resign()

    async def _deliver_until_stopped(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        async with self._sender:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    pause = await self._turn()
                except sa.exc.SQLAlchemyError as error:
                    logger.warning("deliveries not claimed", extra={"error": type(error).__name__})
                    pause = POLL_SECONDS
                except Exception as error:  # noqa: BLE001  # whatever happens, messages must go on going out
                    logger.error("deliveries not claimed", exc_info=error)
                    pause = POLL_SECONDS
                if pause:
                    await self._pause(pause)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS / 2)

    async def _turn(self) -> float:
        """Begin what is due; returns the seconds to wait before the next turn unless woken."""
        if not await asyncio.to_thread(self._is_present):
            return POLL_SECONDS
        room = min(self._limit - self._under_way.total(), CLAIMED_AT_ONCE)
        if room <= 0:
            return POLL_SECONDS
        claimed = await asyncio.to_thread(self._claim, room, dict(self._under_way))
        for one in claimed:
            self._under_way[one.subscription_id] += 1
            task = asyncio.create_task(self._deliver(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return 0 if claimed else await asyncio.to_thread(self._until_due)

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
        return True

    def _claim(self, room: int, under_way: Mapping[str, int]) -> list[Claimed]:
        self._signer.refresh()
        return claim(
            self._database,
            owner=self._owner,
            now=microseconds(self._clock.now()),
            limit=room,
            per_endpoint=self._per_endpoint,
            under_way=under_way,
        )

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
                origin=self._origin,
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
        if claimed.kind == "handshake":
            asked = request_headers(self._origin, claimed.deliveries_per_minute)
            return await self._sender.ask(claimed.url, asked)
        headers = self._signer.headers(claimed)
        if claimed.position is not None:
            headers["journal-position"] = str(claimed.position)
        if claimed.consent == "handshake":
            headers["Origin"] = self._origin
        return await self._sender.post(claimed.url, claimed.body, headers)
