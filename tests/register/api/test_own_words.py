"""A producer's own words and an individual's registration number: read by whom they concern, in no fact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from services.kernel.vault import opens
from services.register.contract.events import ApplicationFiled
from services.register.domain.application import Application
from services.register.schema import VAULT
from tests.register.api.conftest import Api, body
from tests.register.given import IIN

RECTIFIED = {"kk": "Оспанова Ә. түзетті", "ru": "Исправила Оспанова А.", "en": "Ospanova A. rectified it"}
REASON = "Семейные обстоятельства, 8 701 555 01 01"
PERSON = {
    "iin": IIN,
    "name": {"kk": "ДК «Оспанова»", "ru": "ИП «Оспанова»"},
    "registration_number": "ИП-870155",
}
SECRET = ("Оспанова", "Ospanova", "870155", "900001", IIN, "555 01 01", "info@dala.example")


def filed(api: Api, **changes: Any) -> Application:
    answer = api.post("/v1/applications", body(producer=PERSON, **changes), producer=IIN)
    assert answer.status_code == 201, answer.text
    return api.desk.journal.load(Application, UUID(answer.json()["application_id"]))


def read(api: Api, path: str, role: str | None = "industry_officer") -> dict[str, Any]:
    answer = api.get(path, role=role, producer=IIN if role == "producer" else None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(api: Api, path: str, given: dict[str, Any]) -> None:
    version = api.get(path.rpartition("/")[0]).headers["ETag"]
    answer = api.post(path, given, producer=IIN, if_match=version)
    assert answer.status_code == 201, answer.text


def test_an_individuals_own_words_and_number_are_sealed_and_read_until_they_are_erased(quick: Api) -> None:
    """Law 418-V art. 36; order 327 paras. 5, 32, Appendix 2."""
    first = filed(quick)
    quick.desk.notify("confirmation", "refused", first)
    again = filed(quick, follows=str(first.id), rectified=RECTIFIED)
    path = f"/v1/applications/{again.id}"
    for role in ("industry_officer", "informatization_officer", "producer"):
        shown = read(quick, path, role)
        assert (shown["rectified"], shown["registration_number"]) == (RECTIFIED, "ИП-870155")
    assert not {"rectified", "registration_number"} & read(quick, path, "auditor").keys()
    quick.desk.notify("confirmation", "confirmed", again)
    entry = f"/v1/entries/{again.filed.product_id}"
    assert read(quick, entry, None)["registration_number"] == "ИП-870155"

    before = issued(quick)
    done(quick, f"{entry}/updates", {"producer": {"registration_number": "ИП-900001"}})
    assert read(quick, entry, None)["registration_number"] == "ИП-900001"
    verdict = quick.post("/v1/extracts/verification", before, role=None).json()
    assert (verdict["outcome"], verdict["changes"][0]["fields"]) == (
        "no_longer_true",
        ["state_registration_number"],
    )
    after = issued(quick)
    done(quick, f"{entry}/exclusion-requests", {"reason": REASON})
    assert "registration_number" not in read(quick, entry, None)
    numbers = [one["content"]["producer"]["state_registration_number"] for one in (before, after)]
    assert numbers == ["ИП-870155", "ИП-900001"]
    for one in (before, after):
        again_shown = read(quick, f"/v1/extracts/{one['extract_id']}")
        assert again_shown["content"] == one["content"]
    said = quick.post("/v1/extracts/verification", after, role=None).json()["says"]["producer"]
    assert "state_registration_number" not in said, "an individual is published while in the register"

    records = b"\n".join(row.record for row in quick.desk.journal.after(0, 1_000)).decode()
    assert not [secret for secret in SECRET if secret in records]

    quick.desk.erase(UUID(again.filed.producer.producer_id))

    assert not {"rectified", "registration_number"} & read(quick, path).keys()
    gone = quick.get(f"/v1/extracts/{before['extract_id']}", role="industry_officer")
    assert (gone.status_code, gone.json()["code"]) == (404, "extract_erased")


def issued(api: Api) -> dict[str, Any]:
    answer = api.post("/v1/extracts", {"producer": IIN}, producer=IIN)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_a_legal_entity_rectified_is_sealed_too_and_opens_its_commitments(api: Api) -> None:
    """Anything may stand in a free text, a name too; a legal entity's registration number is public."""
    first = api.filed()
    application = api.desk.journal.load(Application, UUID(first["application_id"]))
    api.desk.accept(api.desk.notify("confirmation", "refused", application))
    api.filed(follows=first["application_id"], rectified=RECTIFIED)
    (recorded,) = [
        one
        for one in (r for page in api.desk.journal.replay() for r in page)
        if isinstance(one.fact.data, ApplicationFiled) and one.fact.data.follows is not None
    ]
    event = recorded.fact.data
    assert isinstance(event, ApplicationFiled)
    assert event.registration_number == "GU-2018-001"
    assert "Оспанова".encode() not in msgspec.json.encode(event)
    with api.desk.journal.database.read() as connection:
        values = VAULT.of_events(connection, [recorded.fact.id])[recorded.fact.id]
    for language, text in RECTIFIED.items():
        field = f"rectified_{language}"
        assert values[field].value == text
        assert opens(field, values[field], event.commitments[field])
