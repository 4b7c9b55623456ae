"""`/v1/erasures`: personal values erased by two officers (law 418-V art. 36)."""

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
from services.register.api.forms import DeclineForm, ErasureForm
from services.register.api.moments import filters_of
from services.register.api.representations import ErasureShown
from services.register.domain.erasure import Erasure
from services.register.domain.proposal import ProposalStatus
from services.register.projections.erasures import ERASURES, proposed_erasures
from services.register.projections.proposals import declined_for, list_proposals
from services.register.usecases.decide_erasure import DecideErasure, decide_erasure
from services.register.usecases.propose_erasure import ProposeErasure, propose_erasure

commands: Final = APIRouter(tags=["erasures"])
reads: Final = APIRouter(tags=["erasures"])
LOCATION: Final = "/v1/erasures/{id}"
DECIDING: Final = Deciding("industry_officer")
READING: Final = Reading("industry_officer", "auditor")


@commands.post(
    "/v1/producers/{producer_id}/erasures",
    operation_id="propose_erasure",
    summary="Propose to erase a producer's personal values",
    status_code=201,
    responses={201: {"model": ErasureShown, "description": "Proposed; a second officer decides."}},
)
def propose(
    request: Request,
    producer_id: UUID,
    body: ErasureForm,
    command: Annotated[CommandRequest, Depends(DECIDING)],
) -> Response:
    """Law 418-V art. 36. `If-Match` names the producer's version; whose values is not public before approval.

    Refused while a product is in the register, because they are public then (order 327 para. 5), and while an
    application, appeal, notification or correction is undecided. By opaque id: no number of a person stands
    in a URL.
    """
    desk = desk_of(request)
    proposing = ProposeErasure(proposed=body.proposed(producer_id), version=command.if_match)
    outcome = propose_erasure(desk.journal, proposing, command.act, command.answer)
    return desk.answered(outcome, Erasure, command, lambda found: _shown(desk, [found])[0], LOCATION)


@commands.post(
    "/v1/erasures/{erasure_id}/approval",
    operation_id="approve_erasure",
    summary="Approve another officer's erasure",
    status_code=201,
    responses={201: {"model": ErasureShown, "description": "Erased, here and by all who follow."}},
)
def approve(
    request: Request, erasure_id: UUID, command: Annotated[CommandRequest, Depends(DECIDING)]
) -> Response:
    """IIN, names, contacts and free texts go for good; facts, commitments and proofs stay."""
    return _decided(request, command, DecideErasure(erasure_id=erasure_id, version=command.if_match))


@commands.post(
    "/v1/erasures/{erasure_id}/refusal",
    operation_id="decline_erasure",
    summary="Decline another officer's erasure",
    status_code=201,
    responses={201: {"model": ErasureShown, "description": "Declined; nothing is erased."}},
)
def decline(
    request: Request,
    erasure_id: UUID,
    body: DeclineForm,
    command: Annotated[CommandRequest, Depends(DECIDING)],
) -> Response:
    """The reasons are kept for officers and auditors."""
    declining = DecideErasure(
        erasure_id=erasure_id, declined_for=body.reasons.text(), version=command.if_match
    )
    return _decided(request, command, declining)


def _decided(request: Request, command: CommandRequest, decision: DecideErasure) -> Response:
    desk = desk_of(request)
    outcome = decide_erasure(desk.journal, decision, command.act, command.answer)
    return desk.answered(outcome, Erasure, command, lambda found: _shown(desk, [found])[0], LOCATION)


@reads.get(
    "/v1/erasures",
    operation_id="list_erasures",
    summary="Erasures by status, oldest first",
    responses={200: {"model": Page[ErasureShown]}},
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
        found = list_proposals(connection, ERASURES, status=status, after=after, limit=limit + 1)
    loaded = [desk.journal.load(Erasure, one.id) for one in found[:limit]]
    following = None
    if len(found) > limit:
        following = desk.cursors.write(request, [found[limit - 1].first_position], filters)
    return page(request, _shown(desk, loaded), Page[ErasureShown], next_cursor=following)


@reads.get(
    "/v1/erasures/{erasure_id}",
    operation_id="read_erasure",
    summary="Read an erasure",
    responses={200: {"model": ErasureShown}},
)
def read_erasure(
    request: Request, erasure_id: UUID, _caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """Its `ETag` is the version that an approval or refusal must name."""
    desk = desk_of(request)
    found = desk.journal.load(Erasure, erasure_id)
    return read(request, _shown(desk, [found])[0], version=found.version)


def _shown(desk: Desk, found: Sequence[Erasure]) -> list[ErasureShown]:
    with desk.journal.database.read() as connection:
        proposed = proposed_erasures(connection, [one.proposal.id for one in found])
        reasons = declined_for(connection, [one.decision.id for one in found if one.decision])
    return [
        presenting.erasure(
            one, proposed.get(one.proposal.id), reasons.get(one.decision.id) if one.decision else None
        )
        for one in found
    ]
