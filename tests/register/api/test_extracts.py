"""Extracts over HTTP: issued for whom the law gives them, as of any two times, kept as they were."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
import rfc8785
import sqlalchemy as sa

from services.kernel.clock import set_simulated_clock
from services.kernel.contract import OfficialText
from services.register.contract.extracts import ExtractIssued
from services.register.domain.updating import Given
from services.register.schema import EXTRACT_CONTENTS, VAULT
from tests.register.api.conftest import Api
from tests.register.given import BIN, IIN, OTHER_BIN

PATH = "/v1/extracts"


def asked(api: Api, role: str = "producer", number: str = BIN, **body: Any) -> httpx2.Response:
    return api.post(PATH, {"producer": number, **body}, role=role)


def issued(api: Api, **given: Any) -> dict[str, Any]:
    answer = asked(api, **given)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_extract_holds_all_products_of_its_producer_and_its_record_proves_it(both: Api) -> None:
    first, second = both.desk.include(name="Есеп"), both.desk.include(name="Қойма")
    both.desk.include(OTHER_BIN, name="Өзге")
    head = both.head()
    answer = asked(both)
    extract = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{extract['extract_id']}"
    content = extract["content"]
    assert {product["product_id"] for product in content["products"]} == {str(first.id), str(second.id)}
    assert (content["known_at"], extract["position"]) == (head, head + 1)
    assert hashlib.sha256(rfc8785.dumps(content)).hexdigest() == extract["digest"]
    record = json.loads(extract["record"])
    assert record["data"]["content_sha256"] == extract["digest"]
    assert record["data"]["number"] == extract["number"] == "0000000001"
    (recorded,) = both.desk.journal.after(head, 10)
    assert recorded.record.decode() == extract["record"]
    again = both.get(f"{PATH}/{extract['extract_id']}", role="producer").json()
    assert {name: value for name, value in again.items() if name != "proof"} == extract


def test_an_extract_names_its_producer_as_is_valid_last_not_as_was_told_last_para_26(
    quick: Api, tmp_path: Path
) -> None:
    desk = quick.desk
    first, second = desk.include(name="Есеп"), desk.include(name="Қойма")
    desk.on("2026-04-25")
    later = Given(name=OfficialText(kk="«Жаңа» ЖШС", ru="ТОО «Новое»"), registration_number="GU-2")
    desk.update(first, replace(later, changed_on=date(2026, 4, 20)))
    desk.on("2026-04-26")
    earlier = Given(name=OfficialText(kk="«Ескі» ЖШС", ru="ТОО «Старое»"), registration_number="GU-1")
    desk.update(second, replace(earlier, changed_on=date(2026, 4, 5)))
    set_simulated_clock(tmp_path / "clock.json", desk.clock.now())
    producer = issued(quick)["content"]["producer"]
    assert (producer["name"]["ru"], producer["state_registration_number"]) == ("ТОО «Новое»", "GU-2")


def test_the_same_key_gives_the_same_extract(both: Api) -> None:
    both.desk.include()
    first = both.post(PATH, {"producer": BIN}, key="k")
    again = both.post(PATH, {"producer": BIN}, key="k")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert asked(both).json()["number"] == "0000000002"


def test_two_times_decide_what_an_extract_says(both: Api, tmp_path: Path) -> None:
    entry = both.desk.include()
    known = both.head()
    both.desk.on("2026-03-10")
    both.desk.exclude(entry)
    set_simulated_clock(tmp_path / "clock.json", both.desk.clock.now())
    assert asked(both, role="industry_officer").json()["code"] == "nothing_in_register"
    then = issued(both, role="industry_officer", valid_at="2026-03-02T08:00:00Z", known_at=known)
    assert then["content"]["valid_at"] == "2026-03-02T08:00:00.000000Z"
    assert then["content"]["known_at"] == known
    assert len(then["content"]["products"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"valid_at": "2027-01-01T00:00:00Z"}, 422, "instant_in_future"),
        ({"known_at": 10_000}, 422, "instant_in_future"),
        ({"known_at": -1}, 422, "request_invalid"),
        ({"known_at": True}, 422, "request_invalid"),
        ({"known_at": "yesterday"}, 422, "request_invalid"),
        ({"valid_at": 0}, 422, "request_invalid"),
        ({"producer": OTHER_BIN}, 403, "not_yours"),
        ({"producer": "181240006528"}, 422, "request_invalid"),
        ({"known_at": 0}, 409, "nothing_in_register"),
    ],
)
def test_what_cannot_be_confirmed_is_refused_and_nothing_is_stored(
    api: Api, body: dict[str, Any], status: int, code: str
) -> None:
    api.desk.include()
    head = api.head()
    answer = api.post(PATH, {"producer": BIN, **body})
    assert (answer.status_code, answer.json()["code"], api.head()) == (status, code, head)


def test_a_producer_sees_its_own_extracts_and_no_one_elses(api: Api) -> None:
    api.desk.include()
    path = f"{PATH}/{issued(api)['extract_id']}"
    assert api.get(path, role="producer", producer=OTHER_BIN).json()["code"] == "extract_unknown"
    assert api.get(path).status_code == 401
    for role in ("industry_officer", "informatization_officer", "auditor"):
        assert api.get(path, role=role).status_code == 200
    unknown = asked(api, role="industry_officer", number=OTHER_BIN)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "producer_unknown")


def test_an_individuals_extract_shows_what_appendix_2_asks_until_it_is_erased(both: Api) -> None:
    both.desk.include(IIN)
    answer = both.post(PATH, {"producer": IIN}, producer=IIN)
    extract = answer.json()
    assert extract["content"]["producer"]["iin"] == IIN
    assert IIN not in extract["record"]
    with both.desk.journal.database.write() as connection:
        kept = connection.execute(sa.select(EXTRACT_CONTENTS.c.content)).scalar_one()
        assert IIN.encode() not in bytes(kept)
        connection.execute(sa.delete(VAULT.table))
    path = f"{PATH}/{extract['extract_id']}"
    gone = both.get(path, role="producer", producer=IIN)
    assert (gone.status_code, gone.json()["code"]) == (404, "extract_erased")
    assert asked(both, role="industry_officer", number=IIN).json()["code"] == "extract_personal_values_erased"
    assert [type(event) for event in both.desk.events()].count(ExtractIssued) == 1
