"""An endpoint's health: circuit breaker, ramp of recovery, and the end of patience after five days.

Pure: each try's outcome makes the next state from the last. Instants are microseconds since 1970 (UTC).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from services.notifications.domain.retry import JITTER, Outcome, Verdict

Breaker: TypeAlias = Literal["closed", "open", "half_open"]

TRIPS_AFTER: Final = 5
"""So many failed tries without one success open the breaker."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=5)
GIVE_UP_AFTER: Final = timedelta(days=5)
WARNINGS: Final = (50, 90)
"""The owner is warned when an endpoint has failed for so many per cent of the five days."""
LAST_NOTICE: Final = GIVE_UP_AFTER * (100 - WARNINGS[-1]) / 100
"""From the last warning to the end it is at least the 12 hours that are left of the five days at 90 %."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint.

    `failures` counts failed tries since the last success, `opened` how often the breaker opened since.
    Nothing leaves before `not_before`. At most `at_once` tries are under way while the endpoint recovers,
    None sets no bound of its own. `failing_since` is the first failed try after the last success; `warned` is
    the last warning given, in per cent, and `warned_at` when.
    """

    breaker: Breaker = "closed"
    failures: int = 0
    opened: int = 0
    not_before: int = 0
    at_once: int | None = None
    failing_since: int | None = None
    warned: int = 0
    warned_at: int = 0


def after_success(health: Health, now: int, *, widest: int) -> Health:
    """A try arrived: the breaker closes, and twice as much may be under way by and by, up to `widest`."""
    if health.breaker != "closed":
        return Health(not_before=min(health.not_before, now), at_once=2 if widest > 2 else None)
    if health.at_once is None or health.at_once + 1 >= widest:
        return Health(not_before=health.not_before)
    return Health(not_before=health.not_before, at_once=health.at_once + 1)


def after_failure(health: Health, outcome: Outcome, now: int, rng: random.Random, *, widest: int) -> Health:
    """A try failed: count it, slow down for an overloaded endpoint, open the breaker when it is time to.

    A probe that failed opens it again for longer: half a minute, doubled up to five, with jitter. What an
    endpoint asks for in `Retry-After` holds everything that is for it.
    """
    failing = replace(health, failures=health.failures + 1, failing_since=health.failing_since or now)
    if outcome.verdict is Verdict.OVERLOADED:
        failing = replace(failing, at_once=max(1, (health.at_once or widest) // 2))
    if health.breaker == "half_open" or (health.breaker == "closed" and failing.failures >= TRIPS_AFTER):
        failing = replace(
            failing,
            breaker="open",
            opened=health.opened + 1,
            not_before=now + _pause(health.opened, rng),
            at_once=1,
        )
    asked = now + int(outcome.retry_after.total_seconds() * 1_000_000) if outcome.retry_after else 0
    return replace(failing, not_before=max(failing.not_before, asked))


def warning_due(health: Health, now: int) -> int | None:
    """The per cent of the five days that its owner is to be warned of now, None when of nothing new."""
    if health.failing_since is None:
        return None
    share = (now - health.failing_since) * 100 // _microseconds(GIVE_UP_AFTER)
    reached = [mark for mark in WARNINGS if mark <= share]
    return reached[-1] if reached and reached[-1] > health.warned else None


def given_up(health: Health, now: int) -> bool:
    """True when an endpoint has failed for more than five days without one success, and its owner was warned.

    Endpoints that seldom get anything may fail for the second time when the five days are over, and with many
    tries at once: from the warning on the owner has the last notice's time in any case.
    """
    if health.failing_since is None or health.warned < WARNINGS[-1]:
        return False
    notice = now - health.warned_at >= _microseconds(LAST_NOTICE)
    return notice and now - health.failing_since > _microseconds(GIVE_UP_AFTER)


def _pause(opened: int, rng: random.Random) -> int:
    pause = min(FIRST_PAUSE * 2 ** min(opened, 10), LONGEST_PAUSE)
    return int(_microseconds(pause) * rng.uniform(1 - JITTER, 1 + JITTER))


def _microseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1_000_000)
