"""Operation x role: the table says who may; who may not gets 401 or 403 and nothing else.

The table is written by hand and held against both the OpenAPI and the services, so that neither can open an
operation to somebody unnoticed.
"""

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
COLUMNS = {
    "P": "producer",
    "V": "informatization_officer",  # verifies
    "R": "industry_officer",  # keeps the register
    "A": "auditor",
    "I": "integrator",
    "S": "service",
    "*": "public",
}
MATRIX = {
    #                                    P V R A I S *
    "register": """
        file_application             P . . . . . .
        withdraw_application         P . . . . . .
        propose_correction           . . R . . . .
        approve_correction           . . R . . . .
        decline_correction           . . R . . . .
        propose_erasure              . . R . . . .
        approve_erasure              . . R . . . .
        decline_erasure              . . R . . . .
        file_appeal                  P . . . . . .
        request_exclusion            P . . . . . .
        grant_exclusion              . . R . . . .
        issue_extract                P V R . . . .
        accept_notification          . . R . . . .
        return_notification          . . R . . . .
        report_liquidation           . . R . . S .
        report_reorganisation        . . R . . S .
        update_entry                 P . . . . . .
        read_application             P V R A . S .
        list_corrections             . . R A . . .
        read_correction              . . R A . . .
        list_entries                 . . . . . . *
        read_entry                   . . . . . . *
        list_erasures                . . R A . . .
        read_erasure                 . . R A . . .
        verify_extract               . . . . . . *
        verify_extract_by_code       . . . . . . *
        read_extract                 P V R A . . .
        read_entry_history           . . . . . . *
        list_changes                 . . . . . . *
        list_notifications           . V R A . S .
        read_notification            . V R A . S .
        check_origin                 . . . . . . *
        check_origins                P V R A I S .
        read_producer                . . R A . . .
        read_journal                 . . . . . S *
        read_log_checkpoint          . . . . . . *
        read_log_key                 . . . . . . *
        read_log_witnessed           . . . . . . *
        read_log_predecessor         . . . . . . *
        read_log_entries             . . . . . . *
        read_log_tile                . . . . . . *
        read_log_consistency         . . . . . . *
        read_proof                   . . . . . . *
    """,
    "verification": """
        read_log_checkpoint          . . . . . . *
        read_log_key                 . . . . . . *
        read_log_witnessed           . . . . . . *
        read_log_predecessor         . . . . . . *
        read_log_tile                . . . . . . *
        read_log_consistency         . . . . . . *
        read_proof                   . . . . . . *
        upload_document              P V . . . . .
        read_document                . V . . . . .
        supersede_document           P V . . . . .
        list_document_looks          . . . A . . .
        import_listings              . V . . . . .
        conclude_case                . V . . . . .
        resubmit_notification        . V . . . . .
        check_report                 P V . . . . .
        assign_case                  . V . . . . .
        request_documents            . V . . . . .
        list_document_requests       P V . A . . .
        supply_documents             P . . . . . .
        check_criterion              . V . . . . .
        approve_proposal             . V . . . . .
        return_proposal              . V . . . . .
        record_court_ruling          . V . . . . .
        open_round                   . V . . . . .
        signal_monitoring            . V . . . S .
        request_simulation           . V . A . . .
        cancel_simulation            . V . A . . .
        list_software                . V . . . . .
        list_listings                . . . . . . *
        delist_software              . V . . . . .
        list_cases                   . V . A . . .
        read_case                    . V . A . . .
        explain_case                 P V . A . . .
        read_case_report             . V . . . . .
        assess_case                  . V . A . . .
        list_officers                . V . A . . .
        read_round                   . V R A . . .
        list_rule_sets               . . . . . . *
        read_rule_set                . . . . . . *
        read_simulation              . V . A I . .
        list_simulation_differences  . V . A I . .
        read_listing                 . . . . . . *
        read_journal                 . V . A . S .
        read_log_entries             . V . A . S .
    """,
    "notifications": """
        get_account                  P V R A . . .
        list_messages                P V R A . . .
        get_message                  P V R A . . .
        open_message                 P V R . . . .
        get_receipt                  P V R A . . .
        read_channels                . V R A . . .
        subscribe                    . V R . I S .
        list_subscriptions           . V R . I S .
        read_subscription            . V R . I S .
        change_subscription          . V R . I S .
        unsubscribe                  . V R . I S .
        pause_subscription           . V R . I S .
        resume_subscription          . V R . I S .
        rotate_secret                . V R . I S .
        list_deliveries              . V R . I S .
        read_statistics              . V R . I S .
        test_subscription            . V R . I S .
        resend_delivery              . V R . I S .
        recover_failed               . V R . I S .
        replay_journal               . V R . I S .
        list_jobs                    . V R . I S .
        read_job                     . V R . I S .
        cancel_job                   . V R . I S .
        read_webhook_keys            . . . . . . *
    """,
    "every": """
        is_alive                     . . . . . . *
        is_ready                     . . . . . . *
        read_metrics                 . . . . . . *
        read_problem_type            . . . . . . *
    """,
}
"""Operations and who may call them; `every` service has the last ones."""


@pytest.fixture(scope="module", params=SERVICES)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, dict[str, Any], Path]]:
    var = tmp_path_factory.mktemp(request.param)
    with served(request.param, var) as (app, client):
        yield client, app.openapi(), var


def expected(service: str) -> dict[str, set[str]]:
    """Of each operation the roles that the table gives it."""
    found: dict[str, set[str]] = {}
    for line in (MATRIX[service] + MATRIX["every"]).split("\n"):
        name, *marks = line.split() or [""]
        if name:
            assert name not in found, line
            assert all(mark in (letter, ".") for mark, letter in zip(marks, COLUMNS, strict=True)), line
            found[name] = {COLUMNS[mark] for mark in marks if mark != "."}
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_stands_in_the_table_with_the_roles_it_names(
    service: tuple[TestClient, dict[str, Any], Path],
) -> None:
    _client, document, _var = service
    named = {one["operationId"]: set(one["x-roles"]) for _method, _path, one in operations(document)}
    assert named == expected(name_of(document))


def test_only_the_roles_of_the_table_pass(service: tuple[TestClient, dict[str, Any], Path]) -> None:
    client, document, var = service
    table = expected(name_of(document))
    for method, path, operation in operations(document):
        allowed = table[operation["operationId"]]
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


def name_of(document: dict[str, Any]) -> str:
    title: str = document["info"]["title"]
    return title.removeprefix("Tizilim: ")


def test_a_token_for_another_service_or_for_none_is_refused_everywhere(
    service: tuple[TestClient, dict[str, Any], Path],
) -> None:
    """RFC 7519 section 4.1.3: each service takes only what names it, alone or in a list."""
    client, document, var = service
    own = name_of(document)
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
