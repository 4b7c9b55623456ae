"""Three real service processes, a simulated legal clock, and the people who use them over real HTTP."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from services.commands.registry import SERVICES, Installation
from services.commands.up import free_installation, running
from services.kernel.clock import set_simulated_clock
from services.kernel.identity.tokens import TokenIssuer, development_issuer

PATIENCE_SECONDS = 20.0
FoundT = TypeVar("FoundT")


class World:
    """A running installation as its users see it."""

    def __init__(self, installation: Installation, database_urls: Mapping[str, str] | None = None) -> None:
        self.installation = installation
        self.database_urls = dict(database_urls or {})
        self.issuer: TokenIssuer = development_issuer(installation.var)
        self.http = httpx.Client(trust_env=False, timeout=30)

    def set_clock(self, instant: datetime) -> None:
        """Move every service's legal clock."""
        set_simulated_clock(self.installation.var / "clock.json", instant)

    def as_role(self, role: str, *, subject: str | None = None, producer: str | None = None) -> Person:
        """Someone with a role; a producer is bound to its BIN or IIN."""
        return Person(self, role, subject or role, producer)

    def public(self) -> Person:
        """Anyone, without a token."""
        return Person(self, None, "public", None)

    def eventually(
        self, look: Callable[[], FoundT | None], what: str, *, patience: float = PATIENCE_SECONDS
    ) -> FoundT:
        """Look again and again until something is found: followers need a moment, never a fixed one."""
        deadline = time.monotonic() + patience
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen within {patience:.0f} s: {what}")
            time.sleep(0.02)
        return found

    def journal(self, service: str) -> list[dict[str, Any]]:
        """Every event of a service's journal, with its position."""
        reader = self.as_role("auditor")
        events: list[dict[str, Any]] = []
        while True:
            page = reader.get(service, "/v1/journal/events", after=len(events), limit=1000)["events"]
            if not page:
                return events
            events += [{**item["event"], "position": item["position"]} for item in page]


class Person:
    """A caller with one role."""

    def __init__(self, world: World, role: str | None, subject: str, producer: str | None) -> None:
        self._world = world
        self._role = role
        self._subject = subject
        self._producer = producer

    def headers(self) -> dict[str, str]:
        """Authorization with a fresh token."""
        if self._role is None:
            return {}
        token = self._world.issuer.token(subject=self._subject, roles=[self._role], producer=self._producer)
        return {"Authorization": f"Bearer {token}"}

    def get(self, service: str, path: str, **parameters: Any) -> Any:
        """A read that succeeds."""
        answer = self.request("GET", service, path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(
        self, service: str, path: str, body: Mapping[str, Any] | None = None, *, if_match: str | None = None
    ) -> httpx.Response:
        """A command with a fresh key; the answer as it comes."""
        headers = {"Idempotency-Key": uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = if_match
        return self.request("POST", service, path, json=body if body is not None else {}, headers=headers)

    def done(
        self, service: str, path: str, body: Mapping[str, Any] | None = None, *, if_match: str | None = None
    ) -> Any:
        """A command that succeeds; its representation."""
        answer = self.post(service, path, body, if_match=if_match)
        assert answer.status_code in {200, 201, 202}, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def request(self, method: str, service: str, path: str, **given: Any) -> httpx.Response:
        """Any request."""
        headers = {**self.headers(), **given.pop("headers", {})}
        url = f"{self._world.installation.url(service)}{path}"
        return self._world.http.request(method, url, headers=headers, **given)


@contextmanager
def installation_of(
    var: Path, *, database_urls: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[World]:
    """A running installation: SQLite unless `database_urls` name others; `settings` are environment."""
    environment = dict(settings or {})
    for service, url in (database_urls or {}).items():
        environment[f"TIZILIM_{service.upper()}_DATABASE_URL"] = url
    installation = free_installation(var)
    before = dict(os.environ)
    with ExitStack() as stack:
        os.environ.update(environment)
        try:
            stack.enter_context(running(installation))
        finally:  # another installation may start in this process with other settings
            os.environ.clear()
            os.environ.update(before)
        world = World(installation, database_urls)
        stack.callback(world.http.close)
        yield world


__all__ = ["SERVICES", "Person", "World", "installation_of"]
