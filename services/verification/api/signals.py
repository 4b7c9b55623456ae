"""`/v1/monitoring-signals`: what calls for the monitoring of an entry between quarters."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from services.kernel.http.answering import answered
from services.kernel.http.requests import Commanding, CommandRequest
from services.verification.api import representations
from services.verification.api.desk import AtDesk
from services.verification.api.forms import SignalForm
from services.verification.api.representations import SignalShown
from services.verification.domain.case import Case
from services.verification.usecases.receive_signal import receive_signal

commands: Final = APIRouter(tags=["monitoring"])
LOCATION: Final = "/v1/cases/{id}"
UNKNOWN_ENTRY: Final[dict[str, Any]] = {
    "description": "No entry of this id is known here.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""The entry stands in the body, where no one would look for a 404."""


@commands.post(
    "/v1/monitoring-signals",
    operation_id="signal_monitoring",
    summary="Signal a changed owner or expired rights",
    status_code=201,
    responses={201: {"model": SignalShown}, 404: UNKNOWN_ENTRY},
)
def signal(
    desk: AtDesk,
    body: SignalForm,
    command: Annotated[CommandRequest, Depends(Commanding("informatization_officer", "service"))],
) -> Response:
    """Opens an unscheduled monitoring case, or joins the one that is open; excludes nothing by itself."""
    outcome = desk.journal.transact(
        lambda work: receive_signal(work, desk.practice, command.act, body.signal()), answer=command.answer
    )
    return answered(desk.journal, outcome, Case, command, _latest, LOCATION)


def _latest(case: Case) -> SignalShown:
    return representations.signal(case.signals[-1])
