"""`/v1/producers/...`: what the state registration reports (law 86-VII art. 51-6)."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from services.kernel.http.forms import Bin
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.kernel.http.responses import read
from services.register.api import presenting
from services.register.api.desk import desk_of
from services.register.api.forms import LiquidationForm, ReorganisationForm
from services.register.api.representations import ProducerStateShown
from services.register.domain.producer import Producer
from services.register.usecases.end_producer import EndProducer, end_producer
from services.register.usecases.transform_producer import TransformProducer, transform_producer

commands: Final = APIRouter(tags=["producers"])
reads: Final = APIRouter(tags=["producers"])
LOCATION: Final = "/v1/producers/{id}"
REPORTING: Final = Commanding("industry_officer", "service")
Number = Annotated[Bin, Path(description="BIN of the legal entity, present or former.")]


@reads.get(
    "/v1/producers/{producer_id}",
    operation_id="read_producer",
    summary="Read a producer by its opaque id",
    responses={200: {"model": ProducerStateShown}},
)
def read_producer(
    request: Request,
    producer_id: UUID,
    _caller: Annotated[Caller, Depends(Reading("industry_officer", "auditor"))],
) -> Response:
    """The `ETag` is the version that an erasure must name; nothing personal is shown."""
    found = desk_of(request).journal.load(Producer, producer_id)
    return read(request, presenting.producer(found), version=found.version)


@commands.post(
    "/v1/producers/{bin}/liquidation",
    operation_id="report_liquidation",
    summary="A legal entity was liquidated",
    status_code=201,
    responses={201: {"model": ProducerStateShown, "description": "Recorded; its entries are excluded."}},
)
def liquidate(
    request: Request,
    bin: Number,  # noqa: A002  # the API's own name
    body: LiquidationForm,
    command: Annotated[CommandRequest, Depends(REPORTING)],
) -> Response:
    """All entries leave the register automatically; a repeated report changes nothing.

    Under a former BIN it is refused, naming the present one: a transformed producer is not ended by it.
    """
    desk = desk_of(request)
    reported = EndProducer(bin=bin, on=body.on, reference=body.reference)
    outcome = end_producer(desk.journal, reported, command.act, command.answer)
    return desk.answered(outcome, Producer, command, presenting.producer, _entries_of(bin))


@commands.post(
    "/v1/producers/{bin}/reorganisation",
    operation_id="report_reorganisation",
    summary="A legal entity was reorganised",
    status_code=201,
    responses={201: {"model": ProducerStateShown, "description": "Recorded."}},
)
def reorganise(
    request: Request,
    bin: Number,  # noqa: A002  # the API's own name
    body: ReorganisationForm,
    command: Annotated[CommandRequest, Depends(REPORTING)],
) -> Response:
    """All entries leave the register, except on a transformation, which changes name or BIN only."""
    desk = desk_of(request)
    if body.form == "transformation":
        transformed = TransformProducer(
            bin=bin,
            on=body.on,
            reference=body.reference,
            new_bin=body.new_bin,
            new_name=body.new_name.text() if body.new_name else None,
        )
        outcome = transform_producer(desk.journal, transformed, command.act, command.answer)
    else:
        ended = EndProducer(bin=bin, on=body.on, reference=body.reference, form=body.form)
        outcome = end_producer(desk.journal, ended, command.act, command.answer)
    return desk.answered(outcome, Producer, command, presenting.producer, _entries_of(bin))


def _entries_of(number: str) -> str:
    return f"/v1/entries?bin={number}"
