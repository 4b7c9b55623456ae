"""`/v1/cases/{id}/...`: what officers do on a case, and what a producer answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.errors import Forbidden
from services.kernel.http.answering import answered
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, page, read
from services.kernel.journal.journal import Work
from services.verification.api import case_files
from services.verification.api.case_files import (
    AssessmentShown,
    CaseFileShown,
    DocumentRequestsShown,
    OfficerPage,
    OfficerShown,
)
from services.verification.api.desk import AtDesk, Desk, actor_of
from services.verification.api.officers_forms import (
    ME,
    AssignmentForm,
    CourtRulingForm,
    CriterionCheckForm,
    DocumentRequestForm,
    ReturnForm,
    SuppliedDocumentsForm,
    text_of,
)
from services.verification.domain.case import Case
from services.verification.projections.cases import NOBODY
from services.verification.projections.identifiers import acting_producer
from services.verification.projections.officers import keep_officer, list_officers
from services.verification.usecases.assess_case import assess_case
from services.verification.usecases.assign_case import assign_case
from services.verification.usecases.check_criterion import check_criterion
from services.verification.usecases.record_ruling import record_ruling
from services.verification.usecases.request_documents import request_documents
from services.verification.usecases.settle_proposal import approve_proposal, return_proposal
from services.verification.usecases.supply_documents import supply_documents

commands: Final = APIRouter(tags=["cases"])
reads: Final = APIRouter(tags=["cases"])
LOCATION: Final = "/v1/cases/{id}"
REQUESTS: Final = "/v1/cases/{id}/document-requests"
OFFICER: Final = Deciding("informatization_officer")
READING: Final = Reading("informatization_officer", "auditor")
ByOfficer = Annotated[CommandRequest, Depends(OFFICER)]


def by_officer(
    desk: Desk, case_id: UUID, command: CommandRequest, step: Callable[[Work, Case], Case]
) -> Response:
    """Answer an officer's step on the version of the case that was seen; from then on it is known here."""

    def decide(work: Work) -> Case:
        case = work.load(Case, case_id)
        command.require_version(case.version)
        work.write(keep_officer(command.act.provenance.actor, command.caller.principal.subject))
        return step(work, case)

    outcome = desk.journal.transact(decide, answer=command.answer)
    return answered(desk.journal, outcome, Case, command, case_files.case, LOCATION)


