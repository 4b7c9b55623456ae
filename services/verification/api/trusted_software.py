"""`/v1/trusted-software`: the register of trusted software (law 418-V art. 7-6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.http.answering import answered
from services.kernel.http.forms import BinOrIin, LegalDay
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, page, read
from services.kernel.journal.journal import Work
from services.verification.api import representations
from services.verification.api.desk import AtDesk
from services.verification.api.forms import DelistingForm, ListingForm
from services.verification.api.representations import ListingPage, ListingShown, TextShown
from services.verification.domain.listing import Listing
from services.verification.projections.listings import list_listings
from services.verification.usecases.delist_software import delist_software
from services.verification.usecases.list_software import list_software

commands: Final = APIRouter(tags=["trusted software"])
reads: Final = APIRouter(tags=["trusted software"])
LOCATION: Final = "/v1/trusted-software/{id}"


@commands.post(
    "/v1/trusted-software",
    operation_id="list_software",
    summary="List a product",
    status_code=201,
    responses={201: {"model": ListingShown}},
)
def enter(
    desk: AtDesk,
    body: ListingForm,
    command: Annotated[CommandRequest, Depends(Commanding("informatization_officer"))],
) -> Response:
    """From a day that is not in the future; the reference is unique while listed."""
    outcome = desk.journal.transact(
        lambda work: list_software(work, command.act, body.listing()), answer=command.answer
    )
    return answered(desk.journal, outcome, Listing, command, representations.listing, LOCATION)


@commands.post(
    "/v1/trusted-software/{listing_id}/delisting",
    operation_id="delist_software",
    summary="Delist a product",
    status_code=201,
    responses={201: {"model": ListingShown}},
)
def delist(
    desk: AtDesk,
    listing_id: UUID,
    body: DelistingForm,
    command: Annotated[CommandRequest, Depends(Deciding("informatization_officer"))],
) -> Response:
    """Opens a monitoring case for affected entries; exclusion itself needs a notification."""

    def decide(work: Work) -> Listing:
        found = work.load(Listing, listing_id)
        command.require_version(found.version)
        return delist_software(
            work,
            desk.practice,
            command.act,
            found,
            delisted_on=body.delisted_on,
            ground=body.ground.text(),
        )

    outcome = desk.journal.transact(decide, answer=command.answer)
    return answered(desk.journal, outcome, Listing, command, representations.listing, LOCATION)


@reads.get(
    "/v1/trusted-software",
    operation_id="list_listings",
    summary="Listings by holder, product and day",
    responses={200: {"model": ListingPage}},
)
def list_all(
    request: Request,
    desk: AtDesk,
    _caller: Annotated[Caller, Depends(Reading("public"))],
    holder: Annotated[BinOrIin | None, Query(alias="bin")] = None,
    product: Annotated[str | None, Query(min_length=1, max_length=300)] = None,
    on: Annotated[LegalDay | None, Query(description="Only what was listed on this day.")] = None,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """In the order of their entry."""
    filters = {"bin": holder, "product": product, "on": on}
    after = UUID(str(desk.cursors.read(request, cursor, filters)[0])) if cursor else None
    day = on.isoformat() if on else None
    with desk.journal.database.read() as connection:
        rows = list_listings(
            connection, holder_bin=holder, product=product, on=day, after=after, limit=limit + 1
        )
    following = (
        desk.cursors.write(request, [str(rows[limit - 1]["listing_id"])], filters)
        if len(rows) > limit
        else None
    )
    items = [_line(row, on) for row in rows[:limit]]
    return page(request, items, ListingPage, next_cursor=following, public=True)


@reads.get(
    "/v1/trusted-software/{listing_id}",
    operation_id="read_listing",
    summary="Read a listing",
    responses={200: {"model": ListingShown}},
)
def read_one(
    request: Request, desk: AtDesk, listing_id: UUID, _caller: Annotated[Caller, Depends(Reading("public"))]
) -> Response:
    """Its `ETag` is the version that a delisting must name."""
    found = desk.journal.load(Listing, listing_id)
    return read(request, representations.listing(found), version=found.version, public=True)


def _line(row: Mapping[str, object], on: date | None) -> ListingShown:
    shown = {field: row[field] for field in ListingShown.model_fields if field in row}
    name = TextShown(kk=str(row["name_kk"]), ru=str(row["name_ru"]))
    kept_on = on or date.fromisoformat(str(row["listed_on"]))
    added = {
        "listing_id": str(row["listing_id"]),
        "bin": row["holder_bin"],
        "product_name": name,
        "keeper": representations.keeper(kept_on),
    }
    return ListingShown.model_validate({**shown, **added})
