"""Operation x role, from each service's own OpenAPI: who may not, gets 401 or 403 and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.commands.registry import SERVICES
from services.kernel.identity.tokens import ROLES, development_issuer
from tests.contract.apps import A_BIN, headers_of, served

AN_ID = "0191f3c0-0000-7000-8000-000000000000"


@pytest.fixture(scope="module", params=SERVICES)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, dict[str, Any], Path]]:
    var = tmp_path_factory.mktemp(request.param)
    with served(request.param, var) as (app, client):
        yield client, app.openapi(), var


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_names_its_roles(service: tuple[TestClient, dict[str, Any], Path]) -> None:
    _client, document, _var = service
    for method, path, operation in operations(document):
        assert operation.get("x-roles"), f"{method} {path} names no roles"
        assert set(operation["x-roles"]) <= set(ROLES)


def test_only_the_named_roles_pass(service: tuple[TestClient, dict[str, Any], Path]) -> None:
    client, document, var = service
    for method, path, operation in operations(document):
        allowed = set(operation["x-roles"])
        for role in ROLES:
            answer = client.request(
                method,
                re.sub(r"\{[^}]+\}", AN_ID, path),
                headers={**headers_of(var, role), "Idempotency-Key": "matrix", "If-Match": '"1"'},
                json={} if method == "POST" else None,
            )
            refused = answer.status_code in {401, 403} and answer.json().get("code") in {
                "token_required",
                "role_insufficient",
            }
            may = role in allowed or "public" in allowed
            assert refused is not may, f"{role} {method} {path}: {answer.status_code} {answer.text[:200]}"


def test_a_token_for_another_service_or_for_none_is_refused_everywhere(
    service: tuple[TestClient, dict[str, Any], Path],
) -> None:
    """RFC 7519 section 4.1.3: each service takes only what names it, alone or in a list."""
    client, document, var = service
    own = document["info"]["title"].removeprefix("Tizilim: ")
    others = [name for name in SERVICES if name != own]
    for method, path, operation in operations(document):
        if operation["security"] == []:
            continue
        role = operation["x-roles"][0]
        for audience, passes in ((others, False), ([], False), ([own], True), (SERVICES, True)):
            issuer = development_issuer(var, audience)
            token = issuer.token(subject=role, roles=[role], producer=A_BIN if role == "producer" else None)
            answer = client.request(
                method,
                re.sub(r"\{[^}]+\}", AN_ID, path),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Idempotency-Key": "audience",
                    "If-Match": '"1"',
                },
                json={} if method == "POST" else None,
            )
            assert (answer.status_code != 401) is passes, f"{audience} {method} {path}: {answer.text[:200]}"
            if not passes:
                assert answer.json()["code"] == "token_for_another"
                assert answer.json()["params"] == {"audience": f"urn:tizilim:{own}"}


def test_a_token_that_proves_nothing_is_refused_everywhere(
    service: tuple[TestClient, dict[str, Any], Path],
) -> None:
    client, document, _var = service
    for method, path, operation in operations(document):
        if operation["security"] == []:
            continue
        answer = client.request(
            method,
            re.sub(r"\{[^}]+\}", AN_ID, path),
            headers={"Authorization": "Bearer forged", "Idempotency-Key": "matrix", "If-Match": '"1"'},
            json={} if method == "POST" else None,
        )
        assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
