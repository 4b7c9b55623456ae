"""`/v1/entries`: the public register, now and at any two times, and the history of each entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.forms import BinOrIin, LineText
from services.kernel.http.requests import Reading
from services.kernel.http.responses import CursorParameter, Limit, Page
from services.register.api import presenting
from services.register.api.desk import desk_of
from services.register.api.moments import (
    MOMENT_HEADERS,
    AtMoment,
    filters_of,
    not_then,
    page_at,
    pinned,
    read_at,
    unpinned,
)
from services.register.api.representations import EntryShown
from services.register.domain.correcting import EntryStatus
from services.register.projections import entries, moments
from services.register.projections.entries import EntryFilter, FoundEntry
from services.register.projections.moments import Moment
from services.register.projections.personal import personal_values

reads: Final = APIRouter(tags=["entries"], dependencies=[Depends(Reading("public"))])
BinFilter = Annotated[
    BinOrIin | None, Query(description="Of the producer: BIN, present or former at the moment, or IIN.")
]


@reads.get(
    "/v1/entries",
    operation_id="list_entries",
    summary="The register: its entries by producer, product, status or words",
    responses={200: {"model": Page[EntryShown], "headers": MOMENT_HEADERS}},
)
def list_entries(
    request: Request,
    moment: AtMoment,
    bin: BinFilter = None,  # noqa: A002  # the API's own name
    product: Annotated[LineText | None, Query(description="A product's id, or its exact name.")] = None,
    status: Annotated[EntryStatus | None, Query()] = None,
    q: Annotated[
        LineText | None, Query(description="Part of a product's or producer's name or number.")
    ] = None,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Order 327 para. 5: in the order of their ids; contacts are shown while a product is included."""
    desk = desk_of(request)
    filters = filters_of(request)
    after = None
    if cursor is not None:
        last, *kept = desk.cursors.read(request, cursor, filters)
        after, moment = UUID(str(last)), unpinned(kept, moment)
    with desk.journal.database.snapshot() as connection:
        producer_id = moments.producer_at(connection, bin, moment) if bin is not None else None
        wanted = EntryFilter(producer_id=producer_id, product=product, status=status, q=q)
        found: list[FoundEntry] = []
        if bin is None or producer_id is not None:
            found = _listed(connection, wanted, moment, after, limit + 1)
        items = shown(connection, found[:limit])
    following = None
    if len(found) > limit:
        following = desk.cursors.write(request, [items[-1].entry_id, *pinned(moment)], filters)
    return page_at(request, items, Page[EntryShown], moment, next_cursor=following, public=True)


@reads.get(
    "/v1/entries/{entry_id}",
    operation_id="read_entry",
    summary="Read an entry, now or at any two times",
    responses={200: {"model": EntryShown, "headers": MOMENT_HEADERS}},
)
def read_entry(request: Request, entry_id: UUID, moment: AtMoment) -> Response:
    """The columns of order 327 Appendix 1; the `ETag` of the present is the version officers decide on."""
    desk = desk_of(request)
    with desk.journal.database.snapshot() as connection:
        found = (
            entries.find(connection, entry_id)
            if moment is None
            else moments.find_at(connection, entry_id, moment)
        )
        if found is None:
            raise absent(connection, entry_id, moment)
        (item,) = shown(connection, [found])
    return read_at(request, item, moment, version=found.version, public=True)


def absent(connection: sa.Connection, entry_id: UUID, moment: Moment | None) -> NotFound:
    """Why an entry is not shown: never known, not known then, or not begun then."""
    if moment is None or entries.find(connection, entry_id) is None:
        return NotFound("entry_unknown", id=str(entry_id))
    return not_then(connection, entry_id, moment)


def _listed(
    connection: sa.Connection, wanted: EntryFilter, moment: Moment | None, after: UUID | None, limit: int
) -> list[FoundEntry]:
    if moment is None:
        return entries.list_entries(connection, wanted, after=after, limit=limit)
    return moments.list_at(connection, wanted, moment, after=after, limit=limit)


def shown(connection: sa.Connection, found: Sequence[FoundEntry]) -> list[EntryShown]:
    """Entries with what the vault holds of those that are in the register, now and then."""
    open_ones = [one for one in found if one.is_open]
    values = personal_values(connection, [(one.state, one.filed_by) for one in open_ones])
    personal = {one.state.included.entry_id: kept for one, kept in zip(open_ones, values, strict=True)}
    return [
        presenting.entry(one.state, one.producer, personal.get(one.state.included.entry_id, {}))
        for one in found
    ]
