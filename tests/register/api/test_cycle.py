"""The register's part of the cycle over HTTP: order 327 paras. 8-10, 30-32, law 86-VII arts. 51-2, 51-6."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.register.domain.application import Application
from services.register.domain.entry import Entry
from tests.register.api.conftest import Api, body
from tests.register.given import BIN, IIN, OTHER_BIN, REASONS

REMARKS = {"remarks": {"kk": "Толық емес.", "ru": "Неполно."}}


def notified(api: Api, filed: dict[str, Any], result: str = "confirmed") -> str:
    application = api.desk.journal.load(Application, UUID(filed["application_id"]))
    content = api.desk.notify(
        "confirmation", result, application, trusted_register_reference="TS-1", localisation_share="93.45"
    )
    return content.notification_id


def decide(api: Api, notification_id: str, step: str = "acceptance", json: Any = None) -> dict[str, Any]:
    seen = api.get(f"/v1/notifications/{notification_id}", "industry_officer")
    answer = api.post(
        f"/v1/notifications/{notification_id}/{step}", json, "industry_officer", if_match=seen.headers["ETag"]
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def included(api: Api, **changes: Any) -> dict[str, Any]:
    filed = api.filed(**changes)
    decide(api, notified(api, filed))
    found: dict[str, Any] = api.get(f"/v1/entries/{filed['product']['product_id']}").json()
    return found


def excluded(api: Api) -> dict[str, Any]:
    entry = included(api)
    loaded = api.desk.journal.load(Entry, UUID(entry["entry_id"]))
    decide(api, api.desk.notify("monitoring", "exclude", loaded).notification_id)
    return entry


def test_filing_answers_with_location_version_and_position(both: Api) -> None:
    answer = both.post("/v1/applications", body())
    assert answer.status_code == 201
    found = answer.json()
    assert (found["status"], found["number"], found["filed_on"]) == ("filed", "0000000001", "2026-03-02")
    assert answer.headers["Location"] == f"/v1/applications/{found['application_id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Journal-Position"] == "2"


def test_a_document_may_say_until_when_its_right_holds(both: Api) -> None:
    """Order of 28.11.2025: exclusive rights; the informatization authority watches their last day."""
    named = body()["documents"]
    given = [*named, {**named[-1], "kind": "copyright_certificate", "valid_until": "2027-03-31"}]
    filed = both.filed(documents=given)
    assert [one["valid_until"] for one in filed["documents"] if one.get("valid_until")] == ["2027-03-31"]
    application = both.desk.journal.load(Application, UUID(filed["application_id"]))
    assert application.filed.documents[-1].valid_until == "2027-03-31"


def test_an_application_leads_into_the_public_register(both: Api) -> None:
    entry = included(both)
    assert (entry["status"], entry["number"], entry["included_on"]) == (
        "included",
        "0000000001",
        "2026-03-02",
    )
    assert entry["producer"]["bin"] == BIN
    assert entry["contacts"]["email"] == "info@dala.example"
    assert entry["localisation_share"] == "93.45"
    listed = both.get("/v1/entries").json()
    assert listed == {"items": [entry]}


def test_what_waits_for_review_is_listed_with_its_term(both: Api) -> None:
    notification_id = notified(both, both.filed())
    (item,) = both.get("/v1/notifications", "industry_officer", status="received").json()["items"]
    assert item["notification_id"] == notification_id
    assert (item["term"]["name"], item["term"]["due_on"]) == ("review", "2026-03-17")
    decide(both, notification_id)
    assert both.get("/v1/notifications", "industry_officer", status="received").json()["items"] == []
    assert len(both.get("/v1/notifications", "industry_officer", kind="confirmation").json()["items"]) == 1


def test_return_with_remarks_fixes_the_rework_term_para_9(both: Api) -> None:
    notification_id = notified(both, both.filed())
    found = decide(both, notification_id, "return", REMARKS)
    assert found["status"] == "returned"
    assert found["returned"]["rework_term"]["due_on"] == "2026-03-10"


def test_a_refusal_leaves_reapplication_only(both: Api) -> None:
    filed = both.filed()
    assert decide(both, notified(both, filed, "refused"))["outcome"] == "inclusion_refused"
    read = both.get(f"/v1/applications/{filed['application_id']}", "producer").json()
    assert (read["status"], read["reasons"]["ru"]) == ("refused", REASONS.ru)
    appeal = both.post(
        f"/v1/entries/{filed['product']['product_id']}/appeals", {"grounds": "нет", "language": "ru"}
    )
    assert (appeal.status_code, appeal.json()["code"]) == (409, "refusal_not_appealable")
    again = both.filed(follows=filed["application_id"], rectified={"kk": "Түзетілді", "ru": "Исправлено"})
    assert again["follows"] == filed["application_id"]


def test_withdrawal(both: Api) -> None:
    filed = both.filed()
    answer = both.post(f"/v1/applications/{filed['application_id']}/withdrawal", {"reason": "Қате"})
    assert (answer.status_code, answer.json()["status"]) == (201, "withdrawn")


def test_appeal_in_time_and_reinstatement(both: Api) -> None:
    entry = excluded(both)
    answer = both.post(
        f"/v1/entries/{entry['entry_id']}/appeals", {"grounds": "Келіспейміз", "language": "kk"}
    )
    assert answer.status_code == 201
    (appeal,) = answer.json()["appeals"]
    assert (appeal["in_time"], appeal["outcome"], appeal["term_ends_on"]) == (True, "pending", "2026-04-01")
    loaded = both.desk.journal.load(Entry, UUID(entry["entry_id"]))
    decide(both, both.desk.notify("appeal", "upheld", loaded, appeal_id=appeal["appeal_id"]).notification_id)
    now = both.get(f"/v1/entries/{entry['entry_id']}").json()
    assert (now["status"], now["reinstated_on"], now["exclusions"][0]["undone"]) == (
        "included",
        "2026-03-02",
        True,
    )


def test_own_request_waits_for_the_officer_who_saw_it(both: Api) -> None:
    entry = included(both)
    path = f"/v1/entries/{entry['entry_id']}"
    asked = both.post(f"{path}/exclusion-requests", {"reason": "Тоқтатылды"})
    assert asked.json()["exclusion_request_term"]["statutory"] is False
    stale = both.post(f"{path}/exclusion", role="industry_officer", if_match='"1"')
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    done = both.post(f"{path}/exclusion", role="industry_officer", if_match=both.get(path).headers["ETag"])
    assert (done.status_code, done.json()["status"]) == (201, "excluded")


def test_no_personal_value_is_shown_of_an_entry_that_left_the_register(quick: Api) -> None:
    person = {"iin": IIN, "name": {"kk": "ЖК Ахметова", "ru": "ИП Ахметова"}}
    filed = quick.post("/v1/applications", body(producer=person), producer=IIN).json()
    notified(quick, filed)
    path = f"/v1/entries/{filed['product']['product_id']}"
    shown = quick.get(path).json()
    assert (shown["producer"]["iin"], shown["producer"]["name"]["ru"]) == (IIN, "ИП Ахметова")
    quick.post(f"{path}/exclusion-requests", producer=IIN)
    hidden = quick.get(path)
    assert hidden.json()["status"] == "excluded"
    for personal in (IIN, "Ахметова", "dala.example", "7172"):
        assert personal not in hidden.text
    history = quick.get(f"{path}/history")
    assert IIN not in history.text


def test_liquidation_over_http(both: Api) -> None:
    entry = included(both)
    answer = both.post(
        f"/v1/producers/{BIN}/liquidation", {"on": "2026-03-02", "reference": "R-1"}, "industry_officer"
    )
    assert (answer.status_code, answer.json()["ceased"]["ground"]) == (201, "liquidation")
    assert both.get(f"/v1/entries/{entry['entry_id']}").json()["status"] == "excluded"
    head = both.head()
    again = both.post(f"/v1/producers/{BIN}/liquidation", {"on": "2026-03-02", "reference": "R-1"}, "service")
    assert again.status_code == 201
    assert both.head() == head


def test_transformation_over_http(both: Api) -> None:
    entry = included(both)
    form = {"form": "transformation", "on": "2026-03-02", "reference": "R-2", "new_bin": OTHER_BIN}
    answer = both.post(f"/v1/producers/{BIN}/reorganisation", form, "service")
    assert (answer.status_code, answer.json()["former_bins"]) == (201, [BIN])
    for number in (BIN, OTHER_BIN):
        (item,) = both.get("/v1/entries", bin=number).json()["items"]
        assert (item["entry_id"], item["status"], item["producer"]["bin"]) == (
            entry["entry_id"],
            "included",
            OTHER_BIN,
        )


def test_a_reorganisation_of_another_form_renames_nobody(api: Api) -> None:
    form = {"form": "merger", "on": "2026-03-02", "reference": "R", "new_bin": OTHER_BIN}
    answer = api.post(f"/v1/producers/{BIN}/reorganisation", form, "service")
    assert answer.status_code == 422


def test_the_feed_gives_personal_values_to_services_alone(both: Api) -> None:
    both.filed()
    public, service = both.get("/v1/journal/events"), both.get("/v1/journal/events", "service")
    assert "info@dala.example" not in public.text
    assert service.json()["events"][1]["confidential"]["email"]["value"] == "info@dala.example"
    assert [e["event"]["type"] for e in public.json()["events"]] == [
        "kz.register.producer.registered.v1",
        "kz.register.application.filed.v2",
    ]
