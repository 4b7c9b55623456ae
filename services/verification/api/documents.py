"""`/v1/documents`: evidence, uploaded here and named elsewhere by digest."""

from __future__ import annotations

from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import FileResponse, Response

from services.kernel.errors import NotFound
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import JSON, rendered
from services.verification.adapters.documents import MAX_DOCUMENT_BYTES, MEDIA_TYPES
from services.verification.api.desk import AtDesk
from services.verification.api.representations import DocumentKept

router: Final = APIRouter(tags=["documents"])
PATH: Final = "/v1/documents"
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
    _caller: Annotated[Caller, Depends(Reading("producer", "informatization_officer"))],
) -> Response:
    """Up to 50 MiB, streamed; the same content again gets the same answer, so no key is needed."""
    store = desk.practice.documents
    draft = await to_thread.run_sync(store.draft, request.headers.get("content-type", ""))
    try:
        async for chunk in request.stream():
            if chunk:
                await to_thread.run_sync(draft.write, chunk)
        kept = await to_thread.run_sync(store.keep, draft)
    finally:
        await to_thread.run_sync(draft.discard)
    shown = DocumentKept(sha256=kept.sha256, media_type=kept.media_type, size=kept.size)
    return Response(rendered(shown), 201, {"Location": f"{PATH}/{kept.sha256}"}, JSON)


@router.get(
    PATH + "/{sha256}",
    operation_id="read_document",
    summary="Read a document",
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
)
def read_document(
    desk: AtDesk,
    _caller: Annotated[Caller, Depends(Reading("informatization_officer", "auditor"))],
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["9f86d081884c7d65" * 4])],
) -> Response:
    """As it was uploaded; the digest says whether it is."""
    store = desk.practice.documents
    with desk.journal.database.read() as connection:
        found = store.find(connection, [sha256]).get(sha256)
    if found is None or not store.path_of(sha256).is_file():
        raise NotFound("document_unknown", sha256=sha256)
    headers = {"Content-Disposition": "attachment", "Cache-Control": "private, no-store"}
    return FileResponse(store.path_of(sha256), media_type="application/octet-stream", headers=headers)


LARGER_BODIES: Final = {PATH: MAX_DOCUMENT_BYTES + 1}
"""One byte more than a document may have, so that the store itself answers with its own limit."""
