"""Alive, ready, measured: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.kernel.http.responses import JSON, Representation, rendered

Check = Callable[[], str | None]
"""Returns None when all is well, else one short sentence without secrets."""


class Notice(str):
    """What a check tells although the service can do its work: someone should look at it."""

    __slots__ = ()


class Health(Representation):
    """Whether the service can do its work, and what stands in the way."""

    status: Literal["ok", "unready"]
    checks: dict[str, str]


def health_router(checks: Mapping[str, Check]) -> APIRouter:
    """The three operational routes; `checks` decide readiness."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/healthz",
        operation_id="is_alive",
        summary="Is the process alive?",
        responses={200: {"model": Health}},
    )
    async def is_alive() -> Response:
        return Response(rendered(Health(status="ok", checks={})), media_type=JSON)

    @router.get(
        "/readyz",
        operation_id="is_ready",
        summary="Can the service do its work?",
        responses={200: {"model": Health}, 503: {"model": Health}},
    )
    def is_ready() -> Response:
        found = {name: check() for name, check in checks.items()}
        ready = all(trouble is None or isinstance(trouble, Notice) for trouble in found.values())
        health = Health(
            status="ok" if ready else "unready",
            checks={name: str(trouble or "ok") for name, trouble in found.items()},
        )
        return Response(rendered(health), 200 if ready else 503, media_type=JSON)

    @router.get(
        "/metrics",
        operation_id="read_metrics",
        summary="Prometheus metrics",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_metrics() -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
