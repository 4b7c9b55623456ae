"""`/v1/simulations`: what decisions a draft rule set would have led to."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.clock import SystemClock
from services.kernel.errors import NotFound
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import JSON, CursorParameter, Limit, page, read, rendered
from services.verification.api import simulated
from services.verification.api.desk import AtDesk, Desk
from services.verification.api.simulated import DifferencePage, SimulationForm, SimulationShown
from services.verification.projections.simulations import Simulation, differences_of, find_simulation
from services.verification.usecases.simulate import cancel, request_simulation

_PROBLEM: Final[dict[str, Any]] = {
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
}
commands: Final = APIRouter(tags=["simulations"])
reads: Final = APIRouter(tags=["simulations"])
ASKING: Final = Reading("informatization_officer", "auditor")
READING: Final = Reading("informatization_officer", "auditor", "integrator")
"""An integrator is the analyst: nowhere else does it see a case, and here only counts and depersonalised rows
(law 418-V art. 36(7)). Officers and auditors may read every case anyway."""


@commands.post(
    "/v1/simulations",
    operation_id="request_simulation",
    summary="Try a draft rule set on the decided cases of a period",
    status_code=201,
    responses={
        200: {"model": SimulationShown, "description": "The same simulation is under way already."},
        201: {"model": SimulationShown},
        409: {"description": "Too many simulations wait.", "content": _PROBLEM},
    },
)
def request_one(desk: AtDesk, body: SimulationForm, _caller: Annotated[Caller, Depends(ASKING)]) -> Response:
    """A durable job that changes no case; it needs no idempotency key, as it records no fact."""
    content = msgspec.json.encode(body.draft)
    days = (body.period_from, body.period_to)
    practice = desk.practice
    queued, is_new = request_simulation(
        desk.journal.database, practice.clock, practice.rule_book, content, days
    )
    headers = {"Location": f"/v1/simulations/{queued.simulation_id}", "Cache-Control": "no-store"}
    return Response(rendered(simulated.simulation(queued)), 201 if is_new else 200, headers, JSON)


@reads.get(
    "/v1/simulations/{simulation_id}",
    operation_id="read_simulation",
    summary="See how far a simulation has come and what it found",
    responses={200: {"model": SimulationShown}},
)
def read_one(
    request: Request, desk: AtDesk, simulation_id: UUID, _caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """Per criterion and in total."""
    return read(request, simulated.simulation(_found(desk, simulation_id)))


@reads.get(
    "/v1/simulations/{simulation_id}/differences",
    operation_id="list_simulation_differences",
    summary="The decisions that would differ",
    responses={200: {"model": DifferencePage}},
)
def list_differences(
    request: Request,
    desk: AtDesk,
    simulation_id: UUID,
    caller: Annotated[Caller, Depends(READING)],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """For officers and auditors with case, producer and product; for an integrator depersonalised."""
    filters = {"simulation": simulation_id}
    after = int(desk.cursors.read(request, cursor, filters)[0]) if cursor else 0
    _found(desk, simulation_id)
    with desk.journal.database.read() as connection:
        rows = differences_of(connection, simulation_id, after=after, limit=limit + 1)
    named = caller.is_any("informatization_officer", "auditor")
    items = [simulated.difference(row, named=named) for row in rows[:limit]]
    following = desk.cursors.write(request, [items[-1].number], filters) if len(rows) > limit else None
    return page(request, items, DifferencePage, next_cursor=following)


@commands.post(
    "/v1/simulations/{simulation_id}/cancellation",
    operation_id="cancel_simulation",
    summary="Cancel a simulation",
    responses={
        200: {"model": SimulationShown},
        409: {"description": "It is finished.", "content": _PROBLEM},
    },
)
def cancel_one(desk: AtDesk, simulation_id: UUID, _caller: Annotated[Caller, Depends(ASKING)]) -> Response:
    """What it found so far stays readable; cancelling again changes nothing."""
    found = cancel(desk.journal.database, SystemClock(), simulation_id)
    return Response(rendered(simulated.simulation(found)), 200, {"Cache-Control": "no-store"}, JSON)


def _found(desk: Desk, simulation_id: UUID) -> Simulation:
    with desk.journal.database.read() as connection:
        found = find_simulation(connection, simulation_id)
    if found is None:
        raise NotFound("simulation_unknown", id=str(simulation_id))
    return found
