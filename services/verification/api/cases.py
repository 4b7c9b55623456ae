"""`/v1/cases` and the resubmission of notifications: what officers do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound
from services.kernel.http.forms import BinOrIin, LegalDay
from services.kernel.http.requests import Caller, CommandRequest, Deciding, Reading
from services.kernel.http.responses import CursorParameter, Limit, page, read
from services.kernel.journal.journal import Work
from services.verification.api import case_files
from services.verification.api.case_files import CaseFileShown
from services.verification.api.desk import AtDesk, actor_of
from services.verification.api.forms import ConclusionForm, ResubmissionForm
from services.verification.api.officers_forms import ME
from services.verification.api.officers_work import by_officer
from services.verification.api.representations import CaseLine, CasePage, TextShown
from services.verification.contract.events import CaseKind
from services.verification.domain.case import Case
from services.verification.projections.cases import find_notification
from services.verification.projections.identifiers import producer_of
from services.verification.projections.worklist import CaseFilter, Order, Place, list_cases
from services.verification.usecases.conclude_case import conclude_case
from services.verification.usecases.correct_exclusion import correct_exclusion
from services.verification.usecases.resubmit_notification import resubmit_notification

commands: Final = APIRouter(tags=["cases"])
reads: Final = APIRouter(tags=["cases"])
READING: Final = Reading("informatization_officer", "auditor")
OFFICER: Final = Deciding("informatization_officer")


@dataclass(frozen=True, slots=True)
class Worklist:
    """Which cases are asked for, in which order."""

    identifier: str | None
    wanted: CaseFilter
    order: Order

    @property
    def filters(self) -> dict[str, object]:
        """What a cursor is bound to."""
        return {"bin": self.identifier, "wanted": self.wanted, "order": self.order}


def _worklist(
    state: Annotated[Literal["open", "concluded", "rework", "closed"] | None, Query()] = None,
    kind: Annotated[CaseKind | None, Query()] = None,
    identifier: Annotated[BinOrIin | None, Query(alias="bin")] = None,
    due_before: Annotated[LegalDay | None, Query(description="Whose term ends before this day.")] = None,
    assigned_to: Annotated[
        str | None,
        Query(pattern=r"^(me|nobody|[0-9a-f]{32})$", description="`me`, `nobody`, or an officer's id."),
    ] = None,
    proposed: Annotated[
        bool | None, Query(description="Whether a proposal waits for a second officer.")
    ] = None,
    order: Annotated[Order, Query(description="By day due, then opening; or by opening alone.")] = "due",
) -> Worklist:
    wanted = CaseFilter(
        state=state,
        kind=kind,
        due_before=due_before.isoformat() if due_before else None,
        assigned_to=assigned_to,
        proposed=proposed,
    )
    return Worklist(identifier, wanted, order)


@reads.get(
    "/v1/cases",
    operation_id="list_cases",
    summary="Cases by state, kind, producer, officer and term",
    responses={200: {"model": CasePage}},
)
def list_all(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(READING)],
    asked: Annotated[Worklist, Depends(_worklist)],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """A worklist: those due first come first, equal days by opening, those without a running term last."""
    after = _place(desk.cursors.read(request, cursor, asked.filters)) if cursor else None
    wanted = asked.wanted
    if wanted.assigned_to == ME:
        wanted = replace(wanted, assigned_to=actor_of(request, caller))
    with desk.journal.database.read() as connection:
        if asked.identifier is not None:
            wanted = replace(wanted, producer_id=producer_of(connection, asked.identifier) or "")
        rows = list_cases(connection, wanted, after=after, limit=limit + 1, order=asked.order)
    last = rows[limit - 1] if len(rows) > limit else None
    place = [str(last["case_id"]), str(last["due_on"] or "")] if last else []
    following = desk.cursors.write(request, place, asked.filters) if last else None
    return page(request, [_line(dict(row)) for row in rows[:limit]], CasePage, next_cursor=following)


@reads.get(
    "/v1/cases/{case_id}",
    operation_id="read_case",
    summary="Read a case",
    responses={200: {"model": CaseFileShown}},
)
def read_case(
    request: Request, desk: AtDesk, case_id: UUID, _caller: Annotated[Caller, Depends(READING)]
) -> Response:
    """With its judgement: every criterion, its inputs and its reason."""
    found = desk.journal.load(Case, case_id)
    return read(request, case_files.case(found), version=found.version)


@commands.post(
    "/v1/cases/{case_id}/conclusion",
    operation_id="conclude_case",
    summary="Conclude a case, or decide an appeal",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def conclude(
    desk: AtDesk, case_id: UUID, body: ConclusionForm, command: Annotated[CommandRequest, Depends(OFFICER)]
) -> Response:
    """Art. 51-2(2), (3), (5): the notification is issued in the same unit; or proposed (four eyes)."""

    def step(work: Work, case: Case) -> Case:
        if body.corrects and body.reasons is not None:
            return correct_exclusion(work, desk.practice, command.act, case, body.reasons.text())
        return conclude_case(work, desk.practice, command.act, case, body.outcome())

    return by_officer(desk, case_id, command, step)


@commands.post(
    "/v1/notifications/{notification_id}/resubmission",
    operation_id="resubmit_notification",
    summary="Send a reworked notification again",
    status_code=201,
    responses={201: {"model": CaseFileShown}},
)
def resubmit(
    desk: AtDesk,
    notification_id: UUID,
    body: ResubmissionForm,
    command: Annotated[CommandRequest, Depends(OFFICER)],
) -> Response:
    """Order 327 para. 9: `If-Match` names the version of the notification's case."""

    def step(work: Work, case: Case) -> Case:
        return resubmit_notification(work, desk.practice, command.act, case, body.resubmission())

    with desk.journal.database.read() as connection:
        case_id = find_notification(connection, str(notification_id))
    if case_id is None:
        raise NotFound("notification_unknown", id=str(notification_id))
    return by_officer(desk, case_id, command, step)


def _place(cursor: list[str | int]) -> Place:
    case_id, due_on = map(str, cursor)
    return Place(UUID(case_id), due_on or None)


def _line(row: dict[str, object]) -> CaseLine:
    name = TextShown(kk=str(row["product_name_kk"]), ru=str(row["product_name_ru"]))
    shown = {field: row[field] for field in CaseLine.model_fields if field in row}
    return CaseLine.model_validate({**shown, "case_id": str(row["case_id"]), "product_name": name})
