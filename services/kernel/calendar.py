"""Legal days and terms: Asia/Almaty dates, Kazakhstan's working days, quarters.

Days are counted from the day after the event. The working calendar is the `holidays` package's for Kazakhstan
(holidays, days off given in exchange, and the weekend days worked for them) with what
`data/working_days_kz.json` adds or overrides; its version is recorded in every event that fixes a term, so
that a term can be checked years later.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import holidays
import msgspec

from services.kernel.contract import FixedTerm


def _almaty() -> ZoneInfo:
    """The zone as the `tzdata` package has it: a system's own files may be from before March 2024."""
    with (files("tzdata") / "zoneinfo" / "Asia" / "Almaty").open("rb") as file:
        return ZoneInfo.from_file(file, key="Asia/Almaty")


ALMATY: Final = _almaty()
"""UTC+5 since 1 March 2024, UTC+6 before."""
TRANSFERS: Final = Path(__file__).with_name("data") / "working_days_kz.json"
_QUARTER: Final = re.compile(r"(20[0-9]{2})-Q([1-4])")
_DAY: Final = timedelta(days=1)


class _Transfer(msgspec.Struct, frozen=True):
    """A day that an order makes `working` or `free`."""

    day: date
    kind: Literal["working", "free"]
    order: str


class _Transfers(msgspec.Struct, frozen=True):
    note: str
    transfers: tuple[_Transfer, ...]


_HOLIDAYS_VERSION: Final = version("holidays")
_FILE: Final = TRANSFERS.read_bytes()
_MOVED: Final = {
    transfer.day: transfer.kind for transfer in msgspec.json.decode(_FILE, type=_Transfers).transfers
}
CALENDAR_VERSION: Final = (
    f"kz-holidays-{_HOLIDAYS_VERSION}+workdays+transfers-{hashlib.sha256(_FILE).hexdigest()[:8]}"
)
"""Changes whenever the library's days, the transfers or the way of counting (`workdays`) do."""


@dataclass(frozen=True, slots=True)
class _Year:
    """The days off beyond weekends, and the weekend days made working, of one year."""

    off: frozenset[date]
    working: frozenset[date]


@lru_cache(maxsize=64)
def _year(year: int) -> _Year:
    known = holidays.country_holidays("KZ", years=year)
    return _Year(frozenset(known), frozenset(known.weekend_workdays))


def legal_date(instant: datetime) -> date:
    """The day on which an aware instant counts in law: its date in Asia/Almaty (+6, from 2024-03-01 +5)."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return instant.astimezone(ALMATY).date()


def start_of(day: date) -> datetime:
    """The first instant of a legal day (UTC)."""
    return datetime.combine(day, time(), ALMATY).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The first instant after a legal day (UTC): a term that ends on the day is missed from then on."""
    return start_of(day + _DAY)


def is_working_day(day: date) -> bool:
    """Whether a day is a working day by the official calendar."""
    moved = _MOVED.get(day)
    if moved is not None:
        return moved == "working"
    year = _year(day.year)
    return day in year.working or (day.weekday() < 5 and day not in year.off)


def add_working_days(start: date, days: int) -> date:
    """The day on which a term of `days` working days after `start` ends. Raises `ValueError` for none."""
    if days < 1:
        raise ValueError("a term has at least one day")
    day = start
    while days:
        day += _DAY
        days -= is_working_day(day)
    return day


def add_calendar_days(start: date, days: int, *, to_working_day: bool = True) -> date:
    """The day on which a term of `days` calendar days after `start` ends.

    With `to_working_day` a term ending on a day off ends on the next working day: civil-law practice that the
    register's texts do not state, and so a setting.
    """
    if days < 1:
        raise ValueError("a term has at least one day")
    day = start + days * _DAY
    return on_working_day(day) if to_working_day else day


def on_working_day(day: date) -> date:
    """The day itself, or the next working day after a day off."""
    while not is_working_day(day):
        day += _DAY
    return day


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the law: its length, how its days are counted, and the paragraph it comes from."""

    name: str
    length: int
    unit: Literal["working_days", "calendar_days"]
    basis: str
    statutory: bool = True

    def fixed(self, event: datetime, *, to_working_day: bool = True) -> FixedTerm:
        """The term counted from the day after the legal day of `event`."""
        start = legal_date(event)
        if self.unit == "working_days":
            due = add_working_days(start, self.length)
        else:
            due = add_calendar_days(start, self.length, to_working_day=to_working_day)
        return FixedTerm(
            name=self.name,
            due_on=due.isoformat(),
            calendar=CALENDAR_VERSION,
            basis=self.basis,
            statutory=self.statutory,
        )


REVIEW: Final = Term("review", 10, "working_days", "order-327 para. 9")
REWORK: Final = Term("rework", 5, "working_days", "order-327 para. 9")
REPEATED_REVIEW: Final = Term("repeated_review", 5, "working_days", "order-327 para. 9")
EXCLUSION: Final = Term("exclusion", 3, "working_days", "order-327 para. 31")
APPEAL: Final = Term("appeal", 30, "calendar_days", "law-86-VII art. 51-2(5); order-327 para. 31")


def has_ended(term: FixedTerm, instant: datetime) -> bool:
    """True from the first instant after the term's last day."""
    return instant >= end_of(date.fromisoformat(term.due_on))


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter, written `2026-Q1`."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Quarter:
        """Read `2026-Q1`. Raises `ValueError` for anything else."""
        found = _QUARTER.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a quarter such as 2026-Q1")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Quarter:
        """The quarter a day lies in."""
        return cls(day.year, (day.month + 2) // 3)

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.next.first_day - _DAY

    @property
    def next(self) -> Quarter:
        """The quarter after it."""
        return Quarter(self.year + 1, 1) if self.number == 4 else Quarter(self.year, self.number + 1)

    @property
    def previous(self) -> Quarter:
        """The quarter before it."""
        return Quarter(self.year - 1, 4) if self.number == 1 else Quarter(self.year, self.number - 1)

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"


def data_update(quarter: Quarter, *, to_working_day: bool = True) -> FixedTerm:
    """The term for telling what changed in a quarter: the 5th of the month after it (order 327 para. 26)."""
    fifth = quarter.next.first_day.replace(day=5)
    return FixedTerm(
        name="data_update",
        due_on=(on_working_day(fifth) if to_working_day else fifth).isoformat(),
        calendar=CALENDAR_VERSION,
        basis="order-327 para. 26",
        statutory=True,
    )
