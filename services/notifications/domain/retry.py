"""When a webhook is tried again: the schedule of Standard Webhooks, ten tries over about 75 hours.

Pure functions: the time and the source of randomness are passed in, nothing is remembered between calls.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The wait after each failed try: nine waits between ten tries, 75 h 35 min 5 s in all."""

TRIES: Final = len(DELAYS) + 1
JITTER: Final = 0.2
"""A scheduled wait is stretched or shortened by up to this share; a requested one is only stretched."""

MAX_RETRY_AFTER: Final = timedelta(hours=24)
MAX_HEADER_LENGTH: Final = 64

_OVERLOADED: Final = frozenset({429, 502, 504})
_GONE: Final = 410


class Verdict(StrEnum):
    """What one try came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    OVERLOADED = "overloaded"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try's result. `retry_after` is how long the endpoint asked to be left alone, at most 24 hours."""

    verdict: Verdict
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The last try failed; the delivery waits for its owner to recover or replay it."""


@dataclass(frozen=True, slots=True)
class Disabled:
    """The endpoint answered 410 Gone: it is disabled at once and gets nothing more."""


def classify(status: int | None, retry_after: str | None, now: datetime) -> Outcome:
    """Judge one try by its HTTP status, or by None where no complete answer came.

    2xx delivers; 410 is gone; 429, 502 and 504 are overloaded; everything else, redirects included, failed.
    `retry_after` is the header's value if there was one; `now` (aware) turns a date in it into a wait. A
    header that is neither a number of seconds nor a date is as if absent.
    """
    if status is not None and 200 <= status <= 299:
        return Outcome(Verdict.DELIVERED)
    if status == _GONE:
        return Outcome(Verdict.GONE)
    verdict = Verdict.OVERLOADED if status in _OVERLOADED else Verdict.FAILED
    return Outcome(verdict, _asked_wait(retry_after, now))


def next_attempt(
    attempt_no: int, outcome: Outcome, now: datetime, rng: random.Random
) -> datetime | Exhausted | Disabled:
    """When to try again after try number `attempt_no` (from 1) ended at `now` (aware) with `outcome`.

    The wait is the schedule's with 20 % of jitter either way; an overloaded endpoint gets the following,
    longer wait of the schedule; `Retry-After` is never undercut, up to its 24 hours. Raises ValueError when
    there is nothing to try again: the try delivered, or its number is not positive.
    """
    if attempt_no < 1:
        raise ValueError("tries are counted from 1")
    if outcome.verdict is Verdict.DELIVERED:
        raise ValueError("what was delivered is not tried again")
    if outcome.verdict is Verdict.GONE:
        return Disabled()
    if attempt_no >= TRIES:
        return Exhausted()
    step = attempt_no if outcome.verdict is Verdict.OVERLOADED else attempt_no - 1
    scheduled = DELAYS[min(step, len(DELAYS) - 1)] * rng.uniform(1 - JITTER, 1 + JITTER)
    asked = min(outcome.retry_after, MAX_RETRY_AFTER) * rng.uniform(1, 1 + JITTER)
    return now + max(scheduled, asked)


def _asked_wait(header: str | None, now: datetime) -> timedelta:
    """RFC 9110 section 10.2.3: delay-seconds or an HTTP-date in any of its three forms."""
    text = (header or "").strip()
    if not text or len(text) > MAX_HEADER_LENGTH:
        return timedelta(0)
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), MAX_RETRY_AFTER.total_seconds()))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(aware - now, timedelta(0)), MAX_RETRY_AFTER)
