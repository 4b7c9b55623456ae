"""Standard Webhooks 1.0.0, "Deliverability and reliability"; RFC 9110 section 10.2.3."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.retry import (
    DELAYS,
    MAX_RETRY_AFTER,
    TRIES,
    Disabled,
    Exhausted,
    Outcome,
    Verdict,
    classify,
    next_attempt,
)

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FAILED: Final = Outcome(Verdict.FAILED)
OVERLOADED: Final = Outcome(Verdict.OVERLOADED)
DAY: Final = timedelta(hours=24)

rngs = st.integers().map(random.Random)
retries = st.sampled_from([Verdict.FAILED, Verdict.OVERLOADED])


def wait(attempt_no: int, outcome: Outcome, rng: random.Random) -> timedelta:
    following = next_attempt(attempt_no, outcome, NOW, rng)
    assert isinstance(following, datetime)
    return following - NOW


def test_there_are_ten_tries_over_about_75_hours() -> None:
    assert TRIES == 10
    assert sum(DELAYS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@given(attempt_no=st.integers(1, 9), rng=rngs)
def test_a_failed_try_is_repeated_within_a_fifth_of_its_scheduled_wait(
    attempt_no: int, rng: random.Random
) -> None:
    scheduled = DELAYS[attempt_no - 1]
    assert 0.8 * scheduled <= wait(attempt_no, FAILED, rng) <= 1.2 * scheduled


def test_waits_spread_over_at_least_a_fifth_of_the_schedule_so_that_retries_do_not_come_together() -> None:
    rng = random.Random(1)
    waits = [wait(9, FAILED, rng) for _ in range(1_000)]
    assert max(waits) - min(waits) > 0.35 * DAY
    assert len(set(waits)) > 990


@given(attempt_no=st.integers(1, 9), seed=st.integers())
def test_an_overloaded_endpoint_is_tried_no_sooner_than_a_failing_one(attempt_no: int, seed: int) -> None:
    slower = wait(attempt_no, OVERLOADED, random.Random(seed))
    assert slower >= wait(attempt_no, FAILED, random.Random(seed))
    assert attempt_no == 9 or slower >= 0.8 * DELAYS[attempt_no]


@given(attempt_no=st.integers(1, 9), verdict=retries, seconds=st.integers(0, 10**7), rng=rngs)
def test_retry_after_is_never_undercut_up_to_24_hours(
    attempt_no: int, verdict: Verdict, seconds: int, rng: random.Random
) -> None:
    asked = timedelta(seconds=seconds)
    waited = wait(attempt_no, Outcome(verdict, asked), rng)
    assert min(asked, MAX_RETRY_AFTER) <= waited <= 1.2 * DAY


@given(attempt_no=st.integers(10, 10**6), verdict=retries, rng=rngs)
def test_the_tenth_failure_exhausts_the_delivery(
    attempt_no: int, verdict: Verdict, rng: random.Random
) -> None:
    assert next_attempt(attempt_no, Outcome(verdict), NOW, rng) == Exhausted()


@given(attempt_no=st.integers(1, 100), rng=rngs)
def test_410_disables_at_once_whichever_try_it_is(attempt_no: int, rng: random.Random) -> None:
    assert next_attempt(attempt_no, classify(410, "60", NOW), NOW, rng) == Disabled()


@given(attempt_no=st.integers(1, 9), verdict=retries, seed=st.integers())
def test_the_same_randomness_gives_the_same_time(attempt_no: int, verdict: Verdict, seed: int) -> None:
    first, second = (next_attempt(attempt_no, Outcome(verdict), NOW, random.Random(seed)) for _ in range(2))
    assert first == second


def test_all_waits_at_their_longest_stay_within_the_five_days_after_which_an_endpoint_is_disabled() -> None:
    class Latest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    for outcome in (FAILED, OVERLOADED):
        assert sum((wait(n, outcome, Latest()) for n in range(1, 10)), timedelta()) < timedelta(days=5)


def test_what_was_delivered_is_not_tried_again() -> None:
    with pytest.raises(ValueError, match="delivered"):
        next_attempt(1, Outcome(Verdict.DELIVERED), NOW, random.Random(1))


def test_tries_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        next_attempt(0, FAILED, NOW, random.Random(1))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_delivers(status: int) -> None:
    assert classify(status, "60", NOW) == Outcome(Verdict.DELIVERED)


@pytest.mark.parametrize("status", [429, 502, 504])
def test_429_502_and_504_mean_overload(status: int) -> None:
    assert classify(status, None, NOW) == OVERLOADED


@pytest.mark.parametrize(
    "status", [None, 100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 411, 500, 501, 503, 599]
)
def test_anything_else_failed_and_redirects_too(status: int | None) -> None:
    assert classify(status, None, NOW) == FAILED


@given(status=st.integers(100, 599), header=st.none() | st.text(max_size=80))
def test_no_header_makes_classification_fail_or_wait_longer_than_a_day(
    status: int, header: str | None
) -> None:
    assert timedelta(0) <= classify(status, header, NOW).retry_after <= DAY


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("86401", 86_400),
        ("9" * 64, 86_400),
        ("9" * 65, 0),
        ("Mon, 02 Mar 2026 09:10:00 GMT", 600),
        ("Monday, 02-Mar-26 09:10:00 GMT", 600),
        ("Mon Mar  2 09:10:00 2026", 600),
        ("Mon, 02 Mar 2026 14:10:00 +0500", 600),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("-5", 0),
        ("1.5", 0),
        ("١٢٠", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str, seconds: int) -> None:
    assert classify(503, header, NOW).retry_after == timedelta(seconds=seconds)


@given(seconds=st.integers(1, 10**6))
def test_a_date_and_a_number_of_seconds_ask_for_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert classify(429, date, NOW) == classify(429, str(seconds), NOW)
