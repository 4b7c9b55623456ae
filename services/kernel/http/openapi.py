"""Completing the OpenAPI that FastAPI generates: roles, problems for every status, security, webhooks.

What an operation can answer follows from how it is declared (its role dependency, body and parameters), so
it is derived here once instead of being repeated on each route.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext

from services.kernel.http.requests import Reading

_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Problem document (RFC 9457).",
    "required": ["type", "title", "status", "code", "instance"],
    "properties": {
        "type": {"type": "string", "description": "Resolves to a page that explains the problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "`urn:request:` and the request id."},
        "params": {"type": "object", "additionalProperties": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901) into the body."},
                    "parameter": {"type": "string"},
                },
            },
        },
    },
}
_MEANINGS: Final = {
    400: "The request cannot be read or lacks a required header.",
    401: "The access token is missing or not valid.",
    403: "The caller may not do this.",
    404: "Unknown, or not the caller's to see.",
    409: "The present state forbids it.",
    412: "The precondition does not hold.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The media type is not supported.",
    422: "A value is wrong.",
    428: "A precondition header is required.",
    429: "The caller asks too often; `Retry-After` says when to ask again.",
    503: "The store cannot answer now; repeat the same request.",
}
_COMMAND_HEADERS: Final = {
    "ETag": {"description": "Version of what was written.", "schema": {"type": "string"}},
    "Journal-Position": {
        "description": "Position of the fact in the journal.",
        "schema": {"type": "integer"},
    },
    "Location": {"description": "Where it can be read.", "schema": {"type": "string"}},
}


_RATE_HEADERS: Final = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "RateLimit-Policy": {
        "description": "`q` requests in `w` seconds (draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "`r` requests are left; `t` seconds until there is one.",
        "schema": {"type": "string"},
    },
}


def described(
    schema: dict[str, Any],
    routes: Mapping[str, RouteContext],
    *,
    audience: str,
    webhooks: Mapping[str, Any],
) -> dict[str, Any]:
    """The complete document of the service that tokens know as `audience`."""
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM_SCHEMA
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "at+jwt (RFC 9068)",
            "description": f"A JWT whose `aud` names `{audience}`, of five minutes at the most.",
        }
    }
    for method, operation in _all_operations(schema):
        _complete(method, operation, routes[operation["operationId"]])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if webhooks:
        schema["webhooks"] = dict(webhooks)
    return schema


def roles_of(route: RouteContext) -> Reading | None:
    """The role dependency of a route: who may call it, and what headers it needs."""
    return _find(route.dependant)


def _find(dependant: Dependant) -> Reading | None:
    if isinstance(dependant.call, Reading):
        return dependant.call
    for inner in dependant.dependencies:
        found = _find(inner)
        if found is not None:
            return found
    return None


def _all_operations(schema: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for methods in schema["paths"].values():
        yield from methods.items()


def _complete(method: str, operation: dict[str, Any], route: RouteContext) -> None:
    reading = roles_of(route)
    responses = operation.setdefault("responses", {})
    if _is_default(responses.get("422")):
        del responses["422"]
    for status in sorted(_statuses(operation, reading)):
        meaning = {"description": _MEANINGS[status]}
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        known = responses.setdefault(str(status), meaning)
        known.setdefault("content", {}).update(content)
        if status == 429:
            known["headers"] = _RATE_HEADERS
        elif status == 503 and reading is not None:
            known["headers"] = {"Retry-After": _RATE_HEADERS["Retry-After"]}
    if reading is None:
        operation["security"] = []
        operation["x-roles"] = ["public"]
        return
    operation["x-roles"] = list(reading.roles)
    operation["security"] = [{}, {"bearer": []}] if "public" in reading.roles else [{"bearer": []}]
    if reading.needs_key:
        for code, response in responses.items():
            if code.startswith("2"):
                response.setdefault("headers", _COMMAND_HEADERS)
    elif method == "get" and "200" in responses and operation["operationId"] != "read_journal":
        responses.setdefault("304", {"description": "The caller has this version already (`If-None-Match`)."})


def _is_default(response: dict[str, Any] | None) -> bool:
    schema = (response or {}).get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("/HTTPValidationError")


def _statuses(operation: dict[str, Any], reading: Reading | None) -> set[int]:
    parameters = operation.get("parameters", [])
    declared = {int(status) for status in operation["responses"] if status.startswith("4")}
    statuses = {400, 414} if operation["operationId"] == "is_alive" else {400, 414, 429}
    statuses |= declared
    if any(parameter["in"] == "path" for parameter in parameters):
        statuses |= {404, 422}
    if parameters:
        statuses.add(422)
    if "requestBody" in operation:
        statuses |= {413, 415, 422}
    if reading is None:
        return statuses
    statuses |= {401, 503}
    if reading.roles != ("public",):
        statuses.add(403)
    if reading.needs_key:
        statuses |= {409, 413, 415, 422}
    if reading.needs_if_match:
        statuses |= {412, 428}
    if any(parameter["name"] == "min_position" for parameter in parameters):
        statuses.add(412)
    return statuses
