"""`/v1/documents`: evidence, uploaded here and named elsewhere by digest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from services.kernel.http.requests import Caller, Reading, provenance_of
from services.kernel.http.responses import JSON, CursorParameter, Limit, page, rendered
from services.kernel.journal.aggregate import Act
from services.verification.adapters.document_content import MEDIA_TYPES
from services.verification.adapters.document_looks import RecordedLook, list_looks
from services.verification.adapters.documents import MAX_DOCUMENT_BYTES
from services.verification.adapters.filings import Filing
from services.verification.api.desk import AtDesk, Desk
from services.verification.api.evidence import DocumentKept, LookPage, LookShown, SupersessionShown
from services.verification.api.forms import SupersessionForm
from services.verification.usecases.look_at_document import Wanted, look_at_document
from services.verification.usecases.supersede_document import Replacement, supersede_document
from services.verification.usecases.upload_document import filing_by_officer, filing_by_producer

router: Final = APIRouter(tags=["documents"])
PATH: Final = "/v1/documents"
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["9f86d081884c7d65" * 4])]
_CONTENT: Final = {
    name: {"schema": {"type": "string", "contentMediaType": name}} for name in sorted(MEDIA_TYPES)
}


@router.post(
    PATH,
    operation_id="upload_document",
    summary="Upload a document; the answer is its digest",
    status_code=201,
    responses={201: {"model": DocumentKept}},
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def upload(
    request: Request,
    desk: AtDesk,
    caller: Annotated[Caller, Depends(Reading("producer", "informatization_officer"))],
    case: Annotated[
        UUID | None, Query(description="For officers: the case for whose producer it is uploaded.")
    ] = None,
) -> Response:
    """Up to 50 MiB, streamed; the same content again gets the same answer, so no key is needed.

    It is evidence of the producer that uploads it, and of nobody else who names its digest.
    """
    filing = await to_thread.run_sync(_filing, request, desk, caller, case)
    store = desk.practice.documents
    draft = await to_thread.run_sync(store.draft, request.headers.get("content-type", ""))
    try:
        async for chunk in request.stream():
            if chunk:
                await to_thread.run_sync(draft.write, chunk)
        kept = await to_thread.run_sync(store.keep, draft, filing)
    finally:
        await to_thread.run_sync(draft.discard)
    shown = DocumentKept(sha256=kept.sha256, media_type=kept.media_type, size=kept.size)
    return Response(rendered(shown), 201, {"Location": f"{PATH}/{kept.sha256}"}, JSON)


@router.get(
    PATH + "/{sha256}",
    operation_id="read_document",
    summary="Read a document of a case",
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
)
def read_document(
    request: Request,
    desk: AtDesk,
    sha256: Digest,
    case: Annotated[UUID, Query(description="The case that names it, and on which it is looked at.")],
    caller: Annotated[Caller, Depends(Reading("informatization_officer"))],
) -> Response:
    """Once the case is assigned, for its officer alone; on an appeal those of the appealed case are seen too.

    The look is recorded before the first byte; an answer that breaks off is of an altered document.
    """
    act = Act(desk.practice.clock.now(), provenance_of(request, caller))
    found = look_at_document(desk.journal, desk.practice, act, Wanted(case, sha256))
    headers = {
        "Content-Disposition": "attachment",
        "Cache-Control": "private, no-store",
        "Content-Length": str(found.size),
    }
    content = desk.practice.documents.stream(found)
    return StreamingResponse(content, media_type="application/octet-stream", headers=headers)


@router.post(
    PATH + "/{sha256}/supersession",
    operation_id="supersede_document",
    summary="Say that a later document replaces this one in an application",
    status_code=201,
    responses={
        201: {"model": SupersessionShown},
        409: {"description": "Another document replaced it, or the replacement was replaced itself."},
    },
)
def supersede(
    request: Request,
    desk: AtDesk,
    sha256: Digest,
    body: SupersessionForm,
    caller: Annotated[Caller, Depends(Reading("producer", "informatization_officer"))],
) -> Response:
    """The same replacement again gets the same answer, so no key is needed."""
    act = Act(desk.practice.clock.now(), provenance_of(request, caller))
    producer = None if caller.is_any("informatization_officer") else caller.principal.producer or ""
    new = Replacement(body.application_id, sha256, body.superseded_by, producer)
    kept = supersede_document(desk.journal, desk.practice, act, new)
    shown = SupersessionShown(
        application_id=kept.application_id,
        sha256=kept.sha256,
        superseded_by=kept.superseded_by,
        marked_at=_instant(kept.marked_at),
    )
    return Response(rendered(shown), 201, {"Cache-Control": "no-store"}, JSON)


@router.get(
    PATH + "/{sha256}/looks",
    operation_id="list_document_looks",
    summary="Who looked at a document, when and on which case",
    responses={200: {"model": LookPage}},
)
def read_looks(
    request: Request,
    desk: AtDesk,
    sha256: Digest,
    _caller: Annotated[Caller, Depends(Reading("auditor"))],
    limit: Limit = 50,
    cursor: CursorParameter = None,
) -> Response:
    """Oldest first; nothing is ever taken out."""
    filters = {"sha256": sha256}
    after = UUID(str(desk.cursors.read(request, cursor, filters)[0])) if cursor else None
    with desk.journal.database.read() as connection:
        looks = list_looks(connection, sha256, after=after, limit=limit + 1)
    following = (
        desk.cursors.write(request, [str(looks[limit - 1].look_id)], filters) if len(looks) > limit else None
    )
    return page(request, [_look(look) for look in looks[:limit]], LookPage, next_cursor=following)


def _filing(request: Request, desk: Desk, caller: Caller, case: UUID | None) -> Filing:
    act = Act(desk.practice.clock.now(), provenance_of(request, caller))
    if caller.is_any("informatization_officer"):
        return filing_by_officer(desk.journal, act, case)
    return filing_by_producer(act, caller.principal.producer, case)


def _look(look: RecordedLook) -> LookShown:
    return LookShown(
        look_id=str(look.look_id),
        case_id=look.case_id,
        seen_as=look.seen_as,
        actor=look.actor,
        request_id=look.request_id,
        looked_at=_instant(look.looked_at),
    )


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


LARGER_BODIES: Final = {PATH: MAX_DOCUMENT_BYTES + 1}
"""One byte more than a document may have, so that the store itself answers with its own limit."""
