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
from starlette.types import Receive, Scope, Send

from services.kernel.errors import DomainError
from services.kernel.http.language import preferred_language
from services.kernel.telemetry import logger
from services.kernel.trouble import STORE_ERRORS, connection_lost, statement_wrong

MEDIA_TYPE: Final = "application/problem+json"
_RETRY: Final[Mapping[str, str]] = {"Retry-After": "1"}
KERNEL_CATALOGUE: Final = Path(__file__).with_name("problems.json")
FIELD_ERRORS: Final = Path(__file__).with_name("field_errors.json")
CODED: Final = frozenset({"state", "allowed", "ground", "kind", "judgement"})
"""Parameters whose values are codes; a service's `words.json` words them for its texts."""
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
    """One wrong place: `pointer` (RFC 6901) into the body, or the `parameter` of the URL or header.

    Without a `detail` in the caller's language the catalogue explains `code` with `params`.
    """

    code: str
    detail: str | None = None
    pointer: str | None = None
    parameter: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)


class ProblemCatalogue:
    """All problem types of one service: the kernel's and its own."""

    def __init__(self, *files: Path) -> None:
        self.types: dict[str, ProblemType] = {}
        self.fields = msgspec.json.decode(FIELD_ERRORS.read_bytes(), type=dict[str, Wording])
        self.words: dict[str, Wording] = {}
        for words in filter(Path.exists, (file.with_name("words.json") for file in files)):
            self.words.update(msgspec.json.decode(words.read_bytes(), type=dict[str, Wording]))
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
        params = self._worded(occurrence.params, language)
        document: dict[str, object] = {
            "type": f"/problems/{occurrence.code}",
            "title": kind.title.written(language, params) if kind else HTTPStatus(status).phrase,
            "status": status,
            "code": occurrence.code,
            "instance": f"urn:request:{request.scope.get('request_id', '')}",
        }
        if kind:
            document["detail"] = kind.detail.written(language, params)
        if occurrence.params:
            document["params"] = dict(occurrence.params)
        if occurrence.errors:
            document["errors"] = [
                {name: value for name, value in self._shown(error, language).items() if value is not None}
                for error in occurrence.errors
            ]
        headers = {"Content-Language": language, "Cache-Control": "no-store", **occurrence.headers}
        return Response(msgspec.json.encode(document), status, headers, MEDIA_TYPE)

    def _worded(self, params: Mapping[str, str], language: str) -> dict[str, str]:
        """The parameters as a text in this language names them: codes of states and steps in words."""
        return {
            name: ", ".join(self._word(code, language) for code in value.split(", "))
            if name in CODED
            else value
            for name, value in params.items()
        }

    def _word(self, code: str, language: str) -> str:
        word = self.words.get(code)
        return str(getattr(word, language)) if word else code

    def _shown(self, error: FieldError, language: str) -> dict[str, str | None]:
        kind = self.types.get(error.code)
        wording = self.fields.get(error.code) or (kind.detail if kind else self.fields["value_error"])
        return {
            "code": error.code,
            "detail": error.detail or wording.written(language, self._worded(error.params, language)),
            "pointer": error.pointer,
            "parameter": error.parameter,
        }


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


def install(app: FastAPI, catalogue: ProblemCatalogue, admit: Callable[[Request], None]) -> None:
    """Answer every error of `app` with a problem document.

    `admit` raises `Problem` for a caller who may not use the route; such a one is told so, not what is wrong
    with the request.
    """

    def domain(request: Request, error: Exception) -> Response:
        if not isinstance(error, DomainError):
            raise error
        errors = _place_of(error)
        headers = _RETRY if error.status == 503 else {}
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
    for trouble in STORE_ERRORS:
        app.add_exception_handler(trouble, _store(catalogue))
    app.add_exception_handler(Exception, unexpected)


def _store(catalogue: ProblemCatalogue) -> Callable[[Request, Exception], Response]:
    def store(request: Request, error: Exception) -> Response:
        if statement_wrong(error):
            raise error
        if request.method == "GET" and connection_lost(error) and "asked_again" not in request.scope:
            request.scope["asked_again"] = True
            return _OnceMore()
        request_id = request.scope.get("request_id")
        logger.error("the store did not answer", exc_info=error, extra={"request_id": request_id})
        return catalogue.response(request, Occurrence("store_unavailable", headers=_RETRY))

    return store


class _OnceMore(Response):
    """A read's answer after the store ended the connection it was read from: the route's, asked again.

    A command is never repeated here: its commit may have happened, which its key tells the caller.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)


def _place_of(error: DomainError) -> tuple[FieldError, ...]:
    if error.pointer is None:
        return ()
    return (FieldError(error.code, pointer=error.pointer, params=error.params),)


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
    code = str(finding["type"])
    context = finding.get("ctx")
    params = {name: str(value) for name, value in context.items()} if isinstance(context, Mapping) else {}
    if isinstance(context, Mapping) and isinstance(reason := context.get("error"), ValueError):
        code = getattr(reason, "code", code)
    if place == "body":
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        return FieldError(code, pointer=pointer, params=params)
    return FieldError(code, parameter=".".join(path), params=params)
