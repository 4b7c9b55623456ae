"""The people of the demo, who call the services over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import httpx

from services.commands.registry import Installation
from services.kernel.identity.tokens import TokenIssuer, development_issuer

PATIENCE_SECONDS: Final = 30.0
OK: Final = frozenset({200, 201})


class StepFailed(RuntimeError):
    """A step of the story did not go as told."""


def expect(found: object, wanted: object, what: str) -> None:
    """Hold a step to its outcome. Raises `StepFailed`, naming what was found and what was to be."""
    if found != wanted:
        raise StepFailed(f"{what}: found {found!r}, and it should be {wanted!r}")


class Person:
    """Someone with a role, who calls the services over HTTP."""

    def __init__(
        self,
        stage: Installation,
        http: httpx.Client,
        issuer: TokenIssuer,
        role: str | None,
        subject: str,
        producer: str | None = None,
    ) -> None:
        self._stage = stage
        self._http = http
        self._issuer = issuer
        self._role = role
        self._subject = subject
        self._producer = producer

    def request(self, method: str, service: str, path: str, **given: Any) -> httpx.Response:
        """Any request, with a fresh token."""
        headers = {"Accept-Language": "en", **given.pop("headers", {})}
        if self._role is not None:
            token = self._issuer.token(subject=self._subject, roles=[self._role], producer=self._producer)
            headers["Authorization"] = f"Bearer {token}"
        return self._http.request(method, self._stage.url(service) + path, headers=headers, **given)

    def get(self, service: str, path: str, **parameters: Any) -> Any:
        """A read. Raises `StepFailed`."""
        return self._done("GET", service, path, params=parameters).json()

    def etag(self, service: str, path: str) -> str:
        """The version of what is about to be changed. Raises `StepFailed`."""
        return self._done("GET", service, path).headers["etag"]

    def take(self, service: str, path: str) -> bytes:
        """What is no JSON. Raises `StepFailed`."""
        return self._done("GET", service, path).content

    def post(
        self, service: str, path: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> httpx.Response:
        """A command with a key of its own. Raises `StepFailed`."""
        headers = {"Idempotency-Key": uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = if_match
        answer = self._done("POST", service, path, json=body, headers=headers)
        print(f"  POST {service}{path}  -> {answer.status_code}")
        return answer

    def send(self, service: str, path: str, content: bytes, media_type: str) -> Any:
        """A body that is no JSON; what was answered. Raises `StepFailed`."""
        headers = {"Content-Type": media_type}
        return self._done("POST", service, path, content=content, headers=headers).json()

    def delete(self, service: str, path: str) -> None:
        """End something. Raises `StepFailed`."""
        self._done("DELETE", service, path, headers={"Idempotency-Key": uuid4().hex})

    def _done(self, method: str, service: str, path: str, **given: Any) -> httpx.Response:
        answer = self.request(method, service, path, **given)
        if answer.status_code not in OK:
            raise StepFailed(f"{method} {service}{path}: {answer.status_code} {_told(answer)}")
        return answer


def _told(answer: httpx.Response) -> str:
    """What a problem document says, in sentences; any other body as it came."""
    if answer.headers.get("content-type") != "application/problem+json":
        return answer.text
    problem = answer.json()
    fields = [f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", ())]
    return " ".join([f"{problem['title']}.", problem.get("detail") or "", *fields])


class Cast:
    """Everyone who appears in more than one story."""

    def __init__(self, stage: Installation) -> None:
        self._stage = stage
        self.bins: set[str] = set()
        """Of the producers whose stories were begun: officers conclude what concerns these alone."""
        self._http = httpx.Client(trust_env=False, timeout=30)
        self._issuer = development_issuer(stage.var)
        self.integrator = self.person("integrator", "procurement-platform")
        self.industry = self.person("industry_officer", "industry-officer-aigerim")
        self.informatization = self.person("informatization_officer", "informatization-officer-daniyar")
        self.appeals = self.person("informatization_officer", "informatization-officer-saule")
        self.public = self.person(None, "public")

    def person(self, role: str | None, subject: str, producer: str | None = None) -> Person:
        """Someone with a role."""
        return Person(self._stage, self._http, self._issuer, role, subject, producer)

    def leave(self) -> None:
        """Close the connections."""
        self._http.close()

    @staticmethod
    def until(look: Callable[[], Any], what: str) -> Any:
        """Look again until something is found. Raises `StepFailed`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                raise StepFailed(f"waited {PATIENCE_SECONDS:.0f} s for {what}")
            time.sleep(0.05)
        return found
