"""Channels besides the account: what is sent over one, and what a try can come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from services.kernel.contract import Language
from services.notifications.domain.messages import Text

ChannelName = Literal["email", "portal"]


class Ending(StrEnum):
    """What one try came to."""

    SENT = "sent"
    REFUSED = "refused"
    UNADDRESSED = "unaddressed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One try: its ending, a short code of what went wrong, and how long the other side asked to be left."""

    ending: Ending
    trouble: str | None = None
    retry_after: timedelta = timedelta(0)


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
