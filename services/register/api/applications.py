"""`/v1/applications`: filing, reading, withdrawing."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Reading
from services.register.api import presenting
from services.register.api.desk import Desk, desk_of
from services.register.api.forms import ApplicationForm, ReasonForm
from services.register.api.moments import MOMENT_HEADERS, AtMoment, not_then, read_at
from services.register.api.representations import ApplicationShown
from services.register.domain.application import Application
from services.register.projections.moments import application_at
from services.register.projections.producers import acting_producer
from services.register.usecases.file_application import FileApplication, file_application
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application

commands: Final = APIRouter(tags=["applications"])
reads: Final = APIRouter(tags=["applications"])
LOCATION: Final = "/v1/applications/{id}"
_OFFICIALS: Final = ("industry_officer", "informatization_officer", "service", "auditor")


def _shown(found: Application) -> ApplicationShown:
    return presenting.application(found, {})


@commands.post(
    "/v1/applications",
    operation_id="file_application",
    summary="File an application or a reapplication",
    status_code=201,
    responses={201: {"model": ApplicationShown, "description": "Filed."}},
)
def file(
    request: Request,
    body: ApplicationForm,
    command: Annotated[CommandRequest, Depends(Commanding("producer"))],
) -> Response:
    """Order 327 paras. 10, 32: a producer files for one product; a later filing names what it follows."""
    desk = desk_of(request)
    principal = command.caller.principal
    filing = FileApplication(
        applicant=body.applicant(),
        form=body.form(),
        filed_by=principal.producer,
        issuer=principal.issuer,
    )
    outcome = file_application(
        desk.journal,
        filing,
        command.act,
        command.answer,
        signing=desk.procedure.signing,
    )
    return desk.answered(outcome, Application, command, _shown, LOCATION)


@commands.post(
    "/v1/applications/{application_id}/withdrawal",
    operation_id="withdraw_application",
    summary="Withdraw a pending application",
    status_code=201,
    responses={201: {"model": ApplicationShown, "description": "Withdrawn."}},
)
def withdraw(
    request: Request,
    application_id: UUID,
    body: ReasonForm,
    command: Annotated[CommandRequest, Depends(Commanding("producer"))],
) -> Response:
    """A producer takes back its application while no decision has been taken on it."""
    desk = desk_of(request)
    withdrawal = WithdrawApplication(
        application_id=application_id, by=command.caller.principal.producer, reason=body.reason
    )
    outcome = withdraw_application(desk.journal, withdrawal, command.act, command.answer)
    return desk.answered(outcome, Application, command, _shown, LOCATION)


@reads.get(
    "/v1/applications/{application_id}",
    operation_id="read_application",
    summary="Read an application, now or at any two times",
    responses={200: {"model": ApplicationShown, "headers": MOMENT_HEADERS}},
)
def read_application(
    request: Request,
    application_id: UUID,
    caller: Annotated[Caller, Depends(Reading("producer", *_OFFICIALS))],
    moment: AtMoment,
) -> Response:
    """Now or at any two times; a producer reads its own, and contacts are shown to it and to officers."""
    desk = desk_of(request)
    found = desk.journal.load(Application, application_id)
    if not (caller.is_any(*_OFFICIALS) or _is_own(desk, found, caller)):
        raise NotFound("application_unknown", id=str(application_id))
    personal: presenting.Personal = {}
    with desk.journal.database.read() as connection:
        if not caller.is_any("auditor"):
            personal = desk.personal(connection, [found.filed_by]).get(found.filed_by, {})
        then = found if moment is None else application_at(connection, application_id, moment)
        if then is None and moment is not None:
            raise not_then(connection, application_id, moment)
    return read_at(request, presenting.application(then or found, personal), moment)


def _is_own(desk: Desk, found: Application, caller: Caller) -> bool:
    number = caller.principal.producer
    if number is None:
        return False
    with desk.journal.database.read() as connection:
        owner = acting_producer(connection, number)
    return owner is not None and str(owner) == found.filed.producer.producer_id
