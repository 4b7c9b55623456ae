"""Time travel in query parameters: `valid_at` and `known_at`, separately or together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import BeforeValidator

from services.kernel.errors import Invalid
from services.kernel.http.forms import parse_instant
from services.kernel.journal.events import microseconds
from services.register.api.desk import Desk, desk_of
from services.register.projections.moments import Moment, recorded_at
from services.register.projections.origin_checks import Knowledge

_OF_A_PAGE: Final = frozenset({"cursor", "limit", "min_position"})
_POSITION: Final = re.compile(r"[0-9]{1,15}")


def _known(value: object) -> datetime | int | None:
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _POSITION.fullmatch(value):
        return int(value)
    return parse_instant(value)


ValidAt = Annotated[
    datetime | None,
    BeforeValidator(parse_instant),
    Query(description="What counted in law at this instant (RFC 3339).", examples=["2026-03-02T07:00:00Z"]),
]
KnownAt = Annotated[
    datetime | int | None,
    BeforeValidator(_known),
    Query(description="What the register knew at this instant (RFC 3339) or journal position."),
]


def requested_moment(request: Request, valid_at: ValidAt = None, known_at: KnownAt = None) -> Moment | None:
    """The moment a read asks for; None for now. Raises `Invalid` (`instant_in_future`)."""
    if valid_at is None and known_at is None:
        return None
    desk = desk_of(request)
    now = desk.clock.now()
    if valid_at is not None and valid_at > now:
        raise Invalid("instant_in_future", instant=valid_at.isoformat())
    return Moment(microseconds(valid_at or now), _position(desk, known_at, now))


def requested_knowledge(request: Request, known_at: KnownAt = None) -> Knowledge | None:
    """What the register knew at the instant or position asked for; None for now.

    A position stands for the instant at which it was recorded. Raises `Invalid` (`instant_in_future`).
    """
    if known_at is None:
        return None
    desk = desk_of(request)
    position = _position(desk, known_at, desk.clock.now())
    if isinstance(known_at, datetime):
        return Knowledge(position, microseconds(known_at))
    with desk.journal.database.read() as connection:
        return Knowledge(position, recorded_at(connection, position))


def filters_of(request: Request) -> dict[str, object]:
    """The parameters of a list as its caller gave them, which its cursors belong to."""
    return {name: value for name, value in request.query_params.items() if name not in _OF_A_PAGE}


def pinned(moment: Moment | None) -> list[str | int]:
    """What a cursor keeps of a moment, so that every page is read at the same one."""
    return [] if moment is None else [moment.valid_at, moment.known_at]


def unpinned(kept: Sequence[str | int], moment: Moment | None) -> Moment | None:
    """The moment of the first page, for the pages after it."""
    if moment is None or len(kept) != 2:
        return moment
    valid_at, known_at = kept
    return Moment(int(valid_at), int(known_at))


def _position(desk: Desk, known_at: datetime | int | None, now: datetime) -> int:
    head = desk.journal.head()
    if known_at is None:
        return head
    if isinstance(known_at, int):
        if known_at > head:
            raise Invalid("instant_in_future", instant=str(known_at))
        return known_at
    if known_at > now:
        raise Invalid("instant_in_future", instant=known_at.isoformat())
    return desk.journal.position_at(known_at)
