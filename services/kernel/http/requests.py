"""What a route is given: who reads, or a command with its legal act, idempotency key and precondition.

A route declares its roles by its dependency; the OpenAPI, the role matrix and the check are all read from it.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal

from fastapi import Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from services.kernel.clock import Clock
from services.kernel.errors import Stale
from services.kernel.http.language import preferred_language
from services.kernel.http.problems import Problem
from services.kernel.http.rates import Rate
from services.kernel.http.xroad import XRoad
from services.kernel.identity.tokens import PUBLIC, ROLES, Principal, TokenRefused, TokenVerifier
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.kernel.journal.units import AnswerKey

_ENTITY_TAGS: Final = r'^(\*|(W/)?"[\x21\x23-\x7e]*"([ \t]*,[ \t]*(W/)?"[\x21\x23-\x7e]*")*)$'
"""What `If-Match` may hold (RFC 9110 section 13.1.1)."""
_VERSION: Final = re.compile(r'"(0|[1-9][0-9]{0,8})(?:-[0-9a-f]{32})?"')
"""An entity tag that names a version, with or without the digest of what was shown of it."""
_INVALID_TOKEN: Final = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
_OFFICERS: Final = frozenset({"informatization_officer", "industry_officer"})


@dataclass(frozen=True, slots=True)
class Edge:
    """What the HTTP edge of one service needs; stands in `app.state.edge`."""

    verifier: TokenVerifier
    legal_clock: Clock
    body_key: bytes
    rate: Rate
    actor_id: Callable[[str], str]
    """Of a principal the id that facts, stored answers and logs know it by (`kernel.personal_keys`)."""
    xroad: XRoad = field(default_factory=XRoad)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and in which language texts for people are wanted (kk, ru or en)."""

    principal: Principal
    language: str
    request_id: str

    def is_any(self, *roles: str) -> bool:
        """True when the caller has one of `roles`."""
        return not self.principal.roles.isdisjoint(roles)

    def acts_for(self, identifier: str) -> bool:
        """True for officers and services, and for the producer whose BIN or IIN this is."""
        return self.is_any(*_OFFICERS, "service", "auditor") or self.principal.producer == identifier


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command as received: caller, legal act, key, and the version it was decided on."""

    caller: Caller
    act: Act
    answer: AnswerKey
    if_match: int | None

    def require_version(self, version: int) -> None:
        """Raise `Stale` (`version_stale`) unless the caller decided on this version."""
        if self.if_match is not None and self.if_match != version:
            raise Stale("version_stale", expected=str(self.if_match), present=str(version))


class Reading:
    """Dependency of a route that reads: only callers with one of `roles` pass."""

    needs_key: bool = False
    needs_if_match: bool = False

    def __init__(self, *roles: str) -> None:
        unknown = set(roles) - set(ROLES)
        if unknown or not roles:
            raise ValueError(f"unknown or no roles: {unknown}")
        self.roles = roles

    async def __call__(self, request: Request) -> Caller:
        """Who calls. Raises 401 without a valid token where one is needed, 403 for another role."""
        return authorised(request, self.roles)


class Commanding(Reading):
    """Dependency of a route that records a fact or changes what the service keeps.

    `status` is the answer's status, stored with the key.
    """

    needs_key = True

    def __init__(self, *roles: str, status: int = 201) -> None:
        super().__init__(*roles)
        self.status = status

    async def __call__(  # type: ignore[override]  # FastAPI reads the parameters from this signature
        self,
        request: Request,
        idempotency_key: Annotated[
            str,
            Header(
                description="Any unique text; the same key with the same body gives the first answer again.",
                min_length=1,
                max_length=255,
                pattern=r"^[\x21-\x7e]+$",
            ),
        ],
    ) -> CommandRequest:
        """The command's frame. Raises 400 without a key."""
        return await _command(request, self.roles, self.status, idempotency_key, None)


class Deciding(Commanding):
    """Dependency of an officer's decision or an edit of what exists: `If-Match` is required (428 without)."""

    needs_if_match = True

    async def __call__(  # type: ignore[override]  # FastAPI reads the parameters from this signature
        self,
        request: Request,
        idempotency_key: Annotated[
            str,
            Header(
                description="Any unique text; the same key with the same body gives the first answer again.",
                min_length=1,
                max_length=255,
                pattern=r"^[\x21-\x7e]+$",
            ),
        ],
        if_match: Annotated[
            str,
            Header(
                description="The `ETag` of the version decided on; any other entity tag is a 412.",
                max_length=1_000,
                pattern=_ENTITY_TAGS,
                json_schema_extra={"pattern": f"^{_VERSION.pattern}$"},
            ),
        ],
    ) -> CommandRequest:
        """The command's frame with the version it was decided on."""
        command = await _command(request, self.roles, self.status, idempotency_key, None)
        named = _VERSION.fullmatch(if_match)
        if named is None:
            raise Problem("version_not_named")
        return replace(command, if_match=int(named[1]))


