"""Hostile requests from each service's own OpenAPI file: no 5xx and no answer that is not documented.

The services run as real processes and have lived through a producer's life, so that paths with real ids are
met as well as unknown ones. Each database is asked the same: they refuse different things.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.commands.registry import SERVICES
from tests.journeys.life import Life, stories
from tests.journeys.world import World, installation_of
from tests.postgres import PostgresServer

OPENAPI: Final = Path(__file__).resolve().parents[2] / "openapi"
EXAMPLES_PER_OPERATION: Final = int(os.environ.get("FUZZ_EXAMPLES", "8"))
REFUSED: Final = [str(status) for status in (400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 422, 428)]
CONFIG: Final = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}
)
ANY_BYTES: Final = {
    "/v1/documents",
    "/v1/extracts/verification",
    "/v1/localisation-reports/validation",
    "/v1/trusted-software/imports",
}
"""Whose body is a file, which may be any bytes: none can break its schema."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


def operations() -> list[tuple[str, str, str]]:
    """Service, method and path of every operation in the OpenAPI files."""
    return [
        (service, method.upper(), path)
        for service in SERVICES
        for path, methods in yaml.safe_load((OPENAPI / f"{service}.yaml").read_text())["paths"].items()
        for method in methods
    ]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    urls: dict[str, str] = {}
    if request.param == "postgresql":  # the databases go with the run's server
        server: PostgresServer = request.getfixturevalue("postgres_server")
        urls = {service: server.create_database() for service in SERVICES}
    with installation_of(tmp_path_factory.mktemp("fuzz"), database_urls=urls, settings={}) as running:
        yield running


@pytest.fixture(scope="module")
def known(world: World) -> Mapping[str, list[str]]:
    """Values of path parameters that exist, by the parameter's name."""
    life = Life(world, stories()["clean"])
    life.upload_and_list()
    application = life.apply()["application_id"]
    case = life.case(kind="confirmation")["case_id"]
    auditor = world.as_role("auditor")
    listing = auditor.get("verification", "/v1/trusted-software")["items"][0]["listing_id"]
    message = life.message("application_filed")["message_id"]
    rules = auditor.get("verification", "/v1/rule-sets/software-confirmation-2026")["content"]
    period = {"period_from": "2026-01-01", "period_to": "2026-01-31"}
    simulation = auditor.done("verification", "/v1/simulations", {"draft": rules, **period})
    return {
        "application_id": [application],
        "case_id": [case],
        "listing_id": [listing],
        "message_id": [message],
        "bin": [life.bin],
        "sha256": [document["sha256"] for document in life.documents],
        "quarter": ["2026-Q1"],
        "code": ["bin_check_digit"],
        "rule_set_id": ["software-confirmation-2026"],
        "simulation_id": [simulation["simulation_id"]],
    }


@pytest.fixture(scope="module")
def schemas(world: World) -> Mapping[str, Any]:
    return {
        service: schemathesis.openapi.from_url(
            f"{world.installation.url(service)}/openapi.json", config=CONFIG
        )
        for service in SERVICES
    }


@pytest.mark.parametrize(("service", "method", "path"), operations())
def test_hostile_requests_get_documented_answers(
    service: str,
    method: str,
    path: str,
    world: World,
    known: Mapping[str, list[str]],
    schemas: Mapping[str, Any],
) -> None:
    operation: APIOperation[Any, Any, Any, Any] = schemas[service][path][method]
    role = operation.definition.raw["x-roles"][0]
    who = world.public() if role == "public" else world.as_role(role, producer=_bound(role, known))

    @settings(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=either(operation), data=st.data())
    def ask(case: Case[Any], data: st.DataObject) -> None:
        changed = path in ANY_BYTES
        for name in case.path_parameters or {}:
            if name in known and data.draw(st.booleans(), label=f"known {name}"):
                case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
                changed = True
        for name in (
            "wait",
            "min_position",
            "min_verification_position",
        ):  # both may wait for seconds, as documented
            if case.query and case.query.pop(name, None) is not None:
                changed = True
        checks = [check for check in CHECKS if not changed or check is not negative_data_rejection]
        case.call_and_validate(checks=checks, headers=who.headers(), timeout=20)

    ask()


def either(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[Case[Any]]:
    """Requests that fit the operation's schema and requests that break it somewhere."""
    return st.sampled_from(GenerationMode).flatmap(lambda mode: operation.as_strategy(generation_mode=mode))


def _bound(role: str, known: Mapping[str, list[str]]) -> str | None:
    return known["bin"][0] if role == "producer" else None
