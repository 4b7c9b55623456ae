"""`/v1/extracts/verification`: for everybody who holds an extract, on paper, as PDF or as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from services.kernel.errors import NotFound, Unavailable
from services.kernel.http.negotiation import preferred_type
from services.kernel.http.problems import Problem
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import JSON, read_bytes, rendered
from services.register.api.desk import Desk, desk_of
from services.register.api.extracts import PDF, VERIFICATION, office_of
from services.register.api.judging import Judge, Verdict
from services.register.api.verdicts import HTML, PAGE_HEADERS, VerdictShown, page_of, verdict_shown
from services.register.projections.extracts import extract_of_code

MAX_GIVEN_BYTES: Final = 4 * 1024 * 1024
WAITING_AT_MOST: Final = 64
LARGER_BODIES: Final = {VERIFICATION: MAX_GIVEN_BYTES}
reads: Final = APIRouter(tags=["extracts"])
PUBLIC: Final = Reading("public")
_HTML_CONTENT: Final[dict[str, Any]] = {"text/html": {"schema": {"type": "string"}}}
_GIVEN: Final = {
    "requestBody": {
        "required": True,
        "content": {
            PDF: {"schema": {"type": "string", "contentMediaType": PDF}},
            JSON: {"schema": {"type": "string", "contentMediaType": JSON}},
        },
    }
}


@reads.post(
    VERIFICATION,
    operation_id="verify_extract",
    summary="Is this PDF or JSON a genuine extract, and does it still hold?",
    responses={200: {"model": VerdictShown}},
    openapi_extra=_GIVEN,
)
async def verify(request: Request, _caller: Annotated[Caller, Depends(PUBLIC)]) -> Response:
    """Whatever the bytes are, the answer is a verdict. At most 4 MiB; nothing of it is kept."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (PDF, JSON):
        raise Problem("media_type_unsupported")
    given = bytearray()
    async for chunk in request.stream():
        given += chunk
    desk = desk_of(request)
    judge = _judge(request)
    verifying = office_of(request).verifying
    if verifying.statistics().tasks_waiting >= WAITING_AT_MOST:
        raise Unavailable("verification_busy")
    judging = judge.pdf if kind == PDF else judge.json
    verdict = await to_thread.run_sync(judging, bytes(given), limiter=verifying)
    return Response(rendered(_shown(desk, verdict)), 200, {"Cache-Control": "no-store"}, JSON)


@reads.get(
    VERIFICATION + "/{code}",
    operation_id="verify_extract_by_code",
    summary="What an extract's QR code opens",
    responses={200: {"model": VerdictShown, "content": _HTML_CONTENT}, 404: {"content": _HTML_CONTENT}},
)
def verify_by_code(
    request: Request,
    code: Annotated[str, Path(max_length=64, examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])],
    caller: Annotated[Caller, Depends(PUBLIC)],
) -> Response:
    """What the extract says, to compare with paper, and what changed since; a page or JSON by `Accept`."""
    desk = desk_of(request)
    judge = _judge(request)
    as_json = preferred_type(request.headers.get("accept"), (JSON, "text/html")) == JSON
    with desk.journal.database.read() as connection:
        extract_id = extract_of_code(connection, code.upper())
    if extract_id is None:
        if as_json:
            raise NotFound("extract_unknown")
        shown = _shown(desk, judge.nobodys())
        answer = Response(page_of(shown, caller.language), 404, {"Cache-Control": "no-store"}, HTML)
    else:
        shown = _shown(desk, judge.code(extract_id))
        body = rendered(shown) if as_json else page_of(shown, caller.language)
        answer = read_bytes(request, body, JSON if as_json else HTML)
    if not as_json:
        answer.headers.update(PAGE_HEADERS)
        answer.headers["Content-Language"] = caller.language
    answer.headers["Vary"] = "Accept, Accept-Language"
    return answer


def _judge(request: Request) -> Judge:
    office = office_of(request)
    return Judge(desk_of(request), office.seal.known, office.log)


def _shown(desk: Desk, verdict: Verdict) -> VerdictShown:
    return verdict_shown(verdict, desk.clock.now())
