"""The circuit breaker, the ramp of recovery, and the warnings before an endpoint is given up."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.health import (
    FIRST_PAUSE,
    GIVE_UP_AFTER,
    LONGEST_PAUSE,
    TRIPS_AFTER,
    WARNINGS,
    Health,
    after_failure,
    after_success,
    given_up,
    warning_due,
)
from services.notifications.domain.retry import JITTER, Outcome, Verdict

NOW = 1_770_000_000_000_000
FAILED = Outcome(Verdict.FAILED)
RNG = random.Random(7)


def failed(health: Health, outcome: Outcome = FAILED, now: int = NOW) -> Health:
    return after_failure(health, outcome, now, RNG, widest=8)


def opened() -> Health:
    health = Health()
    for _ in range(TRIPS_AFTER):
        assert health.breaker == "closed"
        health = failed(health)
    return health


def seconds(health: Health, now: int = NOW) -> float:
    return (health.not_before - now) / 1e6


def test_five_failures_in_a_row_open_the_breaker_for_half_a_minute() -> None:
    health = opened()
    assert health.breaker == "open"
    first = FIRST_PAUSE.total_seconds()
    assert first * (1 - JITTER) <= seconds(health) <= first * (1 + JITTER)
    late = failed(health)
    assert (late.not_before, late.opened) == (health.not_before, 1)


def test_one_success_starts_the_count_anew() -> None:
    health = Health()
    for _ in range(3 * TRIPS_AFTER):
        health = failed(failed(health))
        health = after_success(health, NOW, widest=8)
    assert health == Health()


def test_each_failed_probe_pauses_longer_up_to_five_minutes() -> None:
    health = opened()
    pauses = []
    for _ in range(8):
        health = failed(replace(health, breaker="half_open"))
        assert health.breaker == "open"
        pauses.append(seconds(health))
    longest = LONGEST_PAUSE.total_seconds()
    assert pauses[0] >= 2 * FIRST_PAUSE.total_seconds() * (1 - JITTER)
    assert all(pause <= longest * (1 + JITTER) for pause in pauses)
    assert pauses[-1] >= longest * (1 - JITTER)


def test_after_a_probe_that_arrived_more_and_more_may_be_under_way() -> None:
    health = replace(opened(), breaker="half_open")
    widths = []
    for _ in range(9):
        health = after_success(health, NOW, widest=8)
        widths.append(health.at_once)
    assert widths == [2, 3, 4, 5, 6, 7, None, None, None]
    assert (health.breaker, health.failing_since) == ("closed", None)


def test_an_overloaded_endpoint_gets_half_as_much_at_once_and_the_time_it_asks_for() -> None:
    hour = timedelta(hours=1)
    health = failed(Health(), Outcome(Verdict.OVERLOADED, hour))
    assert (health.at_once, seconds(health)) == (4, hour.total_seconds())
    health = after_success(health, NOW, widest=8)  # what was under way meanwhile
    assert (health.at_once, seconds(health)) == (5, hour.total_seconds())


@pytest.mark.parametrize(
    ("share", "warned", "due"),
    [(0.49, 0, None), (0.5, 0, 50), (0.6, 50, None), (0.9, 50, 90), (0.95, 0, 90), (0.99, 90, None)],
)
def test_its_owner_is_warned_once_at_half_and_at_nine_tenths_of_five_days(
    share: float, warned: int, due: int | None
) -> None:
    span = int(GIVE_UP_AFTER.total_seconds() * 1e6)
    health = Health(failing_since=NOW, warned=warned)
    assert warning_due(health, NOW + int(share * span)) == due
    assert not given_up(replace(health, warned=90), NOW + int(share * span))
    assert given_up(replace(health, warned=90), NOW + span + 1)


@pytest.mark.parametrize("warned", [0, 50])
def test_nobody_is_given_up_before_the_last_warning(warned: int) -> None:
    late = NOW + 2 * int(GIVE_UP_AFTER.total_seconds() * 1e6)
    health = Health(failing_since=NOW, warned=warned)
    assert not given_up(health, late)
    assert warning_due(health, late) == 90


@given(
    gaps=st.lists(st.sampled_from([0, 0, 1, 3_600, 11 * 3_600, 13 * 3_600, 86_400]), min_size=1, max_size=40)
)
def test_from_the_last_warning_on_an_owner_has_twelve_hours_and_a_failure_more(gaps: list[int]) -> None:
    """However failures fall, many in one batch or days apart."""
    health, now, warned_at = Health(), NOW, 0
    for place, gap in enumerate(gaps):
        now += gap * 1_000_000
        health = failed(health, now=now)
        assert health.failing_since is not None
        over = now - health.failing_since > 5 * 86_400 * 1_000_000
        if given_up(health, now):
            assert over
            assert warned_at
            assert now - warned_at >= 12 * 3_600 * 1_000_000
            return
        if (warning := warning_due(health, now)) is not None:
            health = replace(health, warned=warning, warned_at=now)
            warned_at = now if warning == WARNINGS[-1] else warned_at
        assert not over or now - warned_at < 12 * 3_600 * 1_000_000, f"not given up at {place}"


def test_who_does_not_fail_is_neither_warned_nor_given_up() -> None:
    assert warning_due(Health(), NOW) is None
    assert not given_up(Health(), NOW)
