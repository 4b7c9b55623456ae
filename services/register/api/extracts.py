"""`/v1/extracts`: the confirmation that products are in the register (law 86-VII art. 51-1(8))."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.negotiation import preferred_type
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.kernel.http.responses import JSON, read
from services.kernel.journal.events import from_microseconds
from services.kernel.journal.sealing.published import PublishedLog
from services.register.adapters.extract_sheet import SheetLanguage
from services.register.adapters.seals import Seal
from services.register.adapters.typesetting import Typesetter
from services.register.api.desk import Desk, desk_of
from services.register.api.extract_representations import ExtractForm, ExtractShown
from services.register.api.moments import requested_moment
from services.register.domain.extract import Extract, ExtractFile
from services.register.projections.extracts import content_of
from services.register.projections.producers import acting_producer
from services.register.usecases.issue_extract import IssueExtract, issue_extract

commands: Final = APIRouter(tags=["extracts"])
reads: Final = APIRouter(tags=["extracts"])
PATH: Final = "/v1/extracts"
PDF: Final = "application/pdf"
VERIFICATION: Final = PATH + "/verification"
OFFICERS: Final = ("industry_officer", "informatization_officer")
VERIFIED_AT_ONCE: Final = 2
_KINDS: Final[dict[str, str]] = {"json": JSON, "pdf": PDF}
_PDF_CONTENT: Final[dict[str, Any]] = {PDF: {"schema": {"type": "string", "contentMediaType": PDF}}}


@dataclass(frozen=True, slots=True)
class ExtractOffice:
    """Typesets and seals, and knows where the register is reached; stands in `app.state.extracts`."""

    public_address: str
    typesetter: Typesetter
    seal: Seal
    log: PublishedLog
    verifying: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(VERIFIED_AT_ONCE))
    """How many given files are judged at once: anybody may send them, and they cost more than a read."""


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
    summary="Read an extract, as JSON or as a sealed PDF",
    responses={200: {"model": ExtractShown, "content": _PDF_CONTENT}},
)
def read_extract(
    request: Request,
    extract_id: UUID,
    caller: Annotated[Caller, Depends(Reading("producer", *OFFICERS, "auditor"))],
    format: Annotated[  # noqa: A002  # the API's own name
        Literal["json", "pdf"] | None, Query(description="By `Accept` when absent.")
    ] = None,
    language: Annotated[
        SheetLanguage | None, Query(description="Of the PDF; by `Accept-Language` when absent.")
    ] = None,
) -> Response:
    """As it was issued. A producer reads its own; anybody can verify one who holds it."""
    desk = desk_of(request)
    found = desk.journal.load(Extract, extract_id)
    if not (caller.is_any(*OFFICERS, "auditor") or _is_own(desk, found, caller)):
        raise NotFound("extract_unknown", id=str(extract_id))
    file, recorded_at = _file(desk, found)
    kind = preferred_type(request.headers.get("accept"), (JSON, PDF)) if format is None else _KINDS[format]
    if kind == JSON:
        proof = office_of(request).log.proof_of(file.position)
        answer = read(request, _shown(file, proof))
    else:
        spoken: SheetLanguage = language or ("ru" if caller.language == "ru" else "kk")
        answer = _sealed(office_of(request), file, spoken, recorded_at)
    answer.headers["Vary"] = "Accept, Accept-Language"
    return answer


def _sealed(
    office: ExtractOffice, file: ExtractFile, language: SheetLanguage, recorded_at: datetime
) -> Response:
    """The PDF; every seal is made anew, so no entity tag names its bytes."""
    pdf = office.seal.sealed(office.typesetter.pdf(file, language, recorded_at))
    name = f"extract-{file.number}-{language}.pdf"
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Language": language,
    }
    return Response(pdf, 200, headers, PDF)


def _is_own(desk: Desk, found: Extract, caller: Caller) -> bool:
    number = caller.principal.producer
    if number is None:
        return False
    with desk.journal.database.read() as connection:
        owner = acting_producer(connection, number)
    return owner is not None and str(owner) == found.issued.producer.producer_id


def _presenting(desk: Desk) -> Callable[[Extract], ExtractShown]:
    """How an extract is shown; what it said and its record are read beside it."""
    return lambda found: _shown(_file(desk, found)[0])


def _file(desk: Desk, found: Extract) -> tuple[ExtractFile, datetime]:
    """The extract as a file, and when its issue was recorded. Raises `NotFound` (`extract_erased`)."""
    with desk.journal.database.read() as connection:
        content = content_of(connection, found.id)
    if content is None:
        raise NotFound("extract_erased")
    (recorded,) = desk.journal.facts_of(found.id)
    return found.file(content, recorded.position, recorded.record), from_microseconds(recorded.recorded_at)


def _shown(file: ExtractFile, proof: str | None = None) -> ExtractShown:
    return ExtractShown.model_validate({**msgspec.to_builtins(file), "proof": proof})
