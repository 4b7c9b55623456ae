"""Problem documents (RFC 9457): the one place where errors become answers.

Every problem has a stable code, a `type` of `/problems/<code>` that each service serves and `docs/problems/`
holds, and a title and explanation in kk, ru and en from a catalogue of data files. No stack, SQL or file name
leaves the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from services.kernel.errors import DomainError
from services.kernel.http.language import preferred_language
from services.kernel.telemetry import logger

MEDIA_TYPE: Final = "application/problem+json"
KERNEL_CATALOGUE: Final = Path(__file__).with_name("problems.json")
_PLACE: Final = re.compile(r"\{(\w+)\}")


class Wording(msgspec.Struct, frozen=True):
    """One text in the three languages; `{name}` stands for a parameter of the error."""

    kk: str
    ru: str
    en: str

    def written(self, language: str, params: Mapping[str, str]) -> str:
        """The text in one language with its parameters filled in."""
        text: str = getattr(self, language)
        return _PLACE.sub(lambda found: params.get(found[1], ""), text)


class ProblemType(msgspec.Struct, frozen=True):
    """What a problem code means: its HTTP status, its title and the explanation with the way out."""

    status: int
    title: Wording
    detail: Wording


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong place: `pointer` (RFC 6901) into the body, or the `parameter` of the URL or header."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemCatalogue:
    """All problem types of one service: the kernel's and its own."""

    def __init__(self, *files: Path) -> None:
        self.types: dict[str, ProblemType] = {}
        for file in (KERNEL_CATALOGUE, *files):
            own = msgspec.json.decode(file.read_bytes(), type=dict[str, ProblemType])
            doubled = self.types.keys() & own.keys()
            if doubled:
                raise ValueError(f"problems defined twice: {', '.join(sorted(doubled))}")
            self.types.update(own)

    def response(self, request: Request, occurrence: Occurrence) -> Response:
        """The problem document for one occurrence, in the caller's language."""
        language = preferred_language(request.headers.get("accept-language"))
        kind = self.types.get(occurrence.code)
        status = occurrence.status or (kind.status if kind else 500)
        document: dict[str, object] = {
            "type": f"/problems/{occurrence.code}",
            "title": kind.title.written(language, occurrence.params) if kind else HTTPStatus(status).phrase,
            "status": status,
            "code": occurrence.code,
            "instance": f"urn:request:{request.scope.get('request_id', '')}",
        }
        if kind:
            document["detail"] = kind.detail.written(language, occurrence.params)
        if occurrence.params:
            document["params"] = dict(occurrence.params)
        if occurrence.errors:
            document["errors"] = [
                {name: value for name, value in _as_dict(error).items() if value is not None}
                for error in occurrence.errors
            ]
        headers = {"Content-Language": language, "Cache-Control": "no-store", **occurrence.headers}
        return Response(msgspec.json.encode(document), status, headers, MEDIA_TYPE)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One problem that happened; `status` only where it differs from the catalogue's."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[FieldError] = ()
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Problem(Exception):
    """Raised at the HTTP edge to answer with a problem that is not the domain's."""

    def __init__(
        self,
        code: str,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
        **params: str,
    ) -> None:
        super().__init__(code)
        self.occurrence = Occurrence(code, params, errors, headers=headers or {})


def _as_dict(error: FieldError) -> dict[str, str | None]:
    return {
        "code": error.code,
        "detail": error.detail,
        "pointer": error.pointer,
        "parameter": error.parameter,
    }


def install(app: FastAPI, catalogue: ProblemCatalogue, admit: Callable[[Request], None]) -> None:
    """Answer every error of `app` with a problem document.

    `admit` raises `Problem` for a caller who may not use the route; such a one is told so, not what is wrong
    with the request.
    """

    def domain(request: Request, error: Exception) -> Response:
        if not isinstance(error, DomainError):
            raise error
        errors = (FieldError(error.code, str(error), pointer=error.pointer),) if error.pointer else ()
        headers = {"Retry-After": "1"} if error.status == 503 else {}
        return catalogue.response(
            request, Occurrence(error.code, error.params, errors, status=error.status, headers=headers)
        )

    def edge(request: Request, error: Exception) -> Response:
        if not isinstance(error, Problem):
            raise error
        return catalogue.response(request, error.occurrence)

    def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        code = _HTTP_CODES.get(error.status_code, "request_refused")
        return catalogue.response(
            request, Occurrence(code, status=error.status_code, headers=dict(error.headers or {}))
        )

    def unexpected(request: Request, error: Exception) -> Response:
        request_id = request.scope.get("request_id")
        logger.error("unexpected error", exc_info=error, extra={"request_id": request_id})
        # Starlette answers this outside the request's context, so its headers are given here.
        headers = {"Request-Id": request_id or "", "X-Content-Type-Options": "nosniff"}
        return catalogue.response(request, Occurrence("internal_error", status=500, headers=headers))

    app.add_exception_handler(DomainError, domain)
    app.add_exception_handler(Problem, edge)
    app.add_exception_handler(RequestValidationError, _validation(catalogue, admit))
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _validation(
    catalogue: ProblemCatalogue, admit: Callable[[Request], None]
) -> Callable[[Request, Exception], Response]:
    def validation(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        try:
            admit(request)
        except Problem as refused:
            return catalogue.response(request, refused.occurrence)
        return catalogue.response(request, _from_validation(error))

    return validation


_HTTP_CODES: Final = {
    400: "body_unreadable",
    404: "path_unknown",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "media_type_unsupported",
}
_REQUIRED_HEADERS: Final = {
    "idempotency-key": "idempotency_key_required",
    "if-match": "if_match_required",
}


def _from_validation(error: RequestValidationError) -> Occurrence:
    """FastAPI's findings as one problem: unreadable body, missing precondition header, or wrong fields."""
    findings = error.errors()
    if any(finding["type"] == "json_invalid" for finding in findings):
        return Occurrence("body_unreadable")
    for finding in findings:
        where = [str(part) for part in finding["loc"]]
        if finding["type"] == "missing" and where[0] == "header" and where[1].lower() in _REQUIRED_HEADERS:
            return Occurrence(_REQUIRED_HEADERS[where[1].lower()])
    return Occurrence("request_invalid", errors=[_field_error(finding) for finding in findings[:50]])


def _field_error(finding: Mapping[str, object]) -> FieldError:
    location = finding["loc"]
    parts = [str(part) for part in location] if isinstance(location, Sequence) else []
    place, path = (parts[0], parts[1:]) if parts else ("body", [])
    code, detail = str(finding["type"]), str(finding["msg"])
    context = finding.get("ctx")
    if isinstance(context, Mapping) and isinstance(reason := context.get("error"), ValueError):
        code, detail = getattr(reason, "code", code), str(reason)
    if place == "body":
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        return FieldError(code, detail, pointer=pointer)
    return FieldError(code, detail, parameter=".".join(path))
