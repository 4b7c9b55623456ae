"""The one way a service's HTTP application is put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.telemetry import TelemetryConfig

from services.kernel.http import problems
from services.kernel.http.api_page import api_page_router
from services.kernel.http.context import RequestContext
from services.kernel.http.health import Check, health_router
from services.kernel.http.openapi import described, roles_of
from services.kernel.http.problems import Problem, ProblemCatalogue
from services.kernel.http.rates import RateLimit
from services.kernel.http.requests import Edge, admit, query_parameters
from services.kernel.identity.tokens import service_name

API_VERSION: Final = "1.0.0"
_TELEMETRY: Final[TelemetryConfig] = {"metrics": False, "logs": False, "operation_spans": False}
"""A span for each request; the metrics and the log lines are ours, and none holds what was given."""


@dataclass(frozen=True)
class ServiceHttp:
    """What distinguishes one service's HTTP application from another's."""

    name: str
    title: str
    description: str
    edge: Edge
    routers: Sequence[APIRouter]
    problem_files: Sequence[Path] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 40
    on_start: Sequence[Callable[[], None]] = ()
    on_stop: Sequence[Callable[[], None]] = ()


def create_application(service: ServiceHttp) -> FastAPI:
    """The FastAPI application: routes, problems, context, health, and an OpenAPI that tells all."""
    catalogue = ProblemCatalogue(*service.problem_files)
    app = FastAPI(
        title=service.title,
        description=service.description,
        version=API_VERSION,
        lifespan=_lifespan(service),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would lead to whatever host the request named
        telemetry=_TELEMETRY,
    )
    app.state.edge = service.edge
    app.state.catalogue = catalogue
    for router in service.routers:
        app.include_router(router)
    app.include_router(health_router(service.checks))
    app.include_router(_problem_pages(catalogue))
    app.include_router(api_page_router(app))
    problems.install(app, catalogue, admit)
    app.add_middleware(
        RequestContext,
        service=service.name,
        catalogue=catalogue,
        rates=RateLimit(service.edge.rate, service.edge.verifier),
        larger_bodies=service.larger_bodies,
    )
    operations = _operations(app)
    app.state.query_parameters = {
        name: query_parameters(route.dependant) for name, route in operations.items()
    }
    app.state.readings = {name: roles_of(route) for name, route in operations.items()}
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = described(
                plain(), operations, audience=service_name(service.name), webhooks=service.webhooks
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
    return app


def _operations(app: FastAPI) -> dict[str, RouteContext]:
    """Every route with what its routers add to it, by operation id."""
    return {
        route.operation_id or route.unique_id: route
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
    }


def _lifespan(service: ServiceHttp) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = service.threads
        for start in service.on_start:
            await to_thread.run_sync(start)
        try:
            yield
        finally:
            for stop in service.on_stop:
                await to_thread.run_sync(stop)

    return lifespan


def _problem_pages(catalogue: ProblemCatalogue) -> APIRouter:
    """`/problems/{code}`: where the `type` of a problem document resolves to."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/problems/{code}",
        operation_id="read_problem_type",
        summary="What a problem code means",
        responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
    )
    async def read_problem_type(code: str) -> Response:
        if code not in catalogue.types:
            raise Problem("path_unknown")
        return Response(problem_page(catalogue, code), media_type="text/markdown; charset=utf-8")

    return router


def problem_page(catalogue: ProblemCatalogue, code: str) -> str:
    """The documentation page of one problem code, as it also stands in `docs/problems/`."""
    kind = catalogue.types[code]
    lines = [f"# {code}", "", f"HTTP status {kind.status}.", ""]
    for language in ("kk", "ru", "en"):
        title, detail = getattr(kind.title, language), getattr(kind.detail, language)
        lines += [f"- **{language}**: {title}. {detail}"]
    return "\n".join([*lines, ""])
