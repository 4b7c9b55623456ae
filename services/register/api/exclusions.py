"""`/v1/entries/{id}/...`: a producer's appeal and request, and the officer's answer to the request."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.http.requests import Commanding, CommandRequest, Deciding
from services.register.api import presenting
from services.register.api.desk import desk_of
from services.register.api.forms import AppealForm, ReasonForm
from services.register.api.representations import EntryShown
from services.register.domain.entry import Entry
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from services.register.usecases.grant_exclusion import GrantExclusion, grant_exclusion
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion

commands: Final = APIRouter(tags=["entries"])
LOCATION: Final = "/v1/entries/{id}"


def _shown(found: Entry) -> EntryShown:
    return presenting.entry(found.state, found.state.producer, {})


@commands.post(
    "/v1/entries/{entry_id}/appeals",
    operation_id="file_appeal",
    summary="Appeal the notification behind an exclusion",
    status_code=201,
    responses={201: {"model": EntryShown, "description": "Recorded, in time or late."}},
)
def appeal(
    request: Request,
    entry_id: UUID,
    body: AppealForm,
    command: Annotated[CommandRequest, Depends(Commanding("producer"))],
) -> Response:
    """Art. 51-2(5): within thirty calendar days; a late appeal is recorded and dismissed as late."""
    desk = desk_of(request)
    filing = FileAppeal(
        entry_id=entry_id,
        by=command.caller.principal.producer,
        grounds=body.grounds,
        language=body.language,
        documents=tuple(document.ref() for document in body.documents),
    )
    outcome = file_appeal(desk.journal, filing, command.act, command.answer)
    return desk.answered(outcome, Entry, command, _shown, LOCATION)


@commands.post(
    "/v1/entries/{entry_id}/exclusion-requests",
    operation_id="request_exclusion",
    summary="Ask for the exclusion of one's own entry",
    status_code=201,
    responses={201: {"model": EntryShown, "description": "Recorded; excluded at once where set so."}},
)
def request_own_exclusion(
    request: Request,
    entry_id: UUID,
    body: ReasonForm,
    command: Annotated[CommandRequest, Depends(Commanding("producer"))],
) -> Response:
    """Law 86-VII art. 51-6(3), order 327 para. 30(3): there is no appeal against such an exclusion."""
    desk = desk_of(request)
    asked = RequestExclusion(entry_id=entry_id, by=command.caller.principal.producer, reason=body.reason)
    outcome = request_exclusion(desk.journal, asked, command.act, desk.procedure, command.answer)
    return desk.answered(outcome, Entry, command, _shown, LOCATION)


@commands.post(
    "/v1/entries/{entry_id}/exclusion",
    operation_id="grant_exclusion",
    summary="Exclude an entry whose producer asked for it",
    status_code=201,
    responses={201: {"model": EntryShown, "description": "Excluded."}},
)
def exclude(
    request: Request,
    entry_id: UUID,
    command: Annotated[CommandRequest, Depends(Deciding("industry_officer"))],
) -> Response:
    """Order 327 para. 30(3): an officer carries out what the producer asked for."""
    desk = desk_of(request)
    granted = GrantExclusion(entry_id=entry_id, version=command.if_match)
    outcome = grant_exclusion(desk.journal, granted, command.act, command.answer)
    return desk.answered(outcome, Entry, command, _shown, LOCATION)
