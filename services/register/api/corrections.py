"""`/v1/corrections`: recorded facts that were wrong, corrected by two officers (order 327 para. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.http.requests import Caller, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, Page, page, read
from services.register.api import presenting
from services.register.api.desk import Desk, desk_of
from services.register.api.forms import CorrectionForm, DeclineForm
from services.register.api.moments import filters_of
from services.register.api.representations import CorrectionShown
from services.register.domain.correction import Correction
from services.register.domain.proposal import ProposalStatus
from services.register.projections.corrections import CORRECTIONS, proposed_in
from services.register.projections.proposals import declined_for, list_proposals
from services.register.usecases.decide_correction import DecideCorrection, decide_correction
from services.register.usecases.propose_correction import ProposeCorrection, propose_correction

commands: Final = APIRouter(tags=["corrections"])
reads: Final = APIRouter(tags=["corrections"])
LOCATION: Final = "/v1/corrections/{id}"
DECIDING: Final = Deciding("industry_officer")
READING: Final = Reading("industry_officer", "auditor")


@commands.post(
    "/v1/entries/{entry_id}/corrections",
    operation_id="propose_correction",
    summary="Propose to correct a recorded fact of an entry",
    status_code=201,
    responses={201: {"model": CorrectionShown, "description": "Proposed; a second officer decides."}},
)
def propose(
    request: Request,
    entry_id: UUID,
    body: CorrectionForm,
    command: Annotated[CommandRequest, Depends(DECIDING)],
) -> Response:
    """`If-Match` names the entry's version. The proposal is not public until it is approved."""
    desk = desk_of(request)
    proposing = ProposeCorrection(proposed=body.proposed(entry_id), version=command.if_match)
    outcome = propose_correction(desk.journal, proposing, command.act, command.answer)
    return desk.answered(outcome, Correction, command, lambda found: _shown(desk, [found])[0], LOCATION)


@commands.post(
    "/v1/corrections/{correction_id}/approval",
    operation_id="approve_correction",
    summary="Approve another officer's correction",
    status_code=201,
    responses={201: {"model": CorrectionShown, "description": "Approved; the entry is corrected."}},
)
def approve(
    request: Request, correction_id: UUID, command: Annotated[CommandRequest, Depends(DECIDING)]
) -> Response:
    """The correction becomes a fact of the entry; what is recorded stays as it is."""
    return _decided(request, command, DecideCorrection(correction_id=correction_id, version=command.if_match))


@commands.post(
    "/v1/corrections/{correction_id}/refusal",
    operation_id="decline_correction",
    summary="Decline another officer's correction",
    status_code=201,
    responses={201: {"model": CorrectionShown, "description": "Declined; nothing is corrected."}},
)
def decline(
    request: Request,
    correction_id: UUID,
    body: DeclineForm,
    command: Annotated[CommandRequest, Depends(DECIDING)],
) -> Response:
    """The reasons are kept for officers and auditors."""
    declining = DecideCorrection(
        correction_id=correction_id, declined_for=body.reasons.text(), version=command.if_match
    )
    return _decided(request, command, declining)


def _decided(request: Request, command: CommandRequest, decision: DecideCorrection) -> Response:
    desk = desk_of(request)
    outcome = decide_correction(desk.journal, decision, command.act, desk.procedure, command.answer)
    return desk.answered(outcome, Correction, command, lambda found: _shown(desk, [found])[0], LOCATION)


@reads.get(
    "/v1/corrections",
    operation_id="list_corrections",
    summary="Corrections by status, oldest first",
    responses={200: {"model": Page[CorrectionShown]}},
)
def list_all(
    request: Request,
    _caller: Annotated[Caller, Depends(READING)],
    status: Annotated[ProposalStatus | None, Query()] = None,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """`status=proposed` is what waits for a second officer."""
    desk = desk_of(request)
    filters = filters_of(request)
    after = 0 if cursor is None else int(desk.cursors.read(request, cursor, filters)[0])
    with desk.journal.database.read() as connection:
        found = list_proposals(connection, CORRECTIONS, status=status, after=after, limit=limit + 1)
    loaded = [desk.journal.load(Correction, one.id) for one in found[:limit]]
    following = None
    if len(found) > limit:
        following = desk.cursors.write(request, [found[limit - 1].first_position], filters)
    return page(request, _shown(desk, loaded), Page[CorrectionShown], next_cursor=following)


@reads.get(
    "/v1/corrections/{correction_id}",
    operation_id="read_correction",
    summary="Read a correction",
    responses={200: {"model": CorrectionShown}},
)
def read_correction(
    request: Request, correction_id: UUID, _caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """Its `ETag` is the version that an approval or refusal must name."""
    desk = desk_of(request)
    found = desk.journal.load(Correction, correction_id)
    return read(request, _shown(desk, [found])[0], version=found.version)


def _shown(desk: Desk, found: Sequence[Correction]) -> list[CorrectionShown]:
    with desk.journal.database.read() as connection:
        proposed = proposed_in(connection, [one.proposal.id for one in found])
        reasons = declined_for(connection, [one.decision.id for one in found if one.decision])
    return [
        presenting.correction(
            one, proposed.get(one.proposal.id), reasons.get(one.decision.id) if one.decision else None
        )
        for one in found
    ]
