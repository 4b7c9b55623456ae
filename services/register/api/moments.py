"""Time travel in query parameters: `valid_at` and `known_at`, separately or together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import BeforeValidator

from services.kernel.errors import Invalid
from services.kernel.journal.events import microseconds
from services.register.api.desk import Desk, desk_of
from services.register.projections.moments import Moment

_INSTANT: Final = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_OF_A_PAGE: Final = frozenset({"cursor", "limit", "min_position"})
_POSITION: Final = re.compile(r"[0-9]{1,15}")


def _instant(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise ValueError("an instant is written as in RFC 3339, for example 2026-03-02T07:00:00Z")
    return datetime.fromisoformat(value)


def _known(value: object) -> datetime | int | None:
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _POSITION.fullmatch(value):
        return int(value)
    return _instant(value)


ValidAt = Annotated[
    datetime | None,
    BeforeValidator(_instant),
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
