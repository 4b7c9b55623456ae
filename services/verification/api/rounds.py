"""`/v1/monitoring-rounds`: the quarterly monitoring (order 327 para. 29)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from services.kernel.calendar import Quarter
from services.kernel.errors import NotFound
from services.kernel.http.requests import Caller, Reading, provenance_of
from services.kernel.http.responses import JSON, read, rendered
from services.kernel.journal.aggregate import Act
from services.verification.api import representations
from services.verification.api.desk import AtDesk, Desk
from services.verification.api.forms import RoundForm
from services.verification.api.representations import RoundShown
from services.verification.projections.rounds import find_round
from services.verification.usecases.open_round import open_round

commands: Final = APIRouter(tags=["monitoring"])
reads: Final = APIRouter(tags=["monitoring"])


@commands.post(
    "/v1/monitoring-rounds",
    operation_id="open_round",
    summary="Open the monitoring of a quarter",
    status_code=201,
    responses={
        200: {"model": RoundShown, "description": "The round was open already."},
        201: {"model": RoundShown},
    },
)
def open_quarter(
    request: Request,
    desk: AtDesk,
    body: RoundForm,
    caller: Annotated[Caller, Depends(Reading("informatization_officer"))],
) -> Response:
    """A case for every entry included at the quarter's end; asking again gives the same round."""
    quarter = Quarter.parse(body.quarter)
    act = Act(desk.practice.clock.now(), provenance_of(request, caller))
    outcome = desk.journal.transact(lambda work: open_round(work, act, quarter))
    is_new = outcome.result is not None and outcome.result[1]
    headers = {
        "Location": f"/v1/monitoring-rounds/{quarter}",
        "Journal-Position": str(outcome.committed.position if outcome.committed else 0),
    }
    return Response(rendered(_shown(desk, str(quarter))), 201 if is_new else 200, headers, JSON)


@reads.get(
    "/v1/monitoring-rounds/{quarter}",
    operation_id="read_round",
    summary="See how far a quarter's monitoring has come",
    responses={200: {"model": RoundShown}},
)
def read_round(
    request: Request,
    desk: AtDesk,
    quarter: Annotated[str, Path(pattern=r"^20[0-9]{2}-Q[1-4]$", examples=["2026-Q1"])],
    _caller: Annotated[Caller, Depends(Reading("informatization_officer", "industry_officer", "auditor"))],
) -> Response:
    """It closes when every case is concluded or closed."""
    return read(request, _shown(desk, quarter))


def _shown(desk: Desk, quarter: str) -> RoundShown:
    with desk.journal.database.read() as connection:
        found = find_round(connection, quarter)
    if found is None:
        raise NotFound("round_unknown", quarter=quarter)
    return representations.monitoring_round(found)
