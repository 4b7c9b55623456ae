"""What surrounds every request: its id, limits, metrics, the access log. Plain ASGI, to cost little."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final
from uuid import uuid4

from fastapi import Request
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.http.problems import Occurrence, ProblemCatalogue
from services.kernel.http.rates import RateLimit
from services.kernel.telemetry import REQUEST_SECONDS, REQUESTS, logger

MAX_URL_CHARACTERS: Final = 2_000
MAX_BODY_BYTES: Final = 64 * 1024
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SINGLE: Final = (
    b"authorization",
    b"content-type",
    b"host",
    b"idempotency-key",
    b"if-match",
    b"request-id",
    b"traceparent",
    b"x-road-client",
    b"x-road-id",
)
"""Header fields that one reader would take from the first line and another from the last."""


class RequestContext:
    """Gives each request an id, refuses what is too much or of the wrong media type, measures and logs.

    `larger_bodies` maps a path to the bytes it may take instead of 64 KiB; such a path checks its own media
    type.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        catalogue: ProblemCatalogue,
        rates: RateLimit,
        larger_bodies: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._service = service
        self._catalogue = catalogue
        self._rates = rates
        self._larger_bodies = dict(larger_bodies or {})
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        method = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # the server leaves the content out (RFC 9110 section 9.3.2)
        request_id = _accepted(_REQUEST_ID, headers.get(b"request-id")) or uuid4().hex
        scope["request_id"] = request_id
        scope["traceparent"] = _accepted(_TRACEPARENT, headers.get(b"traceparent"))
        started = self._clock()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            refusal = (
                self._rates.refusal(scope, headers)
                or _ill_formed(scope, headers)
                or self._refusal(scope, headers)
            )
            if refusal is not None:
                answer = self._catalogue.response(Request(scope), refusal)
                await answer(scope, receive, sending)
            else:
                limit = self._larger_bodies.get(scope["path"], MAX_BODY_BYTES)
                await self._app(scope, _limited(receive, limit, json=_is_json(headers)), sending)
        finally:
            self._account(scope, method, status, self._clock() - started)

    def _refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Occurrence | None:
        if scope["method"] not in _WITH_BODY:
            return None
        limit = self._larger_bodies.get(scope["path"], MAX_BODY_BYTES)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            return Occurrence("body_too_large", {"limit": str(limit)})
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        has_body = length != b"0" or b"transfer-encoding" in headers
        if has_body and media_type != b"application/json" and scope["path"] not in self._larger_bodies:
            return Occurrence("media_type_unsupported")
        return None

    def _account(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        counted = method if method in _METHODS else "other"
        answered, duration = _meters(self._service, counted, route, status)
        answered.inc()
        duration.observe(seconds)
        level = 40 if status >= 500 else 20
        if logger.isEnabledFor(level):
            told = {
                "method": method,
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "request_id": scope["request_id"],
                "actor": scope.get("actor"),
            }
            if "token_refused" in scope:
                told["token_refused"] = scope["token_refused"]
            logger.log(level, "request", extra=told)


@cache
def _meters(service: str, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The counter and the histogram of one kind of answer, found once: routes and statuses are few."""
    return REQUESTS.labels(service, method, route, str(status)), REQUEST_SECONDS.labels(service, route)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in scope["headers"]}


def _ill_formed(scope: Scope, headers: Mapping[bytes, bytes]) -> Occurrence | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) + 1 > MAX_URL_CHARACTERS:
        return Occurrence("url_too_long", {"limit": str(MAX_URL_CHARACTERS)})
    if b"\x00" in scope["path"].encode(errors="replace") or b"%00" in scope["query_string"]:
        return Occurrence("url_invalid")
    if len(headers) != len(scope["headers"]) and (repeated := _repeated(scope)):
        return Occurrence("header_repeated", {"header": repeated})
    return None


def _repeated(scope: Scope) -> str | None:
    """The name of a header field given twice that may be given once."""
    names = [name.lower() for name, _value in scope["headers"]]
    return next((name.decode() for name in _SINGLE if names.count(name) > 1), None)


def _accepted(pattern: re.Pattern[str], value: bytes | None) -> str | None:
    text = value.decode("latin-1") if value else ""
    return text if pattern.fullmatch(text) else None


def _is_json(headers: Mapping[bytes, bytes]) -> bool:
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    return media_type == b"application/json"


def _limited(receive: Receive, limit: int, *, json: bool) -> Receive:
    """Count the body as it arrives: a chunked one states no length to refuse beforehand.

    JSON is UTF-8 (RFC 8259 section 8.1) and holds no zero byte; UTF-16 and UTF-32, which the decoder would
    guess, do.
    """
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413)
        if json and b"\x00" in message.get("body", b""):
            raise HTTPException(400)
        return message

    return counting
