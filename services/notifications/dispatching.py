"""One worker a channel, each in a thread of its own: a channel that hangs or fails stops no other."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.http.health import Notice
from services.kernel.journal.events import microseconds
from services.kernel.runtime import Election
from services.kernel.telemetry import logger
from services.notifications.domain.channels import Channel, ChannelName, Ending, Parcel, Result
from services.notifications.measuring import EVERY_SECONDS, measure_channel
from services.notifications.projections.channels import given_up_over
from services.notifications.usecases.dispatch import (
    claim,
    free_dispatches,
    presence_name,
    record_result,
)

POLL_SECONDS: Final = 1.0
STOP_SECONDS: Final = 5.0
TROUBLE_AFTER: Final = 3
GIVEN_UP_TOLD: Final = timedelta(days=1)


class ChannelWorker:
    """Claims what is due on a channel and sends it until stopped; several processes share by leases.

    While it lives it holds the election of its own name; what one that does not hold its own any more was
    sending is sent again by another at once. While a channel fails its breaker leaves it alone, for all
    processes together, so that an outage does not use up every message's tries.
    """

    def __init__(self, database: Database, channel: Channel, clock: Clock) -> None:
        self._database = database
        self._channel = channel
        self._clock = clock
        self._owner = uuid4().hex
        self._presence = Election(database, presence_name(self._owner))
        self._present_until = 0.0
        self._random = random.SystemRandom()
        self._failures = 0
        self._given_up = 0
        self._counted_until = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"dispatch-{channel.name}", daemon=True)

    @property
    def name(self) -> ChannelName:
        """The channel's."""
        return self._channel.name

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; what is under way and does not end soon is sent again by another."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_SECONDS)
        else:
            self._presence.resign()

    def trouble(self) -> str | None:
        """A readiness check: a dead worker is one, a channel that fails is told.

        Told for a day are messages that were given up, too: no later success shows that they went nowhere.
        """
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopping.is_set():
            return f"nothing sends over {self.name} any more"
        told = []
        if self._failures >= TROUBLE_AFTER:
            told.append(f"{self.name} failed {self._failures} times in a row")
        if self._given_up:
            told.append(f"messages given up over {self.name} in the last day: {self._given_up}")
        return Notice("; ".join(told)) if told else None

    def turn(self) -> bool:
        """Send one message that is due; False when none is."""
        now = microseconds(self._clock.now())
        claimed = claim(self._database, self._channel.name, owner=self._owner, now=now)
        if claimed is None:
            return False
        result = self._sent(claimed.parcel)
        self._failures = self._failures + 1 if result.ending is Ending.FAILED else 0
        now = microseconds(self._clock.now())
        state = record_result(self._database, claimed, result, now=now, rng=self._random)
        if result.ending is not Ending.SENT:
            logger.info(
                "message not sent",
                extra={
                    "channel": self.name,
                    "message": claimed.parcel.message_id,
                    "state": state,
                    "trouble": result.trouble,
                },
            )
        return True

    def _sent(self, parcel: Parcel) -> Result:
        began = time.monotonic()
        try:
            result = self._channel.send(parcel)
        except Exception as error:  # noqa: BLE001  # one message that nobody foresaw must not come back for ever
            logger.error("channel failed", exc_info=error, extra={"channel": self.name})
            result = Result(Ending.FAILED, type(error).__name__)
        return replace(result, elapsed=timedelta(seconds=time.monotonic() - began))

    def is_present(self) -> bool:
        """Show that this worker lives and, as often, look for those that do not any more."""
        if time.monotonic() < self._present_until:
            return True
        if not self._presence.won():
            return False
        freed = free_dispatches(self._database, self.name, self._owner)
        if freed:
            logger.info("dispatches of a worker that is gone were freed", extra={"dispatches": freed})
        self._present_until = time.monotonic() + POLL_SECONDS
        if time.monotonic() >= self._counted_until:
            self.count_given_up()
        return True

    def count_given_up(self) -> None:
        """Count what was given up lately, whichever process gave it up."""
        since = microseconds(self._clock.now() - GIVEN_UP_TOLD)
        with self._database.read() as connection:
            self._given_up = given_up_over(connection, self.name, since=since)
        measure_channel(self._database, self.name, self._given_up)
        self._counted_until = time.monotonic() + EVERY_SECONDS

    def _run(self) -> None:
        try:
            self._send_until_stopped()
        finally:
            self._presence.resign()

    def _send_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = 0.0 if self.is_present() and self.turn() else POLL_SECONDS
            except sa.exc.SQLAlchemyError as error:  # the lease ends by itself and the message is sent again
                logger.warning("dispatches not claimed", extra={"error": type(error).__name__})
                pause = POLL_SECONDS
            except Exception as error:  # noqa: BLE001  # whatever happens, messages must go on going out
                logger.error("dispatch failed", exc_info=error, extra={"channel": self.name})
                pause = POLL_SECONDS
            self._stopping.wait(pause)
