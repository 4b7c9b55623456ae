"""`/v1/erasures`: personal values are erased by two officers (law 418-V art. 36)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.register.api.conftest import Api, body
from tests.register.given import IIN

PERSON = {"iin": IIN, "name": {"kk": "ЖК Ахметова", "ru": "ИП Ахметова"}}
REASONS = {"kk": "Мерзімі өткен жоқ.", "ru": "Срок не истёк."}
FORM = {"reason": "consent_withdrawn", "legal_basis": "law-94-V art. 18"}


def withdrawn(api: Api) -> tuple[str, str]:
    """The paths of an individual who filed and withdrew, and of its application."""
    filed: dict[str, Any] = api.post("/v1/applications", body(producer=PERSON), producer=IIN).json()
    application = f"/v1/applications/{filed['application_id']}"
    api.post(f"{application}/withdrawal", {"reason": "Жеке себеп"}, producer=IIN)
    return f"/v1/producers/{filed['producer']['producer_id']}", application


def propose(api: Api, path: str, if_match: str | None = None, **given: Any) -> Any:
    seen = if_match or api.get(path, "industry_officer").headers["ETag"]
    return api.post(f"{path}/erasures", FORM, "industry_officer", if_match=seen, **given)


def decide(api: Api, proposed: Any, what: str = "approval", **given: Any) -> Any:
    path = f"/v1/erasures/{proposed.json()['erasure_id']}/{what}"
    form = {"reasons": REASONS} if what == "refusal" else None
    given = {"role": None, "headers": api.second(), "if_match": proposed.headers["ETag"], **given}
    return api.post(path, form, **given)


def test_one_officer_proposes_an_erasure_and_another_approves_it(both: Api) -> None:
    path, application = withdrawn(both)
    shown = both.get(application, "industry_officer").json()
    assert (shown["producer"]["iin"], shown["contacts"]["email"]) == (IIN, "info@dala.example")
    read = both.get(path, "industry_officer")
    assert IIN not in read.text
    before = both.head()
    proposed = propose(both, path, key="once")
    assert proposed.status_code == 201, proposed.text
    assert proposed.headers["Location"] == f"/v1/erasures/{proposed.json()['erasure_id']}"
    assert both.get(application, "industry_officer").json()["producer"]["iin"] == IIN
    told = both.get("/v1/journal/events", after=before, format="ndjson").text
    assert path.rpartition("/")[2] not in told
    assert FORM["reason"] not in told
    answer = decide(both, proposed, key="twice")
    assert (answer.status_code, answer.json()["status"]) == (201, "approved"), answer.text
    assert answer.json()["decided_by"] != answer.json()["proposed_by"]
    again = decide(both, proposed, key="twice")
    assert (again.status_code, again.content) == (201, answer.content)
    assert both.get(path, "industry_officer").json()["erased_on"] == "2026-03-02"
    hidden = both.get(application, "industry_officer").json()
    assert "iin" not in hidden["producer"]
    assert "contacts" not in hidden
    assert both.get(application, "producer", IIN).status_code == 404
    event = both.get("/v1/journal/events", "service", after=both.head() - 1).json()["events"][0]["event"]
    assert (event["legalbasis"], event["actor"]) == ("law-94-V art. 18", answer.json()["decided_by"])
    assert event["data"]["proposed_by"] == answer.json()["proposed_by"]
    assert event["data"]["fields"] == [
        "address", "email", "iin", "name_kk", "name_ru", "reason", "telephone",
    ]  # fmt: skip
    feed = both.get("/v1/journal/events", "service", limit=100).json()["events"]
    kept = [one["event"]["type"] for one in feed if "confidential" in one]
    assert kept == ["kz.register.erasure.proposed.v1"]
    nothing = propose(both, path)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_erase")


def test_the_officer_who_proposed_an_erasure_neither_approves_nor_declines_it(api: Api) -> None:
    path, application = withdrawn(api)
    proposed = propose(api, path)
    for what in ("approval", "refusal"):
        refused = decide(api, proposed, what, role="industry_officer", headers={})
        assert (refused.status_code, refused.json()["code"]) == (403, "own_proposal")
    assert api.get(application, "industry_officer").json()["producer"]["iin"] == IIN


def test_a_declined_erasure_erases_nothing_and_is_over(api: Api) -> None:
    path, application = withdrawn(api)
    proposed = propose(api, path)
    declined = decide(api, proposed, "refusal")
    assert (declined.status_code, declined.json()["declined_for"]) == (201, REASONS)
    late = decide(api, declined)
    assert (late.status_code, late.json()["code"]) == (409, "erasure_decided")
    assert api.get(application, "industry_officer").json()["producer"]["iin"] == IIN


def test_of_two_proposals_the_second_finds_nothing_to_erase(api: Api) -> None:
    path, _ = withdrawn(api)
    first, other = propose(api, path), propose(api, path)
    assert decide(api, first).status_code == 201
    nothing = decide(api, other)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_erase")
    assert decide(api, other, "refusal").status_code == 201


def test_what_came_since_the_proposal_stands_in_the_way_of_its_approval(api: Api) -> None:
    path, _ = withdrawn(api)
    proposed = propose(api, path)
    filed = api.post("/v1/applications", body(producer=PERSON), producer=IIN)
    waiting = decide(api, proposed)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "erasure_while_pending")
    application = f"/v1/applications/{filed.json()['application_id']}"
    api.post(f"{application}/withdrawal", {"reason": "Жеке себеп"}, producer=IIN)
    assert decide(api, proposed).status_code == 201


def test_a_notification_that_waits_could_bring_the_entry_back_and_is_decided_first(api: Api) -> None:
    """Art. 51-2(4): it undoes the exclusion; order 327 para. 5 then publishes the values again."""
    entry = api.desk.include()
    excluded = api.desk.exclude(entry).state.exclusion
    path = f"/v1/producers/{entry.state.producer.producer_id}"
    proposed = propose(api, path)
    assert proposed.status_code == 201
    assert excluded is not None
    content = api.desk.notify("monitoring", "conforms", entry, corrects=excluded.notification_id)
    waiting = decide(api, proposed)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "erasure_while_pending")
    api.desk.accept(content)
    back = decide(api, proposed)
    assert (back.status_code, back.json()["code"]) == (409, "erasure_while_published")


def test_erasures_are_for_officers_and_auditors_and_wait_in_a_list(api: Api) -> None:
    proposed = propose(api, withdrawn(api)[0])
    path = f"/v1/erasures/{proposed.json()['erasure_id']}"
    for where in (path, "/v1/erasures"):
        assert api.get(where).status_code == 401
        assert api.get(where, "producer").status_code == 403
        assert api.get(where, "auditor").status_code == 200
    waiting = api.get("/v1/erasures", "industry_officer", status="proposed").json()["items"]
    assert waiting == [proposed.json()]
    assert api.get("/v1/erasures", "industry_officer", status="approved").json() == {"items": []}
    assert api.get(path, "industry_officer").headers["ETag"] == proposed.headers["ETag"]
    assert decide(api, proposed, if_match='"9"').status_code == 412
    assert decide(api, proposed, if_match=None).status_code == 428


def test_a_person_whose_values_were_erased_files_anew_as_another_producer(api: Api) -> None:
    path, _ = withdrawn(api)
    assert decide(api, propose(api, path)).status_code == 201
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
