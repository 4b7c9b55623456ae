"""Legal days and terms: Asia/Almaty, working days from the day after the event, quarters."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.calendar import (
    ALMATY,
    APPEAL,
    EXCLUSION,
    REVIEW,
    Quarter,
    add_calendar_days,
    add_working_days,
    end_of,
    has_ended,
    is_working_day,
    legal_date,
    start_of,
)

DAYS = st.dates(date(2010, 1, 1), date(2035, 12, 31))
INSTANTS = st.datetimes(datetime(2010, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def test_an_old_zone_database_of_the_system_does_not_move_legal_days(tmp_path: Path) -> None:
    """One zone, UTC+5, since 1 March 2024; a system's files may still say +6."""
    old = tmp_path / "Asia" / "Almaty"
    old.parent.mkdir()
    old.write_bytes((files("tzdata") / "zoneinfo" / "Etc" / "GMT-6").read_bytes())
    asked = (
        "from datetime import UTC, datetime; from zoneinfo import ZoneInfo;"
        "from services.kernel.calendar import legal_date;"
        "instant = datetime(2026, 3, 2, 18, 30, tzinfo=UTC);"
        "print(instant.astimezone(ZoneInfo('Asia/Almaty')).date(), legal_date(instant))"
    )
    run = partial(subprocess.run, capture_output=True, text=True, check=True, timeout=60)
    said = run([sys.executable, "-c", asked], env={**os.environ, "PYTHONTZPATH": str(tmp_path)})
    assert said.stdout.split() == ["2026-03-03", "2026-03-02"]


def test_almaty_moved_to_utc_plus_5_on_1_march_2024() -> None:
    before, after = datetime(2024, 2, 29, 17, 59, tzinfo=UTC), datetime(2024, 2, 29, 19, tzinfo=UTC)
    offsets = [instant.astimezone(ALMATY).utcoffset() for instant in (before, after)]
    assert offsets == [timedelta(hours=6), timedelta(hours=5)]


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 3, 2), 3, date(2026, 3, 5)),
        (date(2026, 3, 2), 10, date(2026, 3, 17)),  # 8 March is a Sunday, so Monday the 9th is off
        (date(2026, 3, 2), 30, date(2026, 4, 17)),  # Nauryz on 21-23 March, moved on by a weekend
        (date(2026, 12, 1), 30, date(2027, 1, 18)),  # Independence Day, New Year and Christmas
        (date(2024, 5, 3), 3, date(2024, 5, 10)),  # Saturday 4 May was worked for Wednesday the 8th
        (date(2025, 1, 3), 1, date(2025, 1, 5)),  # Sunday 5 January was worked for Friday the 3rd
    ],
)
def test_a_term_in_working_days_ends_as_the_official_calendar_says(start: date, days: int, end: date) -> None:
    assert add_working_days(start, days) == end


def test_a_weekend_day_worked_in_exchange_is_a_working_day_and_the_day_off_for_it_is_none() -> None:
    assert is_working_day(date(2024, 5, 4))
    assert not is_working_day(date(2024, 5, 8))
    assert not is_working_day(date(2024, 5, 11))


def test_the_version_tells_that_such_days_are_counted() -> None:
    """Terms fixed before they were counted name another version and stay checkable."""
    assert "+workdays+" in REVIEW.fixed(datetime(2026, 3, 2, 7, 0, tzinfo=UTC)).calendar


def test_an_instant_after_seven_in_the_evening_utc_counts_on_the_next_legal_day() -> None:
    assert legal_date(datetime(2026, 3, 2, 20, 0, tzinfo=UTC)) == date(2026, 3, 3)


def test_before_march_2024_almaty_was_six_hours_ahead() -> None:
    assert legal_date(datetime(2024, 2, 28, 18, 30, tzinfo=UTC)) == date(2024, 2, 29)
    assert legal_date(datetime(2024, 3, 4, 18, 30, tzinfo=UTC)) == date(2024, 3, 4)


def test_an_instant_without_a_zone_has_no_legal_day() -> None:
    with pytest.raises(ValueError, match="zone"):
        legal_date(datetime(2026, 3, 2))  # noqa: DTZ001


@pytest.mark.parametrize("count", [add_working_days, add_calendar_days])
def test_a_term_of_no_days_is_refused(count: object) -> None:
    assert callable(count)
    with pytest.raises(ValueError, match="at least one day"):
        count(date(2026, 3, 2), 0)


def test_thirty_calendar_days_that_end_on_a_day_off_end_on_the_next_working_day() -> None:
    """Law 86-VII art. 51-2(5) counts thirty days; civil-law practice moves the end off a day of rest."""
    assert add_calendar_days(date(2026, 2, 19), 30) == date(2026, 3, 26)
    assert add_calendar_days(date(2026, 2, 19), 30, to_working_day=False) == date(2026, 3, 21)


@given(DAYS, st.integers(1, 40))
def test_a_term_in_working_days_ends_on_a_working_day_after_just_so_many(start: date, days: int) -> None:
    end = add_working_days(start, days)
    assert is_working_day(end)
    passed = [start + timedelta(n) for n in range(1, (end - start).days + 1)]
    assert sum(map(is_working_day, passed)) == days


@given(DAYS, st.integers(1, 40))
def test_a_later_start_never_ends_a_term_earlier(start: date, days: int) -> None:
    assert add_working_days(start, days) <= add_working_days(start + timedelta(1), days)


@given(INSTANTS)
def test_every_instant_lies_in_its_own_legal_day(instant: datetime) -> None:
    day = legal_date(instant)
    assert start_of(day) <= instant < end_of(day)


@pytest.mark.parametrize("term", [REVIEW, EXCLUSION, APPEAL])
@given(instant=INSTANTS)
def test_a_term_has_ended_only_after_its_last_day(term: object, instant: datetime) -> None:
    fixed = (REVIEW if term is REVIEW else EXCLUSION if term is EXCLUSION else APPEAL).fixed(instant)
    last_day = date.fromisoformat(fixed.due_on)
    assert not has_ended(fixed, end_of(last_day) - timedelta(microseconds=1))
    assert has_ended(fixed, end_of(last_day))
    assert fixed.calendar.startswith("kz-holidays-")


@given(DAYS)
def test_every_day_lies_in_one_quarter(day: date) -> None:
    quarter = Quarter.of(day)
    assert quarter.first_day <= day <= quarter.last_day
    assert quarter.next.previous == quarter
    assert quarter.last_day + timedelta(1) == quarter.next.first_day
    assert Quarter.parse(str(quarter)) == quarter


@pytest.mark.parametrize("text", ["2026-Q5", "2026Q1", "1999-Q1", "2026-Q1 ", "", "2026-q1"])
def test_what_is_no_quarter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quarter"):
        Quarter.parse(text)
