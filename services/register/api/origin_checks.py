"""`/v1/origin-checks`: is a product equated to goods of Kazakhstani origin on a day (art. 51-2(1))?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.calendar import legal_date
from services.kernel.errors import Invalid
from services.kernel.http.forms import BinOrIin, LegalDay, LineText
from services.kernel.http.problems import Problem
from services.kernel.http.requests import Reading
from services.kernel.http.responses import JSON, read, rendered
from services.kernel.journal.events import instant_text, microseconds
from services.register.api import presenting
from services.register.api.desk import Desk, desk_of
from services.register.api.forms import OriginBatchForm
from services.register.api.moments import KNOWN_AT, MOMENT_HEADERS, VALID_AT, ValidAt, requested_knowledge
from services.register.api.representations import KnownAt, OriginBatchShown, OriginCheckShown, OriginShown
from services.register.domain.origin import Question
from services.register.projections.origin_checks import Knowledge, answers
from services.register.projections.trusted_listings import position_known_at, upstream_position
from services.register.schema import JOURNAL

BATCH_PATH: Final = "/v1/origin-checks"
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
BATCH_ROLES: Final = (
    "integrator",
    "producer",
    "industry_officer",
    "informatization_officer",
    "service",
    "auditor",
)

_EVENTS: Final = JOURNAL.events.c
_HEAD: Final = sa.select(_EVENTS.position).order_by(_EVENTS.position.desc()).limit(1)
Known = Annotated[Knowledge | None, Depends(requested_knowledge)]
reads: Final = APIRouter(tags=["origin checks"])


@reads.get(
    BATCH_PATH,
    operation_id="check_origin",
    summary="Is one product of Kazakhstani origin on a day?",
    dependencies=[Depends(Reading("public"))],
    responses={200: {"model": OriginCheckShown, "headers": MOMENT_HEADERS}},
)
def check_one(
    request: Request,
    bin: Annotated[BinOrIin, Query()],  # noqa: A002  # the API's own name
    product: Annotated[LineText, Query(description="The product's id, or its name in Kazakh or Russian.")],
    known: Known,
    on: Annotated[LegalDay | None, Query(description="Today in Almaty when absent.")] = None,
    valid_at: ValidAt = None,
) -> Response:
    """In force in this register, and listed as trusted software: each condition with its reason.

    On a legal day, or at an instant; with `known_at` the answer that was given then.
    """
    desk = desk_of(request)
    question = _question(bin, product, on, valid_at, desk.clock.now())
    (item,), known_at = _answered(desk, [question], known)
    answer = read(request, OriginCheckShown(**dict(item), known_at=known_at), public=True)
    if question.at is not None:
        answer.headers[VALID_AT] = instant_text(question.at)
    answer.headers[KNOWN_AT] = str(known_at.register_position)
    return answer


async def _json_only(request: Request) -> None:
    """The larger bodies of this path check their own media type. Raises 415."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise Problem("media_type_unsupported")


@reads.post(
    BATCH_PATH,
    operation_id="check_origins",
    summary="Are up to 10,000 products of Kazakhstani origin?",
    dependencies=[Depends(Reading(*BATCH_ROLES)), Depends(_json_only)],
    responses={200: {"model": OriginBatchShown, "headers": {KNOWN_AT: MOMENT_HEADERS[KNOWN_AT]}}},
)
def check_batch(request: Request, body: OriginBatchForm, known: Known) -> Response:
    """The answers in the order of the questions, all from one moment. A read: no idempotency key."""
    desk = desk_of(request)
    now = desk.clock.now()
    questions = [
        _question(item.bin, item.product, item.on, item.valid_at, now, f"/items/{index}")
        for index, item in enumerate(body.items)
    ]
    items, known_at = _answered(desk, questions, known)
    answer = OriginBatchShown(items=items, known_at=known_at)
    headers = {"Cache-Control": "no-store", KNOWN_AT: str(known_at.register_position)}
    return Response(rendered(answer), headers=headers, media_type=JSON)


def _question(
    number: str,
    product: str,
    on: date | None,
    valid_at: datetime | None,
    now: datetime,
    place: str | None = None,
) -> Question:
    """One question; `place` is its JSON Pointer. Raises `Invalid` for the future, or a day and an instant."""
    today = legal_date(now)
    if on is not None and valid_at is not None:
        raise Invalid("day_and_instant", pointer=place and f"{place}/valid_at")
    if on is not None and on > today:
        raise Invalid("day_in_future", pointer=place and f"{place}/on", day=on.isoformat())
    if valid_at is None:
        return Question(number, product, on or today)
    if valid_at > now:
        raise Invalid(
            "instant_in_future", pointer=place and f"{place}/valid_at", instant=valid_at.isoformat()
        )
    return Question(number, product, legal_date(valid_at), microseconds(valid_at))


def _answered(
    desk: Desk, questions: Sequence[Question], known: Knowledge | None
) -> tuple[list[OriginShown], KnownAt]:
    with desk.journal.database.snapshot() as connection:
        found = answers(connection, questions, known)
        known_at = _known_at(connection, known)
    return [presenting.origin(answer) for answer in found], known_at


def _known_at(connection: sa.Connection, known: Knowledge | None) -> KnownAt:
    if known is None:
        return KnownAt(
            register_position=connection.execute(_HEAD).scalar_one_or_none() or 0,
            trusted_register_position=upstream_position(connection, "verification"),
        )
    return KnownAt(
        register_position=known.position,
        trusted_register_position=position_known_at(connection, known.instant),
    )
