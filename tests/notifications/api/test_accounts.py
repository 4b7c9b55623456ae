"""The personal account over HTTP: a producer's own alone, and receipts that prove the first opening."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
import rfc8785
import sqlalchemy as sa

from services.kernel.journal.events import microseconds
from services.notifications.schema import DELIVERIES, MESSAGES, RECEIPTS
from services.notifications.usecases.dispatch import queue_dispatches
from services.register.contract.events import TermMissed
from services.verification.contract import officers_work
from tests.notifications.api.conftest import Api, refused
from tests.notifications.given import BIN, OTHER_BIN, REASONS, filed, producer, term, transformed
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


def test_a_message_stays_as_it_was_put(api: Api) -> None:
    """Only the account may go on under another number (law 86-VII art. 51-6)."""
    api.told()
    kept = api.office.row(MESSAGES)
    lasting = [name for name in kept if name != "recipient"]
    attempts: list[sa.Executable] = [sa.update(MESSAGES).values({name: kept[name]}) for name in lasting]
    attempts.append(sa.delete(MESSAGES))
    if api.office.database.is_postgresql:
        attempts.append(sa.text("TRUNCATE messages"))
    else:
        replacing = sa.insert(MESSAGES).prefix_with("OR REPLACE")
        attempts += [replacing.values({**kept, name: NOBODY}) for name in ("message_id", "occasion")]
    for statement in attempts:
        with (
            pytest.raises(sa.exc.DBAPIError, match="stay as they were put"),
            api.office.database.write() as connection,
        ):
            connection.execute(statement)
    assert api.office.row(MESSAGES) == kept


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


def test_an_account_counts_what_was_never_opened(api: Api) -> None:
    made = api.told(count=3)
    api.post(receipt(BIN, made[0]), role="producer")
    shown = api.get(f"/v1/accounts/{BIN}", role="producer").json()
    assert (shown["messages"], shown["unread"], shown["terms"]) == (3, 2, [])
    empty = api.get(f"/v1/accounts/{OTHER_BIN}", role="producer", number=OTHER_BIN).json()
    assert (empty["messages"], empty["unread"]) == (0, 0)
    assert api.get(f"/v1/accounts/{BIN}", role="producer", number=OTHER_BIN).status_code == 403


def test_an_account_shows_the_terms_that_run_until_the_act_is_done(api: Api) -> None:
    application = filed(producer())
    api.office.register.publish(application)
    request = officers_work.DocumentsRequested(
        case_id=NOBODY,
        request_id=NOBODY,
        producer_id=application.producer.producer_id,
        product_name=application.product.name,
        asked=REASONS,
        kinds=("contracts",),
        term=term("document_request", "2026-03-17"),
    )
    api.office.verification.publish(request)
    api.office.follow()
    (running,) = api.get(f"/v1/accounts/{BIN}", role="producer").json()["terms"]
    assert (running["kind"], running["due_on"]) == ("document_request", "2026-03-17")
    supplied = officers_work.DocumentsSupplied(
        case_id=NOBODY,
        request_id=NOBODY,
        producer_id=application.producer.producer_id,
        product_name=application.product.name,
        documents=(),
    )
    api.office.verification.publish(supplied)
    api.office.follow()
    assert api.get(f"/v1/accounts/{BIN}", role="producer").json()["terms"] == []


def test_a_search_finds_words_in_any_language_and_case(api: Api) -> None:
    api.told()
    for words in ("УЧЁТНАЯ", "есеп ЖҮЙЕСІ", "accounting system"):
        assert len(messages(api, q=words)) == 1, words
    for words in ("налог", "%", "_", "учётная%"):
        assert messages(api, q=words) == [], words


def test_messages_are_found_by_type_template_and_day(api: Api) -> None:
    api.told()
    found: list[tuple[dict[str, str], int]] = [
        ({"type": "kz.register.application.filed.v2"}, 1),
        ({"type": "kz.register.entry.included.v1"}, 0),
        ({"template": "application_filed"}, 1),
        ({"template": "included"}, 0),
        ({"put_from": "2026-03-02", "put_to": "2026-03-02"}, 1),
        ({"put_from": "2026-03-03"}, 0),
        ({"put_to": "2026-03-01"}, 0),
    ]
    for given, count in found:
        assert len(messages(api, **given)) == count, given


def test_a_cursor_of_another_search_is_refused(api: Api) -> None:
    api.told(count=3)
    page = api.get(f"/v1/accounts/{BIN}/messages", role="producer", limit=1, q="система").json()
    other = api.get(f"/v1/accounts/{BIN}/messages", role="producer", limit=1, q="есеп", cursor=page["next"])
    assert (other.status_code, other.json()["code"]) == (400, "cursor_invalid")


def test_a_receipt_proves_when_it_was_put_and_first_opened(api: Api) -> None:
    (message,) = api.told()
    before = api.get(receipt(BIN, message), role="producer").json()
    assert before["put_at"].startswith("2026-03-02T07:00:00")
    assert "opened_at" not in before
    assert before["channels"] == []
    with api.office.database.write() as connection:
        queue_dispatches(connection, [(message, "email")])
    opened = api.post(receipt(BIN, message), role="producer").json()["opened_at"]
    after = api.get(receipt(BIN, message), role="auditor").json()
    assert after["opened_at"] == opened
    assert after["channels"] == [{"channel": "email", "state": "pending", "tries": []}]
    shown = api.get(f"/v1/accounts/{BIN}/messages/{message}", role="producer").json()
    digest = hashlib.sha256(rfc8785.dumps(shown["texts"])).hexdigest()
    assert (after["texts_sha256"], after["template_version"]) == (digest, shown["template_version"])


@pytest.mark.parametrize(
    ("language", "title", "unopened"),
    [
        ("kk", "түбіртек", "ашылған жоқ"),
        ("ru", "Квитанция", "не открыто"),
        ("en", "Receipt", "not opened yet"),
    ],
)
def test_a_receipt_is_a_page_fit_to_print(api: Api, language: str, title: str, unopened: str) -> None:
    (message,) = api.told()
    answer = api.get(
        receipt(BIN, message),
        role="producer",
        headers={"Accept": "text/html", "Accept-Language": language},
    )
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert f'<html lang="{language}">' in answer.text
    assert title in answer.text
    assert unopened in answer.text
    assert "@media print" in answer.text


def test_an_authoritys_account_is_read_and_opened_by_its_own_officers(api: Api) -> None:
    missed = TermMissed(term=term("review", "2026-03-02"), subject_id=NOBODY, missed_by="industry_authority")
    api.office.register.publish(missed)
    api.office.follow()
    path = "/v1/accounts/industry_authority"
    (message,) = api.get(f"{path}/messages", role="industry_officer").json()["items"]
    assert message["template"] == "term_missed"
    assert api.get(f"{path}/messages", role="auditor").status_code == 200
    for role in ("informatization_officer", "producer"):
        assert api.get(f"{path}/messages", role=role).json()["code"] == "not_yours"
        assert api.get(path, role=role).status_code == 403
        opened = api.post(f"{path}/messages/{message['message_id']}/receipt", role=role)
        assert opened.json()["code"] == "not_yours"
    assert api.post(f"{path}/messages/{message['message_id']}/receipt", role="industry_officer").is_success
    assert api.get(path, role="industry_officer").json()["unread"] == 0


def test_a_message_is_there_though_every_webhook_fails(api: Api) -> None:
    """Every event that concerns a producer reaches the account, whatever becomes of its deliveries."""
    api.office.subscribe()
    api.told()
    with api.office.database.write() as connection:
        connection.execute(sa.update(DELIVERIES).values(state="exhausted"))
    assert len(messages(api)) == 1


@pytest.mark.parametrize("rest", ["", "/messages", "/messages/{id}", "/messages/{id}/receipt"])
def test_a_former_bins_account_goes_on_under_the_present_one(api: Api, rest: str) -> None:
    """Law 86-VII art. 51-6: on a transformation nothing ends; the account holds what was put before."""
    ref = producer(BIN)
    api.office.register.publish(filed(ref))
    api.office.register.publish(transformed(ref, OTHER_BIN))
    api.office.follow()
    message = api.office.rows(MESSAGES)[0]["message_id"]
    before = api.stored()
    for role in ("producer", "auditor"):
        answer = api.get(f"/v1/accounts/{BIN}{rest.format(id=message)}", role=role)
        problem = refused(api, answer, 409, "producer_transformed", before)
        assert OTHER_BIN in problem["detail"]
    whole = api.get(f"/v1/accounts/{OTHER_BIN}{rest.format(id=message)}", role="producer", number=OTHER_BIN)
    assert whole.status_code == 200
    if rest == "/messages":
        assert message in {item["message_id"] for item in whole.json()["items"]}
    if rest.endswith("receipt"):
        opening = api.post(f"/v1/accounts/{BIN}/messages/{message}/receipt", role="producer")
        refused(api, opening, 409, "producer_transformed", before)


def test_a_bin_that_another_had_replaced_when_it_was_told_is_a_former_one_art_51_6(api: Api) -> None:
    """Told late of an earlier day: the account stays under the BIN that counts from later."""
    ref = producer(BIN)
    api.office.register.publish(filed(ref))
    api.office.register.publish(transformed(ref, OTHER_BIN))
    late = msgspec.structs.replace(transformed(ref, "151040025562"), fields=("bin",), superseded=("bin",))
    api.office.register.publish(late)
    api.office.follow()
    assert api.get(f"/v1/accounts/{OTHER_BIN}", role="auditor").json()["messages"] == 3
    for former in (BIN, "151040025562"):
        assert OTHER_BIN in api.get(f"/v1/accounts/{former}", role="auditor").json()["detail"]


def test_a_bin_that_was_taken_back_is_an_account_again(api: Api) -> None:
    ref = producer(BIN)
    api.office.register.publish(filed(ref))
    api.office.register.publish(there := transformed(ref, OTHER_BIN))
    api.office.register.publish(transformed(there.producer, BIN))
    api.office.follow()
    assert api.get(f"/v1/accounts/{BIN}", role="producer").json()["messages"] == 3
    assert api.get(f"/v1/accounts/{OTHER_BIN}", role="auditor").status_code == 409
