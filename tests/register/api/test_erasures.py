"""`/v1/producers/{producer_id}`: an officer erases personal values (law 418-V art. 36)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.register.api.conftest import Api, body
from tests.register.given import IIN

PERSON = {"iin": IIN, "name": {"kk": "ЖК Ахметова", "ru": "ИП Ахметова"}}
FORM = {"reason": "consent_withdrawn", "legal_basis": "law-94-V art. 18"}


def withdrawn(api: Api) -> tuple[str, str]:
    """The paths of an individual who filed and withdrew, and of its application."""
    filed: dict[str, Any] = api.post("/v1/applications", body(producer=PERSON), producer=IIN).json()
    application = f"/v1/applications/{filed['application_id']}"
    api.post(f"{application}/withdrawal", {"reason": "Жеке себеп"}, producer=IIN)
    return f"/v1/producers/{filed['producer']['producer_id']}", application


def test_an_officer_erases_what_is_kept_of_an_individual(both: Api) -> None:
    path, application = withdrawn(both)
    shown = both.get(application, "industry_officer").json()
    assert (shown["producer"]["iin"], shown["contacts"]["email"]) == (IIN, "info@dala.example")
    read = both.get(path, "industry_officer")
    assert IIN not in read.text
    answer = both.post(
        f"{path}/erasures", FORM, "industry_officer", if_match=read.headers["ETag"], key="once"
    )
    assert (answer.status_code, answer.headers["Location"]) == (201, path)
    assert answer.json()["erased_on"] == "2026-03-02"
    again = both.post(f"{path}/erasures", FORM, "industry_officer", if_match=read.headers["ETag"], key="once")
    assert (again.status_code, again.content) == (201, answer.content)
    hidden = both.get(application, "industry_officer").json()
    assert "iin" not in hidden["producer"]
    assert "contacts" not in hidden
    assert both.get(application, "producer", IIN).status_code == 404
    event = both.get("/v1/journal/events", "service", after=both.head() - 1).json()["events"][0]
    assert event["event"]["legalbasis"] == "law-94-V art. 18"
    assert event["event"]["data"]["fields"] == [
        "address", "email", "iin", "name_kk", "name_ru", "reason", "telephone",
    ]  # fmt: skip
    feed = both.get("/v1/journal/events", "service", limit=100)
    assert all("confidential" not in one for one in feed.json()["events"])
    nothing = both.post(f"{path}/erasures", FORM, "industry_officer", if_match=answer.headers["ETag"])
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_erase")


def test_a_person_whose_values_were_erased_files_anew_as_another_producer(api: Api) -> None:
    path, _ = withdrawn(api)
    read = api.get(path, "industry_officer")
    api.post(f"{path}/erasures", FORM, "industry_officer", if_match=read.headers["ETag"])
    filed = api.post("/v1/applications", body(producer=PERSON), producer=IIN)
    assert filed.status_code == 201
    assert not path.endswith(filed.json()["producer"]["producer_id"])


@pytest.mark.parametrize(
    ("form", "if_match", "status", "code"),
    [
        (FORM, None, 428, "if_match_required"),
        (FORM, '"7"', 412, "version_stale"),
        ({**FORM, "reason": "because"}, '"1"', 422, "body_invalid"),
        ({**FORM, "legal_basis": "660427402182"}, '"1"', 422, "body_invalid"),
        ({"reason": "ordered"}, '"1"', 422, "body_invalid"),
        ({**FORM, "fields": ["iin"]}, '"1"', 422, "body_invalid"),
    ],
)
def test_an_erasure_that_cannot_stand_changes_nothing(
    api: Api, form: dict[str, Any], if_match: str | None, status: int, code: str
) -> None:
    path, application = withdrawn(api)
    head = api.head()
    answer = api.post(f"{path}/erasures", form, "industry_officer", if_match=if_match)
    assert answer.status_code == status
    assert code in answer.text or status == 422
    assert api.head() == head
    assert api.get(application, "industry_officer").json()["producer"]["iin"] == IIN


def test_an_unknown_producer_is_a_404_and_a_number_no_id(api: Api) -> None:
    unknown = "/v1/producers/0191f3c0-0000-7000-8000-000000000000"
    assert api.get(unknown, "industry_officer").status_code == 404
    assert api.post(f"{unknown}/erasures", FORM, "industry_officer", if_match='"1"').status_code == 404
    assert api.get(f"/v1/producers/{IIN}", "industry_officer").status_code == 422
