"""`/v1/origin-checks`: is a product equated to goods of Kazakhstani origin on a day (art. 51-2(1))?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
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
from services.register.api import presenting
from services.register.api.desk import Desk, desk_of
from services.register.api.forms import OriginBatchForm
from services.register.api.representations import KnownAt, OriginBatchShown, OriginCheckShown, OriginShown
from services.register.domain.origin import Question
from services.register.projections.origin_checks import answers
from services.register.projections.trusted_listings import upstream_position
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
reads: Final = APIRouter(tags=["origin checks"])


@reads.get(
    BATCH_PATH,
    operation_id="check_origin",
    summary="Is one product of Kazakhstani origin on a day?",
    dependencies=[Depends(Reading("public"))],
    responses={200: {"model": OriginCheckShown}},
)
def check_one(
    request: Request,
    bin: Annotated[BinOrIin, Query()],  # noqa: A002  # the API's own name
    product: Annotated[LineText, Query(description="The product's id, or its name in Kazakh or Russian.")],
    on: Annotated[LegalDay | None, Query(description="Today in Almaty when absent.")] = None,
) -> Response:
    """In force in this register, and listed as trusted software: each condition with its reason."""
    desk = desk_of(request)
    today = legal_date(desk.clock.now())
    (item,), known_at = _answered(desk, [Question(bin, product, _day(on, today))])
    return read(request, OriginCheckShown(**dict(item), known_at=known_at), public=True)


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
    responses={200: {"model": OriginBatchShown}},
)
def check_batch(request: Request, body: OriginBatchForm) -> Response:
    """The answers in the order of the questions, all from one moment. A read: no idempotency key."""
    desk = desk_of(request)
    today = legal_date(desk.clock.now())
    questions = [
        Question(item.bin, item.product, _day(item.on, today, f"/items/{index}/on"))
        for index, item in enumerate(body.items)
    ]
    items, known_at = _answered(desk, questions)
    answer = OriginBatchShown(items=items, known_at=known_at)
    return Response(rendered(answer), headers={"Cache-Control": "no-store"}, media_type=JSON)


def _day(on: date | None, today: date, place: str | None = None) -> date:
    if on is not None and on > today:
        raise Invalid("day_in_future", pointer=place, day=on.isoformat())
    return on or today


def _answered(desk: Desk, questions: Sequence[Question]) -> tuple[list[OriginShown], KnownAt]:
    with desk.journal.database.snapshot() as connection:
        found = answers(connection, questions)
        known_at = KnownAt(
            register_position=connection.execute(_HEAD).scalar_one_or_none() or 0,
            trusted_register_position=upstream_position(connection, "verification"),
        )
    return [presenting.origin(answer) for answer in found], known_at
