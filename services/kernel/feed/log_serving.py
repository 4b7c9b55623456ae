"""The journal's transparency log over HTTP (c2sp.org/tlog-tiles), and the proof of each record.

Hashes and checkpoints are for everyone; entry bundles hold the records and are for whoever may read the
journal. Annotations are evaluated here, not postponed: the routes' dependencies are local to the function
that makes them.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.http.problems import Problem
from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import Representation, read, read_bytes
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.published import KEY_PATH, PREDECESSOR_PATH, WITNESSED_PATH, PublishedLog
from services.proof.logs import CHECKPOINT_PATH
from services.proof.notes import encoded
from services.proof.tiles import TILE_WIDTH, bundle, tile_path, tile_width
from services.proof.tree import HASH_BYTES, leaf_hash

TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
FOR_EVER: Final = "public, max-age=31536000, immutable"
MAX_POSITION: Final = 2**53 - 1
INDEX: Final = r"^(x[0-9]{3}/){0,5}[0-9]{3}(\.p/([1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5]))?$"

TileIndex = Annotated[
    str,
    Path(
        pattern=INDEX,
        description="The tile's number in groups of three digits, all but the last behind an `x`; a partial "
        "tile with `.p/` and its width.",
        examples=["000", "x001/x234/067", "000.p/7"],
    ),
]
_AS_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}
_AS_BYTES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}
}


class Consistency(Representation):
    """What shows that the tree over the first `earlier` records begins the tree over `later`."""

    earlier: int
    later: int
    hashes: list[str] = Field(description="RFC 6962 section 2.1.2, base64.")


def log_router(journal: Journal, log: PublishedLog, *roles: str) -> APIRouter:
    """`/v1/journal/log/...` and proofs; entry bundles for callers with one of `roles`."""
    router = APIRouter(tags=["transparency log"])
    _add_file(router, log, CHECKPOINT_PATH, "The log's newest checkpoint, a signed note")
    _add_file(router, log, KEY_PATH, "The log's verifier key")
    _add_file(router, log, WITNESSED_PATH, "The newest checkpoint that enough witnesses cosigned")
    _add_file(router, log, PREDECESSOR_PATH, "The last checkpoint of the log before a restore")
    _add_entries(router, journal, log, roles)
    _add_tiles(router, log)
    _add_proofs(router, log)
    return router


def _add_file(router: APIRouter, log: PublishedLog, file: str, summary: str) -> None:
    @router.get(
        f"/v1/journal/log/{file}",
        operation_id=f"read_log_{file}",
        summary=summary,
        responses={**_AS_TEXT, 404: {"description": "There is none."}},
    )
    def read_file(request: Request, _caller: Annotated[Caller, Depends(Reading("public"))]) -> Response:
        return read_bytes(request, _there(log.read(file), file), TEXT, public=True)


def _add_entries(router: APIRouter, journal: Journal, log: PublishedLog, roles: Sequence[str]) -> None:
    @router.get(
        "/v1/journal/log/tile/entries/{index:path}",
        operation_id="read_log_entries",
        summary="256 records, each behind its length",
        responses=_AS_BYTES,
    )
    def read_entries(index: TileIndex, _caller: Annotated[Caller, Depends(Reading(*roles))]) -> Response:
        number, width = _numbered(index)
        head = log.head()
        if head is None or tile_width(0, number, head.size) < width:
            raise Problem("log_file_unknown", file=tile_path("entries", number, width))
        records = [row.record for row in journal.after(number * TILE_WIDTH, width)]
        sealed = log.leaves(number, head.size)[:width]
        if [leaf_hash(record) for record in records] != sealed:  # shown as it is, but not for ever
            return Response(bundle(records), headers={"Cache-Control": "no-store"}, media_type=BYTES)
        return _immutable(bundle(records), public="public" in roles)


def _add_tiles(router: APIRouter, log: PublishedLog) -> None:
    @router.get(
        "/v1/journal/log/tile/{level}/{index:path}",
        operation_id="read_log_tile",
        summary="256 hashes of the tree",
        responses=_AS_BYTES,
    )
    def read_tile(
        level: Annotated[int, Path(ge=0, le=6)],
        index: TileIndex,
        _caller: Annotated[Caller, Depends(Reading("public"))],
    ) -> Response:
        number, width = _numbered(index)
        head = log.head()
        path = tile_path(level, number, width)
        if head is None or tile_width(level, number, head.size) < width:
            raise Problem("log_file_unknown", file=path)
        found = log.read(path)
        if found is None and (whole := log.read(tile_path(level, number))):
            found = whole[: width * HASH_BYTES]
        return _immutable(_there(found, path), public=True)


def _add_proofs(router: APIRouter, log: PublishedLog) -> None:
    @router.get(
        "/v1/journal/log/consistency",
        operation_id="read_log_consistency",
        summary="Show that an earlier checkpoint begins a later one",
        responses={200: {"model": Consistency}, 404: {"description": "Not that many records are sealed."}},
    )
    def read_consistency(
        request: Request,
        _caller: Annotated[Caller, Depends(Reading("public"))],
        earlier: Annotated[int, Query(ge=0, le=MAX_POSITION, description="The earlier checkpoint's size.")],
        later: Annotated[
            int | None, Query(ge=0, le=MAX_POSITION, description="The later one's; by default the newest.")
        ] = None,
    ) -> Response:
        size = _sealed(log)
        end = size if later is None else later
        if max(earlier, end) > size:
            raise Problem("position_not_sealed", position=str(max(earlier, end)), sealed=str(size))
        if earlier > end:
            raise Problem("sizes_reversed", earlier=str(earlier), later=str(end))
        hashes = [encoded(each) for each in log.consistency(earlier, end) or ()]
        return read(request, Consistency(earlier=earlier, later=end, hashes=hashes), public=True)

    @router.get(
        "/v1/journal/events/{position}/proof",
        operation_id="read_proof",
        summary="The proof that the log holds a record",
        responses=_AS_TEXT,
    )
    def read_proof(
        request: Request,
        _caller: Annotated[Caller, Depends(Reading("public"))],
        position: Annotated[int, Path(ge=1, le=MAX_POSITION, examples=[1])],
    ) -> Response:
        """As c2sp.org/tlog-proof@v1; it verifies offline with the record's bytes and the log's key."""
        proof = log.proof_of(position)
        if proof is None:
            raise Problem("position_not_sealed", position=str(position), sealed=str(log.proved()))
        return read_bytes(request, proof.encode(), TEXT, public=True)


def _sealed(log: PublishedLog) -> int:
    head = log.head()
    return 0 if head is None else head.size


def _there(raw: bytes | None, file: str) -> bytes:
    if raw is None:
        raise Problem("log_file_unknown", file=file)
    return raw


def _numbered(index: str) -> tuple[int, int]:
    """The number and the width that a tile's path names."""
    number, _, width = index.partition(".p/")
    return int(re.sub(r"[x/]", "", number)), int(width or TILE_WIDTH)


def _immutable(raw: bytes, *, public: bool) -> Response:
    caching = FOR_EVER if public else FOR_EVER.replace("public", "private")
    return Response(raw, headers={"Cache-Control": caching}, media_type=BYTES)
