"""`/v1/trusted-software/imports`: a whole file of listings, or nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.kernel.http.problems import FieldError, Problem
from services.kernel.http.requests import Caller, Reading, provenance_of
from services.kernel.http.responses import JSON, rendered
from services.kernel.journal.aggregate import Act
from services.verification.adapters.spreadsheets import MAX_TABLE_BYTES, TABLE_TYPES
from services.verification.api.desk import AtDesk
from services.verification.api.evidence import ImportShown
from services.verification.api.localisation_reports import table_type
from services.verification.domain.findings import worded
from services.verification.domain.localisation import Finding
from services.verification.usecases.import_listings import ImportRefused, import_listings

commands: Final = APIRouter(tags=["trusted software"])
PATH: Final = "/v1/trusted-software/imports"
_CONTENT: Final = {name: {"schema": {"type": "string", "contentMediaType": name}} for name in TABLE_TYPES}


@commands.post(
    PATH,
    operation_id="import_listings",
    summary="Import listings from a CSV or XLSX file",
    status_code=201,
    responses={
        200: {"model": ImportShown, "description": "The same file was imported already."},
        201: {"model": ImportShown},
        409: {"description": "The register changed meanwhile."},
    },
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def import_file(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading("informatization_officer"))],
) -> Response:
    """Up to 5,000 rows in one unit of work; the same file again is the same import, so no key is needed."""
    media_type = table_type(request, TABLE_TYPES)
    content = await request.body()
    act = Act(desk.practice.clock.now(), provenance_of(request, caller))

    def run() -> Response:
        try:
            found, is_new = import_listings(desk.journal, act, content, media_type)
        except ImportRefused as refused:
            raise _refusal(refused.findings, caller.language) from refused
        shown = ImportShown(
            import_id=found.sha256,
            rows=found.rows,
            imported_at=datetime.fromtimestamp(found.imported_at / 1_000_000, UTC),
        )
        return Response(rendered(shown), 201 if is_new else 200, {"Cache-Control": "no-store"}, JSON)

    return await to_thread.run_sync(run)


def _refusal(findings: Sequence[Finding], language: str) -> Problem:
    """Every finding as an error of the problem document, in the caller's language."""
    errors = [
        FieldError(found.code, str(getattr(worded(found), language)), pointer=found.pointer)
        for found in findings
    ]
    return Problem("import_refused", errors=errors, count=str(len(errors)))


LARGER_BODIES: Final = {PATH: MAX_TABLE_BYTES}
