"""The localisation report: checked before it is filed, and read line by line on its case."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.kernel.calendar import legal_date
from services.kernel.http.requests import Caller, Reading, provenance_of
from services.kernel.http.responses import JSON, CursorParameter, Limit, read, rendered
from services.kernel.journal.aggregate import Act
from services.verification.adapters.document_content import CSV, XLSX
from services.verification.adapters.document_content import JSON as JSON_TYPE
from services.verification.adapters.documents import MediaTypeRefused
from services.verification.adapters.spreadsheets import MAX_TABLE_BYTES
from services.verification.api import evidence
from services.verification.api.desk import AtDesk
from services.verification.api.evidence import ReportChecked, ReportShown
from services.verification.domain.localisation import ReportYears
from services.verification.domain.report_review import reviewed_lines
from services.verification.usecases.review_report import review_case_report, review_content

commands: Final = APIRouter(tags=["localisation reports"])
reads: Final = APIRouter(tags=["localisation reports"])
PATH: Final = "/v1/localisation-reports/validation"
_FORMS: Final = (JSON_TYPE, CSV, XLSX)
_CONTENT: Final = {name: {"schema": {"type": "string", "contentMediaType": name}} for name in _FORMS}


@commands.post(
    PATH,
    operation_id="check_report",
    summary="Check a localisation report before it is filed",
    responses={
        200: {"model": ReportChecked},
        409: {"description": "No rule set for confirmation is in force."},
    },
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def check(
    request: Request,
    desk: AtDesk,
    _caller: Annotated[Caller, Depends(Reading("producer", "informatization_officer"))],
    reporting_year: Annotated[
        int | None, Query(ge=2000, le=2100, description="The previous calendar year by default.")
    ] = None,
) -> Response:
    """JSON, CSV or XLSX up to 16 MiB; every finding names its row and column, and nothing is kept."""
    media_type = table_type(request, _FORMS)
    content = await request.body()
    today = legal_date(desk.practice.clock.now())
    year = reporting_year or today.year - 1

    def review() -> Response:
        found = review_content(desk.practice, content, media_type, on=today, years=ReportYears(year, year))
        return Response(rendered(evidence.checked(found)), 200, {"Cache-Control": "no-store"}, JSON)

    return await to_thread.run_sync(review)


@reads.get(
    "/v1/cases/{case_id}/localisation-report",
    operation_id="read_case_report",
    summary="The localisation report of a case, line by line",
    responses={200: {"model": ReportShown}},
)
def read_case_report(
    request: Request,
    desk: AtDesk,
    case_id: UUID,
    caller: Annotated[Caller, Depends(Reading("informatization_officer"))],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Declared beside computed, recomputed exactly; the look is recorded before the answer."""
    filters = {"case": str(case_id)}
    after = int(desk.cursors.read(request, cursor, filters)[0]) if cursor else 0
    act = Act(desk.practice.clock.now(), provenance_of(request, caller))
    sha256, review = review_case_report(desk.journal, desk.practice, act, case_id)
    report = review.report
    lines = reviewed_lines(report, review.formula, after=after, limit=limit) if report else ()
    count = len(report.lines) if report else 0
    shown = ReportShown(
        case_id=str(case_id),
        sha256=sha256,
        rule_set=review.rules.id,
        formula=review.formula,
        expected_year=review.years.last,
        expected_since=review.years.first,
        reporting_year=report.reporting_year if report else None,
        line_count=count,
        figures=evidence.figures(review.figures),
        findings=[evidence.finding(found) for found in review.findings[:200]],
        lines=[evidence.report_line(line, review.findings) for line in lines],
        next=desk.cursors.write(request, [after + limit], filters) if after + limit < count else None,
    )
    return read(request, shown)


def table_type(request: Request, allowed: tuple[str, ...]) -> str:
    """The media type of a file in a body. Raises `MediaTypeRefused` (`document_media_type_unsupported`)."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise MediaTypeRefused("document_media_type_unsupported", allowed=", ".join(allowed))
    return given


LARGER_BODIES: Final = {PATH: MAX_TABLE_BYTES}
