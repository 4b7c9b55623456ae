"""Every operation on a subscription, from the OpenAPI itself: another's is as if it were not there."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.notifications.api.conftest import Api
from tests.openapi_files import openapi_of

NOBODY: Final = "0191f3c0-0000-7000-8000-000000000000"
UNDER: Final = "/v1/subscriptions/{subscription_id}"
BODIES: Final[dict[str, dict[str, Any]]] = {"replay_journal": {"from_position": 1}}
"""What an operation takes at the least; most take nothing."""
OPERATIONS: Final = [
    (method.upper(), path, operation)
    for path, methods in openapi_of("notifications")["paths"].items()
    if path.startswith(UNDER)
    for method, operation in methods.items()
]


def ask(api: Api, method: str, path: str, operation: dict[str, Any], subscription: str) -> tuple[int, str]:
    """Status and code of another owner's request."""
    headers = {**api.headers("integrator", "b"), "Idempotency-Key": f"{method}-{subscription}"}
    if any(parameter["name"] == "if-match" for parameter in operation.get("parameters", [])):
        headers["If-Match"] = '"1"'
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] != "subscription_id":
            path = path.replace("{" + parameter["name"] + "}", NOBODY)
    body = BODIES.get(operation["operationId"], {})
    given: dict[str, Any] = {"json": body} if "requestBody" in operation else {}
    answer = api.client.request(
        method, path.replace("{subscription_id}", subscription), headers=headers, **given
    )
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    OPERATIONS,
    ids=[operation["operationId"] for _, _, operation in OPERATIONS],
)
def test_anothers_subscription_is_answered_as_none(
    embedded: Api, method: str, path: str, operation: dict[str, Any]
) -> None:
    theirs = embedded.subscribed("a")["subscription_id"]
    before = embedded.stored()
    found = ask(embedded, method, path, operation, theirs)
    assert found == ask(embedded, method, path, operation, NOBODY)
    assert found == (404, "subscription_unknown")
    assert embedded.stored() == before


def test_no_operation_on_a_subscription_is_missing() -> None:
    assert len(OPERATIONS) >= 8