@commands.post(
    "/v1/cases/{case_id}/assignment",
    operation_id="assign_case",
    summary="Take a case, give it to another officer, or give it back",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def assign(desk: AtDesk, case_id: UUID, body: AssignmentForm, command: ByOfficer) -> Response:
    """While a case is in an officer's hands no other works on it; reasons are given to take it from there."""
    named = {ME: command.act.provenance.actor, NOBODY: None}
    officer = named.get(body.officer, body.officer)
    reasons = text_of(body.reasons)
    return by_officer(
        desk, case_id, command, lambda work, case: assign_case(work, command.act, case, officer, reasons)
    )


@commands.post(
    "/v1/cases/{case_id}/document-requests",
    operation_id="request_documents",
    summary="Ask the producer for documents",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def request_from_producer(
    desk: AtDesk, case_id: UUID, body: DocumentRequestForm, command: ByOfficer
) -> Response:
    """The term is a setting, not statutory; the producer is told by message and answers under `documents`."""

    def step(work: Work, case: Case) -> Case:
        asked, kinds = body.asked.text(), tuple(body.kinds)
        return request_documents(work, desk.practice, command.act, case, asked=asked, kinds=kinds)

    return by_officer(desk, case_id, command, step)


@commands.post(
    "/v1/cases/{case_id}/documents",
    operation_id="supply_documents",
    summary="Answer a document request by naming uploaded documents",
    status_code=201,
    responses={201: {"model": DocumentRequestsShown}},
)
def supply(
    desk: AtDesk,
    case_id: UUID,
    body: SuppliedDocumentsForm,
    command: Annotated[CommandRequest, Depends(Commanding("producer"))],
) -> Response:
    """Only the producer of the case; a late answer is taken while the case is under way."""
    by = command.caller.principal.producer

    def decide(work: Work) -> Case:
        case = work.load(Case, case_id)
        return supply_documents(work, desk.practice, command.act, case, body.named(), by=by)

    outcome = desk.journal.transact(decide, answer=command.answer)
    return answered(desk.journal, outcome, Case, command, case_files.document_requests, REQUESTS)


@commands.post(
    "/v1/cases/{case_id}/criterion-checks",
    operation_id="check_criterion",
    summary="Confirm or override one criterion",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def check(desk: AtDesk, case_id: UUID, body: CriterionCheckForm, command: ByOfficer) -> Response:
    """The conclusion rests on the criteria as checked; a check lapses when the evidence changes."""

    def step(work: Work, case: Case) -> Case:
        return check_criterion(
            work, desk.practice, command.act, case, body.criterion, body.verdict, text_of(body.reasons)
        )

    return by_officer(desk, case_id, command, step)


@commands.post(
    "/v1/cases/{case_id}/proposal/approval",
    operation_id="approve_proposal",
    summary="Approve what another officer proposed",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def approve(desk: AtDesk, case_id: UUID, command: ByOfficer) -> Response:
    """Four eyes: exactly what was proposed is recorded, and the notification issued with it."""
    return by_officer(desk, case_id, command, lambda work, case: approve_proposal(work, command.act, case))


@commands.post(
    "/v1/cases/{case_id}/proposal/return",
    operation_id="return_proposal",
    summary="Return another officer's proposal with remarks",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def send_back(desk: AtDesk, case_id: UUID, body: ReturnForm, command: ByOfficer) -> Response:
    """Four eyes: the case is open again for another proposal."""
    remarks = body.remarks.text()
    return by_officer(
        desk, case_id, command, lambda work, case: return_proposal(work, command.act, case, remarks)
    )


@commands.post(
    "/v1/cases/{case_id}/court-rulings",
    operation_id="record_court_ruling",
    summary="Record a court's ruling on a concluded case",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def rule(desk: AtDesk, case_id: UUID, body: CourtRulingForm, command: ByOfficer) -> Response:
    """Art. 51-5(7): one that undoes an exclusion, or the dismissal of its appeal, is notified at once."""
    return by_officer(
        desk, case_id, command, lambda work, case: record_ruling(work, command.act, case, body.recorded())
    )


@reads.get(
    "/v1/cases/{case_id}/assessment",
    operation_id="assess_case",
    summary="What a case would come to now",
    responses={200: {"model": AssessmentShown}},
)
def assess(
    request: Request, desk: AtDesk, case_id: UUID, _caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """Every criterion by the evidence at hand and the checks that stand; nothing is recorded by asking."""
    found = desk.journal.load(Case, case_id)
    assessed = assess_case(desk.journal.database, desk.practice, found.considered, checks=found.checks)
    return read(request, case_files.assessment(found, assessed))


@reads.get(
    "/v1/cases/{case_id}/document-requests",
    operation_id="list_document_requests",
    summary="What the producer was asked for, and its answers",
    responses={200: {"model": DocumentRequestsShown}},
)
def list_requests(
    request: Request,
    desk: AtDesk,
    case_id: UUID,
    caller: Annotated[Caller, Depends(Reading("informatization_officer", "auditor", "producer"))],
) -> Response:
    """A producer reads those of its own cases."""
    found = desk.journal.load(Case, case_id)
    if not caller.is_any("informatization_officer", "auditor"):
        _require_producer(desk, found, caller.principal.producer)
    return read(request, case_files.document_requests(found), version=found.version)


@reads.get(
    "/v1/officers",
    operation_id="list_officers",
    summary="The officers known here, and how many cases each holds",
    responses={200: {"model": OfficerPage}},
)
def list_known(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(READING)],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """In the order of their ids; an officer is known from the first step on a case."""
    after = str(desk.cursors.read(request, cursor, {})[0]) if cursor else ""
    with desk.journal.database.read() as connection:
        found = list_officers(connection, after=after, limit=limit + 1)
    me = actor_of(request, caller)
    items = [
        OfficerShown(
            officer_id=one.officer_id, subject=one.subject, is_me=one.officer_id == me, cases=one.cases
        )
        for one in found[:limit]
    ]
    following = desk.cursors.write(request, [items[-1].officer_id], {}) if len(found) > limit else None
    return page(request, items, OfficerPage, next_cursor=following)


def _require_producer(desk: Desk, found: Case, number: str | None) -> None:
    with desk.journal.database.read() as connection:
        producer_id = acting_producer(connection, number)
    if producer_id != found.opened.producer.producer_id:
        raise Forbidden("not_yours")
