"""`/v1/extracts`: the confirmation that products are in the register (law 86-VII art. 51-1(8))."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.kernel.http.responses import read
from services.register.api.desk import Desk, desk_of
from services.register.api.extract_representations import ExtractContentShown, ExtractForm, ExtractShown
from services.register.api.moments import requested_moment
from services.register.domain.extract import Extract, ExtractContent
from services.register.projections.extracts import content_of
from services.register.projections.producers import acting_producer
from services.register.usecases.issue_extract import IssueExtract, issue_extract

commands: Final = APIRouter(tags=["extracts"])
reads: Final = APIRouter(tags=["extracts"])
PATH: Final = "/v1/extracts"
VERIFICATION: Final = PATH + "/verification"
OFFICERS: Final = ("industry_officer", "informatization_officer")


@dataclass(frozen=True, slots=True)
class ExtractOffice:
    """Where this register is reached from outside; stands in `app.state.extracts`."""

    public_address: str


def office_of(request: Request) -> ExtractOffice:
    """The office of the application that serves a request."""
    office: ExtractOffice = request.app.state.extracts
    return office


@commands.post(
    PATH,
    operation_id="issue_extract",
    summary="Issue an extract: a producer with all its products in force, as of any two times",
    status_code=201,
    responses={201: {"model": ExtractShown, "description": "Issued."}},
)
def issue(
    request: Request,
    body: ExtractForm,
    command: Annotated[CommandRequest, Depends(Commanding("producer", *OFFICERS))],
) -> Response:
    """Law 86-VII art. 51-1(8), order 327 para. 6: for the producer itself, or for an officer about any."""
    desk = desk_of(request)
    by_officer = command.caller.is_any(*OFFICERS)
    wanted = IssueExtract(
        number=body.producer,
        by=None if by_officer else command.caller.principal.producer or "",
        moment=requested_moment(request, body.valid_at, body.known_at),
        verification_at=f"{office_of(request).public_address}{VERIFICATION}/",
    )
    outcome = issue_extract(desk.journal, wanted, command.act, command.answer)
    return desk.answered(outcome, Extract, command, _presenting(desk), PATH + "/{id}")


@reads.get(
    PATH + "/{extract_id}",
    operation_id="read_extract",
    summary="Read an extract",
    responses={200: {"model": ExtractShown}},
)
def read_extract(
    request: Request,
    extract_id: UUID,
    caller: Annotated[Caller, Depends(Reading("producer", *OFFICERS, "auditor"))],
) -> Response:
    """As it was issued. A producer reads its own; anybody can verify one who holds it."""
    desk = desk_of(request)
    found = desk.journal.load(Extract, extract_id)
    if not (caller.is_any(*OFFICERS, "auditor") or _is_own(desk, found, caller)):
        raise NotFound("extract_unknown", id=str(extract_id))
    return read(request, _presenting(desk)(found))


def _is_own(desk: Desk, found: Extract, caller: Caller) -> bool:
    number = caller.principal.producer
    if number is None:
        return False
    with desk.journal.database.read() as connection:
        owner = acting_producer(connection, number)
    return owner is not None and str(owner) == found.issued.producer.producer_id


def _presenting(desk: Desk) -> Callable[[Extract], ExtractShown]:
    """How an extract is shown; what it said and its record are read beside it."""

    def present(found: Extract) -> ExtractShown:
        with desk.journal.database.read() as connection:
            content = content_of(connection, found.id)
        if content is None:
            raise NotFound("extract_erased")
        (recorded,) = desk.journal.facts_of(found.id)
        return ExtractShown(
            extract_id=str(found.id),
            number=found.issued.number,
            position=recorded.position,
            content=shown(content),
            digest=found.issued.content_sha256,
            record=recorded.record.decode(),
        )

    return present


def shown(content: ExtractContent) -> ExtractContentShown:
    """What an extract says, field by field the same."""
    return ExtractContentShown.model_validate(msgspec.to_builtins(content))