def authorised(request: Request, roles: tuple[str, ...]) -> Caller:
    """The caller of a request that only `roles` may make, with no query parameter the route does not know."""
    principal = _admitted(request, roles)
    if request.scope["query_string"]:
        _check_parameters(request)
    return Caller(
        principal,
        preferred_language(request.headers.get("accept-language")),
        request.scope.get("request_id", ""),
    )


def admit(request: Request) -> None:
    """Refuse a caller who may not use the route, before anything else of the request is judged or waited for.

    Raises the same 401 and 403 as the route's own dependency, which FastAPI calls only after others and only
    for a request whose headers are complete.
    """
    reading: Reading | None = request.app.state.readings.get(request.scope["route"].operation_id)
    if reading is not None:
        _admitted(request, reading.roles)


def _admitted(request: Request, roles: tuple[str, ...]) -> Principal:
    edge: Edge = request.app.state.edge
    principal = PUBLIC
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Problem("token_required", headers={"WWW-Authenticate": "Bearer"})
        try:
            principal = edge.verifier.verify(token.strip())
        except TokenRefused as refused:
            request.scope["token_refused"] = refused.reason
            raise Problem(refused.code, headers=_INVALID_TOKEN, errors=(), **refused.params) from refused
    request.scope["actor"] = edge.actor_id(principal.key)
    if "public" not in roles and principal.roles.isdisjoint(roles):
        if principal is PUBLIC:
            raise Problem("token_required", headers={"WWW-Authenticate": "Bearer"})
        raise Problem("role_insufficient", roles=", ".join(roles))
    return principal


def _check_parameters(request: Request) -> None:
    """Refuse a mistyped or repeated parameter: ignored, it would change the answer without a word."""
    declared = request.app.state.query_parameters[request.scope["route"].operation_id]
    given = Counter(name for name, _value in request.query_params.multi_items())
    wrong = [(name, "parameter_unknown") for name in given if name not in declared]
    wrong += [(name, "parameter_repeated") for name, count in given.items() if name in declared and count > 1]
    if wrong:
        known = ", ".join(sorted(declared)) or "-"
        raise RequestValidationError(
            [
                {"type": code, "loc": ("query", name), "msg": code, "ctx": {"known": known}}
                for name, code in wrong
            ]
        )


def query_parameters(dependant: Dependant) -> set[str]:
    """The names of the query parameters that a route and its dependencies read."""
    names = {field.alias for field in dependant.query_params}
    return names.union(*(query_parameters(inner) for inner in dependant.dependencies))


DecidedBy = Literal["automatic", "officer", "producer", "state_system"]


def provenance_of(request: Request, caller: Caller) -> Provenance:
    """Who acts in this request, as facts record it: opaque ids only, never a BIN or IIN.

    Raises `Problem` (400) for X-Road headers that are none.
    """
    roles = caller.principal.roles
    decided_by: DecidedBy = "state_system"
    if roles & _OFFICERS:
        decided_by = "officer"
    elif "producer" in roles:
        decided_by = "producer"
    edge: Edge = request.app.state.edge
    xroad_client, xroad_id = edge.xroad.told(request)
    return Provenance(
        actor=request.scope["actor"],
        decided_by=decided_by,
        correlation_id=caller.request_id,
        traceparent=request.scope.get("traceparent"),
        xroad_client=xroad_client,
        xroad_id=xroad_id,
    )


async def _command(
    request: Request, roles: tuple[str, ...], status: int, key: str, if_match: int | None
) -> CommandRequest:
    caller = authorised(request, roles)
    edge: Edge = request.app.state.edge
    asked = f"{request.method} {request.scope['path']}\x00{caller.principal.producer or ''}\x00".encode()
    asked += request.scope["query_string"] + b"\x00"
    digest = hmac.digest(edge.body_key, asked + await request.body(), "sha256").hex()
    operation = f"{request.method} {request.scope['route'].path}"
    act = Act(edge.legal_clock.now(), provenance_of(request, caller))
    answer = AnswerKey(act.provenance.actor, operation, key, digest, status)
    return CommandRequest(caller, act, answer, if_match)
