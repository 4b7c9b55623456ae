"""Every operation of every service, fuzzed from its own OpenAPI: no 5xx, no undocumented answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.commands.registry import SERVICES
from tests.contract.apps import headers_of, served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 12


@pytest.fixture(scope="module", params=SERVICES)
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Path]]:
    var = tmp_path_factory.mktemp(request.param)
    with served(request.param, var) as (app, _client):
        yield schemathesis.openapi.from_asgi("/openapi.json", app), var


schema = schemathesis.pytest.from_fixture("api_schema")


@pytest.fixture(scope="module")
def api_schema(api: tuple[Any, Path]) -> Any:
    return api[0]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_an_operation_or_gets_an_undocumented_answer(
    case: Case[Any], api: tuple[Any, Path]
) -> None:
    role = case.operation.definition.raw.get("x-roles", ["public"])[0]
    if "wait" in (case.query or {}):
        case.query["wait"] = 0  # a long-poll would only wait
    case.call_and_validate(headers=headers_of(api[1], role), checks=CHECKS)
