"""The personal account over HTTP: a producer's own alone, and receipts that prove the first opening."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from services.kernel.journal.events import microseconds
from services.notifications.schema import MESSAGES, RECEIPTS
from tests.notifications.api.conftest import Api
from tests.notifications.given import BIN, OTHER_BIN
from tests.notifications.office import NOON

NOBODY = "0191f3c0-0000-7000-8000-000000000000"


def messages(api: Api, number: str = BIN, **given: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/accounts/{number}/messages", **{"role": "producer", "number": number, **given})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def receipt(number: str, message_id: str) -> str:
    return f"/v1/accounts/{number}/messages/{message_id}/receipt"


@pytest.mark.parametrize(("language", "word"), [("kk", "өтінім"), ("ru", "Заявка"), ("en", "pplication")])
def test_a_message_comes_in_the_readers_language_and_in_all(api: Api, language: str, word: str) -> None:
    api.told()
    (message,) = messages(api, headers={"Accept-Language": language})
    assert word in message["subject"]
    assert message["subject"] == message["texts"][language]["subject"]
    assert set(message["texts"]) == {"kk", "ru", "en"}


def test_a_producer_reads_its_own_account_only(api: Api) -> None:
    api.told(BIN)
    answer = api.get(f"/v1/accounts/{BIN}/messages", role="producer", number=OTHER_BIN)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")
    assert messages(api, OTHER_BIN) == []
    assert api.get(f"/v1/accounts/{BIN}/messages", role=None).status_code == 401
    assert api.get(f"/v1/accounts/{BIN}/messages", role="integrator").status_code == 403


@pytest.mark.parametrize("role", ["industry_officer", "informatization_officer", "auditor"])
def test_authorities_read_any_account_and_open_none(api: Api, role: str) -> None:
    (message,) = api.told()
    assert len(messages(api, role=role)) == 1
    assert api.post(receipt(BIN, message), role=role).status_code == 403
    assert api.office.rows(RECEIPTS) == []


def test_the_first_opening_counts_and_a_second_changes_nothing(api: Api) -> None:
    (message,) = api.told()
    first = api.post(receipt(BIN, message), role="producer")
    assert first.status_code == 201
    kept = api.office.rows(RECEIPTS)
    again = api.post(receipt(BIN, message), role="producer", who="colleague")
    assert (again.status_code, again.json()["opened_at"]) == (201, first.json()["opened_at"])
    assert api.office.rows(RECEIPTS) == kept
    assert len(kept) == 1


def test_a_receipt_names_no_person(api: Api) -> None:
    (message,) = api.told()
    api.post(receipt(BIN, message), role="producer")
    row = api.office.row(RECEIPTS)
    assert BIN not in row["opened_by"]
    assert row["opened_at"] >= microseconds(NOON)


def test_the_receipt_of_another_account_is_refused(api: Api) -> None:
    (message,) = api.told(BIN)
    api.told(OTHER_BIN)
    before = api.stored()
    theirs = api.post(receipt(BIN, message), role="producer", number=OTHER_BIN)
    assert (theirs.status_code, theirs.json()["code"]) == (403, "not_yours")
    crossed = api.post(receipt(OTHER_BIN, message), role="producer", number=OTHER_BIN)
    assert (crossed.status_code, crossed.json()["code"]) == (404, "message_unknown")
    unknown = api.post(receipt(BIN, NOBODY), role="producer")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "message_unknown")
    assert api.stored() == before


def test_receipts_are_append_only(api: Api) -> None:
    (message,) = api.told()
    api.post(receipt(BIN, message), role="producer")
    kept = api.office.rows(RECEIPTS)
    for statement in (sa.update(RECEIPTS).values(opened_at=0), sa.delete(RECEIPTS)):
        with (
            pytest.raises(sa.exc.DBAPIError, match="append-only"),
            api.office.database.write() as connection,
        ):
            connection.execute(statement)
    assert api.office.rows(RECEIPTS) == kept


def test_unread_messages_alone_and_pages_in_order(api: Api) -> None:
    made = api.told(count=5)
    assert api.post(receipt(BIN, made[2]), role="producer").status_code == 201
    unread = [one["message_id"] for one in messages(api, unread="true")]
    assert unread == [one for one in reversed(made) if one != made[2]]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while len(found) < 5:
        page = api.get(f"/v1/accounts/{BIN}/messages", role="producer", limit=2, **cursor).json()
        found += [one["message_id"] for one in page["items"]]
        cursor = {"cursor": page.get("next") or ""}
    assert found == list(reversed(made))
    assert len(api.office.rows(MESSAGES)) == 5
