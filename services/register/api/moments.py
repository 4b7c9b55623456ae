"""Time travel in query parameters: `valid_at` and `known_at`, separately or together.

What a read was pinned to is told in one manner on every read: the headers `Valid-At` (an instant) and
`Known-At` (a journal position), both again part of its `ETag`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator

from services.kernel.errors import Invalid, NotFound
from services.kernel.http.forms import parse_instant
from services.kernel.http.responses import ItemT, Page, page, read
from services.kernel.journal.events import instant_text, microseconds
from services.register.api.desk import Desk, desk_of
from services.register.projections.facts import facts_until
from services.register.projections.moments import Moment, recorded_at
from services.register.projections.origin_checks import Knowledge

_OF_A_PAGE: Final = frozenset({"cursor", "limit", "min_position"})
_POSITION: Final = re.compile(r"[0-9]{1,15}")
VALID_AT: Final = "Valid-At"
KNOWN_AT: Final = "Known-At"
MOMENT_HEADERS: Final[dict[str, Any]] = {
    VALID_AT: {
        "description": "The legal instant the answer is for, where a past was asked for.",
        "schema": {"type": "string", "format": "date-time"},
    },
    KNOWN_AT: {
        "description": "The journal position up to which the answer knows, where a past was asked for.",
        "schema": {"type": "integer"},
    },
}
"""For the OpenAPI of reads."""


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
    return Moment(microseconds(valid_at or now), position_of(desk, known_at, now))


AtMoment = Annotated[Moment | None, Depends(requested_moment)]


def read_at(
    request: Request,
    model: BaseModel,
    moment: Moment | None,
    *,
    version: int | None = None,
    public: bool = False,
) -> Response:
    """The answer to a read of the present under its `version`, or of a moment that it then tells.

    The present shows the producer's name and what the vault holds too, which the version knows nothing of.
    """
    if moment is None:
        return read(request, model, version=version, shows_more=True, public=public)
    return dated(read(request, model, pinned=_tag(moment), public=public), moment)


def page_at(
    request: Request,
    items: Sequence[ItemT],
    kind: type[Page[ItemT]],
    moment: Moment | None,
    *,
    next_cursor: str | None,
    public: bool = False,
) -> Response:
    """The answer to a list of the present, or of a moment that it then tells."""
    tag = None if moment is None else _tag(moment)
    answer = page(request, items, kind, next_cursor=next_cursor, pinned=tag, public=public)
    return answer if moment is None else dated(answer, moment)


def _tag(moment: Moment) -> str:
    return f"{moment.valid_at}.{moment.known_at}"


def dated(answer: Response, moment: Moment) -> Response:
    """The answer with the moment it is for."""
    answer.headers[VALID_AT] = instant_text(moment.valid_at)
    answer.headers[KNOWN_AT] = str(moment.known_at)
    return answer


def not_then(connection: sa.Connection, stream_id: UUID, moment: Moment) -> NotFound:
    """Why something that exists now did not at a moment: not known yet, or not begun in law."""
    if not facts_until(connection, [stream_id], moment.known_at):
        return NotFound("not_known_then", id=str(stream_id), known_at=str(moment.known_at))
    return NotFound("not_begun_then", id=str(stream_id), valid_at=instant_text(moment.valid_at))


def requested_knowledge(request: Request, known_at: KnownAt = None) -> Knowledge | None:
    """What the register knew at the instant or position asked for; None for now.

    A position stands for the instant at which it was recorded. Raises `Invalid` (`instant_in_future`).
    """
    if known_at is None:
        return None
    desk = desk_of(request)
    position = position_of(desk, known_at, desk.clock.now())
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


def position_of(desk: Desk, known_at: datetime | int | None, now: datetime) -> int:
    """The journal position that an instant or position names; the head for None. Raises `Invalid`."""
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
