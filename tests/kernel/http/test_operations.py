"""Health, readiness, metrics, and an OpenAPI that tells who may call what and how it can end."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.kernel.http.application import ServiceHttp, create_application
from services.kernel.http.health import Notice
from services.kernel.http.requests import Reading
from services.kernel.readiness import StoreAnswers
from tests.kernel.ledger_service import LedgerService


def test_alive_whatever_happens_and_ready_only_with_a_store(service: LedgerService) -> None:
    assert service.get("/healthz").json() == {"status": "ok", "checks": {}}
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": {"store": "ok"}})


def test_a_check_that_fails_makes_it_unready_and_says_what(
    edge: LedgerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoreAnswers, "__call__", lambda _self: "the store does not answer")
    answer = edge.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unready", "checks": {"store": "the store does not answer"}}
    assert edge.get("/healthz").status_code == 200


def test_a_notice_is_told_and_turns_nobody_away(edge: LedgerService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StoreAnswers, "__call__", lambda _self: Notice("3 facts are parked"))
    answer = edge.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "checks": {"store": "3 facts are parked"}},
    )


def test_requests_are_counted_by_route_and_not_by_path(edge: LedgerService) -> None:
    labels = {"service": "ledger", "method": "GET", "route": "/v1/ledgers/{ledger_id}", "status": "404"}
    before = REGISTRY.get_sample_value("tizilim_http_requests_total", labels) or 0
    unknown = "0197f000-0000-7000-8000-00000000dead"
    edge.get(f"/v1/ledgers/{unknown}")
    assert REGISTRY.get_sample_value("tizilim_http_requests_total", labels) == before + 1
    answer = edge.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "tizilim_http_request_seconds_bucket" in answer.text
    assert unknown not in answer.text


@pytest.fixture
def document(edge: LedgerService) -> dict[str, Any]:
    found: dict[str, Any] = edge.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def test_every_operation_tells_its_roles(document: dict[str, Any]) -> None:
    roles = {name: operation["x-roles"] for name, operation in operations(document).items()}
    assert roles == {
        "open_ledger": ["producer"],
        "write_line": ["industry_officer"],
        "measure_scan": ["public"],
        "list_ledgers": ["auditor"],
        "read_ledger": ["public"],
        "have_accident": ["public"],
        "read_journal": ["auditor", "service"],
        "is_alive": ["public"],
        "is_ready": ["public"],
        "read_metrics": ["public"],
        "read_problem_type": ["public"],
    }


def test_every_operation_tells_how_it_is_let_in(document: dict[str, Any]) -> None:
    found = operations(document)
    assert found["open_ledger"]["security"] == [{"bearer": []}]
    assert found["read_ledger"]["security"] == [{}, {"bearer": []}]
    assert found["is_alive"]["security"] == []


def test_every_operation_tells_every_status_it_can_end_in(document: dict[str, Any]) -> None:
    statuses = {name: set(operation["responses"]) for name, operation in operations(document).items()}
    command = {"201", "400", "401", "403", "409", "413", "414", "415", "422", "429", "503"}
    assert statuses["open_ledger"] == command
    assert statuses["write_line"] == command | {"404", "412", "428"}
    assert statuses["read_ledger"] == {"200", "304", "400", "401", "404", "412", "414", "422", "429", "503"}
    assert statuses["measure_scan"].isdisjoint({"304"}), "only a GET is conditional on If-None-Match"
    assert statuses["list_ledgers"] == {"200", "304", "400", "401", "403", "414", "422", "429", "503"}
    assert statuses["read_journal"] == {"200", "400", "401", "403", "409", "414", "422", "429", "503"}
    assert statuses["is_alive"] == {"200", "400", "414"}
    assert statuses["is_ready"] == {"200", "400", "414", "429", "503"}


def test_every_refusal_is_a_problem_document(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for name, operation in operations(document).items():
        for status, response in operation["responses"].items():
            assert response["description"]
            if status >= "400" and (name, status) != ("is_ready", "503"):
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    bodies = [
        operation["requestBody"] for operation in operations(document).values() if "requestBody" in operation
    ]
    assert len(bodies) == 2
    for body in bodies:
        reference = body["content"]["application/json"]["schema"]["$ref"]
        assert schemas[reference.rsplit("/", 1)[1]]["examples"]


def test_a_command_tells_the_headers_of_its_answer(document: dict[str, Any]) -> None:
    headers = operations(document)["open_ledger"]["responses"]["201"]["headers"]
    assert set(headers) == {"ETag", "Journal-Position", "Location"}


def test_webhooks_are_part_of_the_document(edge: LedgerService) -> None:
    webhooks = {"included": {"post": {"responses": {"200": {"description": "Taken."}}}}}
    app = create_application(ServiceHttp("x", "X", "x", edge.app.state.edge, routers=(), webhooks=webhooks))
    assert app.openapi()["webhooks"] == webhooks
    assert app.openapi() is app.openapi()


@pytest.mark.parametrize("roles", [(), ("producer", "king")])
def test_a_route_with_no_role_or_an_unknown_one_cannot_be_made(roles: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="roles"):
        Reading(*roles)
