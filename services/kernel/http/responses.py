"""Answers: representations with their ETag and journal position, lists with a link to the next page."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from services.kernel.http.problems import Problem

JSON: Final = "application/json"
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500

ItemT = TypeVar("ItemT", bound=BaseModel)
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at the most.")]
CursorParameter = Annotated[
    str | None, Query(max_length=1_000, description="The `next` of the page before, as it was given.")
]


class Representation(BaseModel):
    """What the API answers with; unknown fields are refused where it comes back as input."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Representation, Generic[ItemT]):
    """One page of a list: its items and, unless it is the last, the cursor of the next."""

    items: list[ItemT]
    next: str | None = None


def rendered(model: BaseModel) -> bytes:
    """The JSON of a representation; absent optional fields are left out."""
    return model.__pydantic_serializer__.to_json(model, exclude_none=True)


def etag_of(version: int) -> str:
    """The strong entity tag of a stream version (RFC 9110 section 8.8.3)."""
    return f'"{version}"'


def recorded(
    model: BaseModel, *, status: int, version: int, position: int | None, location: str | None = None
) -> Response:
    """The answer to a command: the new representation, its version and the position that holds the fact.

    A service without a journal has no position to name.
    """
    headers = {"ETag": etag_of(version), "Cache-Control": "no-store"}
    if position is not None:
        headers["Journal-Position"] = str(position)
    if location is not None:
        headers["Location"] = location
    return Response(rendered(model), status, headers, JSON)


def read(
    request: Request,
    model: BaseModel,
    *,
    version: int | None = None,
    shows_more: bool = False,
    pinned: str | None = None,
    public: bool = False,
) -> Response:
    """The answer to a read: 304 when the caller already has this version (`If-None-Match`).

    What `shows_more` than the stream of that version has the body's digest in its entity tag too, which
    `If-Match` passes over. `pinned` tells what the read was pinned to and stands behind the digest.
    """
    body = rendered(model)
    tag = None if version is None else etag_of(version)
    if version is not None and shows_more:
        tag = f'"{version}-{_digest(body)}"'
    if pinned is not None:
        tag = f'"{_digest(body)}.{pinned}"'
    return read_bytes(request, body, JSON, etag=tag, public=public)


def read_bytes(
    request: Request, body: bytes, media_type: str, *, etag: str | None = None, public: bool = False
) -> Response:
    """The answer to a read in any media type; without an `etag` the body's digest is one."""
    tag = etag or f'"{_digest(body)}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache" if public else "private, no-cache"}
    given = request.headers.get("if-none-match", "").split(",")
    known = {one.strip().removeprefix("W/") for one in given}
    if tag in known or "*" in known:  # compared weakly (RFC 9110 section 13.1.2): proxies weaken tags
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def page(
    request: Request,
    items: Sequence[ItemT],
    kind: type[Page[ItemT]],
    *,
    next_cursor: str | None,
    pinned: str | None = None,
    public: bool = False,
) -> Response:
    """The answer to a list: one page, its ETag, and `Link: rel="next"` (RFC 8288) unless it is the last."""
    shown = kind(items=list(items), next=next_cursor)
    return linked(request, read(request, shown, pinned=pinned, public=public), next_cursor)


def linked(request: Request, answer: Response, next_cursor: str | None) -> Response:
    """The answer with `Link: rel="next"` (RFC 8288), unless there is no next page."""
    if next_cursor is not None:
        url = request.url.include_query_params(cursor=next_cursor)
        answer.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return answer


@dataclass(frozen=True, slots=True)
class Cursors:
    """Cursors of one service: where the next page starts, signed, only good for the same list and filters."""

    key: bytes

    def write(self, request: Request, after: Sequence[str | int], filters: Mapping[str, object]) -> str:
        """The cursor that continues this list behind the item whose sort key is `after`."""
        content = msgspec.json.encode([list(after), self._hash(request, filters)])
        return base64.urlsafe_b64encode(self._sign(content) + content).decode().rstrip("=")

    def read(self, request: Request, cursor: str, filters: Mapping[str, object]) -> list[str | int]:
        """The sort key a cursor continues behind. Raises 400 (`cursor_invalid`) for any other text."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            signature, content = raw[:16], raw[16:]
            after, digest = msgspec.json.decode(content, type=tuple[list[str | int], str])
        except (ValueError, msgspec.MsgspecError):
            raise Problem("cursor_invalid") from None
        if not hmac.compare_digest(signature, self._sign(content)) or digest != self._hash(request, filters):
            raise Problem("cursor_invalid")
        return after

    def _sign(self, content: bytes) -> bytes:
        return hmac.new(self.key, b"cursor\x00" + content, hashlib.sha256).digest()[:16]

    @staticmethod
    def _hash(request: Request, filters: Mapping[str, object]) -> str:
        named = {name: str(value) for name, value in filters.items() if value is not None}
        asked = [request.scope["path"], named]
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:16]
