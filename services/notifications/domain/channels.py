"""Channels besides the account: what is sent over one, and what a try can come to."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from services.kernel.contract import Language
from services.notifications.domain.health import Health, after_failure, after_success
from services.notifications.domain.messages import Text
from services.notifications.domain.retry import Outcome, Verdict

ChannelName = Literal["email", "portal"]


class Ending(StrEnum):
    """What one try came to."""

    SENT = "sent"
    REFUSED = "refused"
    UNADDRESSED = "unaddressed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One try: its ending, a short code of what went wrong, and how long the other side asked to be left.

    `status` is the code it answered with, None without an answer; `works` tells that it is there and does its
    work, whatever it said of this message.
    """

    ending: Ending
    trouble: str | None = None
    retry_after: timedelta = timedelta(0)
    status: int | None = None
    works: bool = False
    elapsed: timedelta = timedelta(0)


def health_after(health: Health, result: Result, now: int, rng: random.Random) -> Health:
    """How a channel fares after a try that ended at `now` (microseconds).

    What never came to the other side, such as a message to nobody, shows nothing: a probe is made again.
    """
    if result.works or result.ending is Ending.SENT:
        return after_success(health, now, widest=1)
    if result.ending is Ending.FAILED:
        return after_failure(health, Outcome(Verdict.FAILED, result.retry_after), now, rng, widest=1)
    return replace(health, breaker="open") if health.breaker == "half_open" else health


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message as a channel sends it.

    `recipient` is a BIN or IIN, or no number where the IIN is not known here (any more).

    `put_at` is when it was put into the account; `due_on` the last day of the term it speaks of (ISO date).
    """

    message_id: str
    recipient: str = field(repr=False)
    email: str | None = field(repr=False)
    language: Language
    texts: Mapping[Language, Text] = field(repr=False)
    template: str
    template_version: int
    event_type: str | None
    due_on: str | None
    put_at: datetime


class Channel(Protocol):
    """An adapter that sends parcels. A try ends at its deadline, whatever the other side does."""

    name: ChannelName

    def send(self, parcel: Parcel) -> Result:
        """Send it once; the same message may come again after a crash, under the same id. Raises nothing."""
