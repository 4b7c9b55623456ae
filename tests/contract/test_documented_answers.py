"""Hostile requests from each service's own OpenAPI file: no 5xx and no answer that is not documented.

The services run as real processes and hold what three producers' lives left in them, so that operations are
asked about what exists as well as what does not. Each database is asked the same: they refuse different
things.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final
from uuid import uuid4

import pytest
import schemathesis
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
from services.kernel.identity.tokens import ROLES
from tests.contract.apps import A_BIN
from tests.contract.lived import Lived, lived_in
from tests.contract.tenants import NAMES_NOBODYS, PRODUCERS
from tests.journeys.world import Person, World, installation_of
from tests.openapi_files import openapi_of
from tests.postgres import PostgresServer

EXAMPLES_PER_OPERATION: Final = int(os.environ.get("FUZZ_EXAMPLES", "5"))
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
ENDING: Final = {"/v1/producers/{bin}/liquidation", "/v1/producers/{bin}/reorganisation"}
"""What would end the producers that the other operations ask about."""
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
        for path, methods in openapi_of(service)["paths"].items()
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
def lived(world: World) -> Lived:
    return lived_in(world)


@pytest.fixture(scope="module")
def schemas(world: World) -> Mapping[str, Any]:
    return {
        service: schemathesis.openapi.from_url(
            f"{world.installation.url(service)}/openapi.json", config=CONFIG
        )
        for service in SERVICES
    }


def test_what_is_one_producers_is_no_other_producers(lived: Lived, schemas: Mapping[str, Any]) -> None:
    """Another producer's token gets 403 or 404 for each of them, and nothing is stored."""
    stranger = lived.world.as_role("producer", producer=A_BIN)
    own = lived.world.as_role("producer", producer=lived.pending.bin)
    assert A_BIN not in lived.producers
    values = {parameter: found[0] for parameter, found in lived.known.items()}
    values["other_sha256"] = lived.one("sha256", 1)
    before = kept(lived)
    for name, (service, method, path, body) in PRODUCERS.items():
        form = lived.pending.application_body() if body == "its form" else body
        if body == "the example":
            form = schemas[service].raw_schema["components"]["schemas"]["UpdateForm"]["examples"][0]
        asked = json.loads(named(json.dumps(form), values)) if form is not None else None
        headers = {"Idempotency-Key": uuid4().hex, "If-Match": '"1"'}
        answer = stranger.request(method, service, named(path, values), json=asked, headers=headers)
        assert answer.status_code in {403, 404}, f"{name}: {answer.status_code} {answer.text}"
        if method == "GET" and "extract" not in name and "receipt" not in name:
            assert own.request("GET", service, named(path, values)).status_code == 200, name
    assert kept(lived) == before


def test_what_is_one_subscribers_is_nobody_elses(lived: Lived) -> None:
    values = {parameter: found[0] for parameter, found in lived.known.items()}
    before = kept(lived)
    for role in ("integrator", "industry_officer", "informatization_officer", "service"):
        stranger = lived.world.as_role(role, subject="another")
        for _service, method, path in operations():
            if "{subscription_id}" not in path:
                continue
            given = {"Idempotency-Key": uuid4().hex, "If-Match": '"1"'}
            body: Any = {"region": None} if method == "PATCH" else {}
            if path.endswith("/replay"):
                body = {"from_position": 1}
            sent = {"json": body} if method in {"POST", "PATCH"} else {}
            answer = stranger.request(method, "notifications", named(path, values), headers=given, **sent)
            assert answer.status_code == 404, f"{role} {method} {path}: {answer.status_code} {answer.text}"
        assert stranger.get("notifications", "/v1/subscriptions")["items"] == []
    assert kept(lived) == before


def test_every_operation_of_producers_names_whose_its_resource_is(schemas: Mapping[str, Any]) -> None:
    asked = {
        schemas[service][path][method].definition.raw["operationId"]
        for service, method, path in operations()
        if "producer" in schemas[service][path][method].definition.raw["x-roles"]
    }
    assert asked == {*PRODUCERS, *NAMES_NOBODYS}


def named(text: str, values: Mapping[str, str]) -> str:
    """A path or body with what exists in the place of its parameters."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def kept(lived: Lived) -> list[Any]:
    """What the three services hold of those who lived, as far as a request could change it."""
    auditor, integrator = lived.world.as_role("auditor"), lived.world.as_role("integrator")
    heads = [auditor.get(one, "/v1/journal/events", limit=1)["head"] for one in ("register", "verification")]
    messages = auditor.get("notifications", f"/v1/accounts/{lived.pending.bin}/messages")
    subscription = integrator.get("notifications", f"/v1/subscriptions/{lived.one('subscription_id')}")
    return [*heads, messages, subscription]


@pytest.mark.parametrize(("service", "method", "path"), operations())
def test_hostile_requests_get_documented_answers(
    service: str, method: str, path: str, lived: Lived, schemas: Mapping[str, Any]
) -> None:
    """Of each role in its turn: of all that may, and of one that may not."""
    operation: APIOperation[Any, Any, Any, Any] = schemas[service][path][method]
    roles = roles_asking(operation.definition.raw["x-roles"])
    asking = cycle(roles)

    @settings(
        max_examples=max(EXAMPLES_PER_OPERATION, len(roles)),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=either(operation), data=st.data())
    def ask(case: Case[Any], data: st.DataObject) -> None:
        changed = made_real(case, data, lived.known) or path in ANY_BYTES
        if method == "POST" and path not in ENDING:
            changed |= filled_in(case, data, schemas[service].raw_schema)
        checks = [check for check in CHECKS if not changed or check is not negative_data_rejection]
        number = data.draw(st.sampled_from(lived.producers), label="producer")
        who = caller(lived.world, next(asking), number)
        case.call_and_validate(checks=checks, headers=who.headers(), timeout=20)

    ask()


def roles_asking(allowed: Sequence[str]) -> list[str]:
    """Every role that an operation allows, and one that it does not where there is one."""
    others = [] if "public" in allowed else [role for role in ROLES if role not in allowed]
    return [*allowed, *others[:1]]


def caller(world: World, role: str, producer: str) -> Person:
    """Somebody of a role; a producer is one of those who lived."""
    if role == "public":
        return world.public()
    return world.as_role(role, producer=producer if role == "producer" else None)


def made_real(case: Case[Any], data: st.DataObject, known: Mapping[str, list[str]]) -> bool:
    """Put what exists into half of the paths and preconditions, and wait for nothing."""
    changed = False
    for name in case.path_parameters or {}:
        if name in known and data.draw(st.booleans(), label=f"known {name}"):
            case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
            changed = True
    if "If-Match" in (case.headers or {}) and data.draw(st.booleans(), label="a present version"):
        case.headers["If-Match"] = f'"{data.draw(st.integers(1, 4))}"'
        changed = True
    for name in ("wait", "min_position", "min_verification_position"):  # may wait for seconds, as documented
        if case.query and case.query.pop(name, None) is not None:
            changed = True
    return changed


def filled_in(case: Case[Any], data: st.DataObject, document: Mapping[str, Any]) -> bool:
    """Send the documented example in a third of the cases, so that a command gets as far as its rules."""
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    form = document["components"]["schemas"].get(reference.rpartition("/")[2], {})
    if "examples" not in form or data.draw(st.integers(0, 2), label="the example"):
        return False
    case.body, case.media_type = form["examples"][0], "application/json"
    return True


def either(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[Case[Any]]:
    """Requests that fit the operation's schema and requests that break it somewhere."""
    return st.sampled_from(GenerationMode).flatmap(lambda mode: operation.as_strategy(generation_mode=mode))
