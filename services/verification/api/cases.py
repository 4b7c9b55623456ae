"""`/v1/cases` and the resubmission of notifications: what officers do."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.answering import answered
from services.kernel.http.forms import LegalDay
from services.kernel.http.requests import Caller, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, page, read
from services.kernel.journal.journal import Work
from services.verification.api import representations
from services.verification.api.desk import AtDesk
from services.verification.api.forms import ConclusionForm, ResubmissionForm
from services.verification.api.representations import CaseLine, CasePage, CaseShown, TextShown
from services.verification.contract.events import CaseKind
from services.verification.domain.case import Case
from services.verification.projections.cases import CaseFilter, find_notification, list_cases
from services.verification.projections.identifiers import producer_of
from services.verification.usecases.conclude_case import conclude_case
from services.verification.usecases.correct_exclusion import correct_exclusion
from services.verification.usecases.resubmit_notification import resubmit_notification

commands: Final = APIRouter(tags=["cases"])
reads: Final = APIRouter(tags=["cases"])
LOCATION: Final = "/v1/cases/{id}"
READING: Final = Reading("informatization_officer", "auditor")
OFFICER: Final = Deciding("informatization_officer")


@reads.get(
    "/v1/cases",
    operation_id="list_cases",
    summary="Cases by state, kind, producer and term",
    responses={200: {"model": CasePage}},
)
def list_all(
    request: Request,
    desk: AtDesk,
    _caller: Annotated[Caller, Depends(READING)],
    state: Annotated[Literal["open", "concluded", "rework", "closed"] | None, Query()] = None,
    kind: Annotated[CaseKind | None, Query()] = None,
    identifier: Annotated[str | None, Query(alias="bin", pattern=r"^[0-9]{12}$")] = None,
    due_before: Annotated[LegalDay | None, Query(description="Whose term ends before this day.")] = None,
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """In the order of their opening."""
    filters = {"state": state, "kind": kind, "bin": identifier, "due": due_before}
    after = UUID(str(desk.cursors.read(cursor, filters)[0])) if cursor else None
    with desk.journal.database.read() as connection:
        producer_id = producer_of(connection, identifier) if identifier else None
        wanted = CaseFilter(
            state=state,
            kind=kind,
            producer_id=producer_id or "" if identifier else None,
            due_before=due_before.isoformat() if due_before else None,
        )
        rows = list_cases(connection, wanted, after=after, limit=limit + 1)
    following = desk.cursors.write([str(rows[limit - 1]["case_id"])], filters) if len(rows) > limit else None
    return page(request, [_line(dict(row)) for row in rows[:limit]], CasePage, next_cursor=following)


@reads.get(
    "/v1/cases/{case_id}",
    operation_id="read_case",
    summary="Read a case",
    responses={200: {"model": CaseShown}},
)
def read_case(
    request: Request, desk: AtDesk, case_id: UUID, _caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """With its judgement: every criterion, its inputs and its reason."""
    found = desk.journal.load(Case, case_id)
    return read(request, representations.case(found), version=found.version)


@commands.post(
    "/v1/cases/{case_id}/conclusion",
    operation_id="conclude_case",
    summary="Conclude a case, or decide an appeal",
    status_code=201,
    responses={201: {"model": CaseShown}},
)
def conclude(
    desk: AtDesk, case_id: UUID, body: ConclusionForm, command: Annotated[CommandRequest, Depends(OFFICER)]
) -> Response:
    """Art. 51-2(2), (3), (5): the notification is issued in the same unit of work."""

    def decide(work: Work) -> Case:
        case = work.load(Case, case_id)
        command.require_version(case.version)
        if body.corrects and body.reasons is not None:
            return correct_exclusion(work, desk.practice, command.act, case, body.reasons.text())
        return conclude_case(work, desk.practice, command.act, case, body.outcome())

    outcome = desk.journal.transact(decide, answer=command.answer)
    return answered(desk.journal, outcome, Case, command, representations.case, LOCATION)


@commands.post(
    "/v1/notifications/{notification_id}/resubmission",
    operation_id="resubmit_notification",
    summary="Send a reworked notification again",
    status_code=201,
    responses={201: {"model": CaseShown}},
)
def resubmit(
    desk: AtDesk,
    notification_id: UUID,
    body: ResubmissionForm,
    command: Annotated[CommandRequest, Depends(OFFICER)],
) -> Response:
    """Order 327 para. 9: `If-Match` names the version of the notification's case."""

    def decide(work: Work) -> Case:
        with work.database.read() as connection:
            case_id = find_notification(connection, str(notification_id))
        if case_id is None:
            raise NotFound("notification_unknown", id=str(notification_id))
        case = work.load(Case, case_id)
        command.require_version(case.version)
        return resubmit_notification(work, desk.practice, command.act, case, body.resubmission())

    outcome = desk.journal.transact(decide, answer=command.answer)
    return answered(desk.journal, outcome, Case, command, representations.case, LOCATION)


def _line(row: dict[str, object]) -> CaseLine:
    name = TextShown(kk=str(row["product_name_kk"]), ru=str(row["product_name_ru"]))
    shown = {field: row[field] for field in CaseLine.model_fields if field in row}
    return CaseLine.model_validate({**shown, "case_id": str(row["case_id"]), "product_name": name})
