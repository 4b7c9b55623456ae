"""Tell the authorities what waits for them, and what keeps facts from coming in: once a day each."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, Literal

import sqlalchemy as sa

from services.kernel.calendar import is_working_day, legal_date, start_of
from services.kernel.database import Database
from services.kernel.journal.events import microseconds
from services.notifications.domain.messages import ParameterValue
from services.notifications.projections.channels import given_up_over
from services.notifications.projections.matters import AUTHORITIES, Authority, waiting_for
from services.notifications.projections.messages import holds
from services.notifications.schema import MESSAGES
from services.notifications.usecases.put_message import Occasion, compose, put_messages

Service = Literal["register", "verification", "notifications"]

CONCERNED: Final[dict[Service, tuple[Authority, ...]]] = {
    "register": ("industry_authority",),
    "verification": ("informatization_authority",),
    "notifications": AUTHORITIES,
}
"""Whose work waits when a service does not get its facts."""
_GIVEN_UP: Final = "given-up:"


def tell_of_waiting_work(database: Database, *, ending_within: int, now: datetime) -> int:
    """On a working day, tell each authority what has waited since a day before; returns how many were told.

    `ending_within` says how many days ahead a term is about to end. What begins and ends on one day, as
    automatic steps do, is never told.
    """
    today, told = legal_date(now), 0
    if not is_working_day(today):
        return 0
    for authority in AUTHORITIES:
        with database.write() as connection:
            waiting = waiting_for(connection, authority, today, ending_within=ending_within)
            if not waiting.total:
                continue
            params: dict[str, ParameterValue] = {
                "waiting": waiting.total,
                "ending": waiting.ending,
                "overdue": waiting.overdue,
            }
            occasion = Occasion(key=f"work:{today}", day=today, due_on=waiting.next_due)
            told += _put_once(connection, authority, "work_waiting", params, occasion, now)
    return told


def tell_of_given_up_messages(database: Database, *, now: datetime) -> int:
    """On a working day, tell both authorities what channels gave up since they were told; returns how many.

    Counted are whole legal days, from the day on which it was last told (the last working day, if never) up
    to yesterday, so that each is told once, also after days on which nothing watched. An address that nobody
    has is no failure of a channel.
    """
    today = legal_date(now)
    if not is_working_day(today):
        return 0
    occasion = Occasion(key=f"{_GIVEN_UP}{today}", day=today)
    with database.write() as connection:
        since = _last_told(connection, occasion.key) or _last_working_day(today)
        span = {"since": microseconds(start_of(since)), "before": microseconds(start_of(today))}
        email = given_up_over(connection, "email", **span)
        portal = given_up_over(connection, "portal", **span)
        params: dict[str, ParameterValue] = {"since": since, "email": email, "portal": portal}
        if not email + portal:
            return 0
        return sum(
            _put_once(connection, authority, "messages_given_up", params, occasion, now)
            for authority in AUTHORITIES
        )


def _last_told(connection: sa.Connection, before: str) -> date | None:
    """The day of the newest message of what was given up, before an occasion."""
    occasion = MESSAGES.c.occasion
    told = sa.select(sa.func.max(occasion)).where(
        MESSAGES.c.recipient.in_(AUTHORITIES), occasion.startswith(_GIVEN_UP), occasion != before
    )
    found = connection.scalar(told)
    return date.fromisoformat(found.removeprefix(_GIVEN_UP)) if found is not None else None


def _last_working_day(before: date) -> date:
    day = before - timedelta(days=1)
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day


def tell_of_stuck_facts(
    database: Database, service: Service, trouble: str, *, minutes: int, now: datetime
) -> int:
    """Tell the authorities concerned that a service has not got its facts for `minutes`; returns how many.

    `trouble` is one line without secrets.
    """
    today = legal_date(now)
    params: dict[str, ParameterValue] = {"service": service, "trouble": trouble, "minutes": minutes}
    occasion = Occasion(key=f"stuck:{service}:{today}", day=today)
    with database.write() as connection:
        return sum(
            _put_once(connection, authority, "followers_stuck", params, occasion, now)
            for authority in CONCERNED[service]
        )


def _put_once(
    connection: sa.Connection,
    authority: str,
    template: str,
    params: dict[str, ParameterValue],
    occasion: Occasion,
    now: datetime,
) -> bool:
    if holds(connection, authority, occasion.key):
        return False
    put_messages(connection, [compose(authority, template, params, occasion, put_at=now)])
    return True
