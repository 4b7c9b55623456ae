"""What happens to producers and their applications, over real HTTP, on both databases."""

from __future__ import annotations

from typing import Any

from tests.journeys.life import REASONS, Life, again, confirmed, included, stories
from tests.journeys.world import World
from tests.reliability.fleet import bin_of

IIN = "660427402182"
NEW_NAME = {"kk": "«Дала Код» АҚ", "ru": "АО «Дала Код»"}
ON = {"on": "2026-03-02", "reference": "ГБД-ЮЛ-2026-0043"}


def another(story: str, number: int) -> dict[str, Any]:
    """An example's story for a producer of its own."""
    return again(story, f"ДПО-P{number}", bin_of(9_000 + number))


def state_of(world: World) -> Any:
    return world.as_role("service", subject="state-registration")


def reported(world: World, number: str, **form: Any) -> Any:
    """What the state registration of legal entities reports."""
    return state_of(world).done("register", f"/v1/producers/{number}/reorganisation", {**ON, **form})


def own_messages(world: World, number: str) -> list[str]:
    producer = world.as_role("producer", subject=f"producer-{number}", producer=number)
    page = producer.get("notifications", f"/v1/accounts/{number}/messages", limit=500)
    return [item["template"] for item in page["items"]]


def case_on(life: Life, application: dict[str, Any], status: str) -> Any:
    """The case on the product of an application, once it has a status."""
    query = {"bin": life.bin, "state": status, "limit": 500}
    found = life.informatization.get("verification", "/v1/cases", **query)["items"]
    wanted = application["product"]["product_id"]
    return next((one for one in found if one["product_id"] == wanted), None)


def ground_of(life: Life, case: dict[str, Any]) -> str:
    """Why a case was closed."""
    shown = life.informatization.get("verification", f"/v1/cases/{case['case_id']}")
    return str(shown["closing_ground"])


def excluded_by_delisting(life: Life, entry: dict[str, Any]) -> dict[str, Any]:
    """The product is delisted, officers find that it no longer conforms, and exclude it."""
    listing = life.world.public().get("verification", "/v1/trusted-software", bin=life.bin)["items"][0]
    path = f"/v1/trusted-software/{listing['listing_id']}/delisting"
    body = {"delisted_on": "2026-03-02", "ground": REASONS}
    life.informatization.done("verification", path, body, if_match='"1"')
    assert life.conclude(life.case(kind="monitoring"), {"result": "exclude"}).status_code == 201
    assert life.accept(life.notification(status="received", result="exclude")).status_code == 201
    shown: dict[str, Any] = life.entry(entry["entry_id"], "excluded")
    return shown


def test_a_transformed_producer_stays_in_the_register_under_its_new_bin_and_name(automatic: World) -> None:
    """Law 86-VII art. 51-6 excepts transformation: the entry goes on, the former BIN still finds it."""
    life, entry = included(automatic, "clean", **another("clean", 1))
    old, new = life.bin, bin_of(9_101)
    for _ in range(2):
        told = reported(automatic, old, form="transformation", new_bin=new, new_name=NEW_NAME)
        assert (told["bin"], told["name"]["ru"], told["former_bins"]) == (new, NEW_NAME["ru"], [old])
    for number in (old, new):
        found = automatic.public().get("register", "/v1/entries", bin=number)["items"]
        assert [one["entry_id"] for one in found] == [entry["entry_id"]]
        assert (found[0]["status"], found[0]["producer"]["bin"]) == ("included", new)
        assert found[0]["producer"]["name"]["ru"] == NEW_NAME["ru"]
        life.bin = number
        assert life.origin("2026-03-02")["equated"] is True
    facts = [one["type"] for one in automatic.journal("register")]
    assert facts.count("kz.register.producer.transformed.v1") == 1
    automatic.eventually(
        lambda: "producer_transformed" in own_messages(automatic, new) or None, "a message under the new BIN"
    )
    assert "included" in own_messages(automatic, new), "the account goes on with its history"
    moved = life.producer.request("GET", "notifications", f"/v1/accounts/{old}/messages")
    assert (moved.status_code, moved.json()["code"]) == (409, "producer_transformed")
    assert moved.json()["params"] == {"bin": new}
    former = life.producer.post("register", f"/v1/entries/{entry['entry_id']}/exclusion-requests", {})
    assert (former.status_code, former.json()["code"]) == (403, "not_yours")

    life.producer = automatic.as_role("producer", subject=f"producer-{new}", producer=new)
    life.producer.done("register", f"/v1/entries/{entry['entry_id']}/exclusion-requests", {})
    life.entry(entry["entry_id"], "excluded")
    automatic.eventually(
        lambda: "excluded_on_request" in own_messages(automatic, new) or None, "what follows goes there too"
    )


def test_a_producer_brings_its_data_up_to_date_and_is_told_so_para_26(automatic: World) -> None:
    """Its product stays equated; the address is in no event, the old one is read of the past."""
    life, entry = included(automatic, "clean", **another("clean", 7))
    before = len(automatic.journal("register"))
    path = f"/v1/entries/{entry['entry_id']}"
    given = {"contacts": {"email": "office@dala.example"}, "producer": {"name": NEW_NAME}}
    stale = life.producer.post("register", f"{path}/updates", given, if_match='"999"')
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    life.producer.done("register", f"{path}/updates", given, if_match='"1"')
    shown = automatic.public().get("register", path)
    assert (shown["contacts"]["email"], shown["producer"]["name"]) == ("office@dala.example", NEW_NAME)
    then = automatic.public().get("register", path, known_at=before)
    assert then["contacts"]["email"] == life.story["contacts"]["email"]
    since = automatic.journal("register")[before:]
    (fact,) = [one for one in since if one["type"] == "kz.register.entry.updated.v1"]
    assert fact["data"]["in_time"]
    assert "office@dala" not in str(fact)
    automatic.eventually(
        lambda: "entry_updated" in own_messages(automatic, life.bin) or None, "a message about the update"
    )
    assert life.origin("2026-03-02")["equated"] is True


def test_a_transformed_producer_applies_under_its_new_bin_only(automatic: World) -> None:
    life, _entry = included(automatic, "clean", **another("clean", 2))
    new = bin_of(9_102)
    reported(automatic, life.bin, form="transformation", new_bin=new)
    name = {"kk": "Дала Қойма", "ru": "Дала Склад"}
    product = {**life.story["product"], "name": name}
    former = life.producer.post("register", "/v1/applications", life.application_body(product=product))
    assert (former.status_code, former.json()["code"]) == (409, "producer_transformed")
    assert former.json()["params"]["bin"] == new
    life.bin = new
    life.producer = automatic.as_role("producer", subject=f"producer-{new}", producer=new)
    body = life.application_body(product=product)
    filed = life.producer.done(
        "register", "/v1/applications", {**body, "producer": {**body["producer"], "bin": new}}
    )
    refused = life.application(filed["application_id"], "refused")
    assert "trusted" in (refused["reasons"]["en"] or "").lower()


def test_any_other_reorganisation_excludes_everything_and_closes_what_is_pending(officers: World) -> None:
    """Law 86-VII art. 51-6; order 327 para. 30: all entries; for the new entity a new application."""
    life, notification = confirmed(officers, "clean", **another("clean", 3))
    assert life.accept(notification).status_code == 201
    entry = life.entry(notification["product_id"], "included")
    pending = life.apply(product={**life.story["product"], "name": {"kk": "Дала Қор", "ru": "Дала Фонд"}})
    case = officers.eventually(lambda: case_on(life, pending, "open"), "the second case")
    for _ in range(2):
        ended = reported(officers, life.bin, form="merger")
        assert (ended["ceased"]["ground"], ended["ceased"]["form"]) == ("reorganisation", "merger")
    shown = life.entry(entry["entry_id"], "excluded")
    assert shown["exclusions"][-1]["ground"] == "reorganisation"
    assert life.application(pending["application_id"], "closed")["closed_on_ground"] == "reorganisation"
    closed = officers.eventually(lambda: case_on(life, pending, "closed"), "the case closed")
    assert closed["case_id"] == case["case_id"]
    assert ground_of(life, closed) == "reorganisation"
    facts = [one["type"] for one in officers.journal("register") if one["subject"] == entry["entry_id"]]
    assert facts.count("kz.register.entry.excluded.v1") == 1
    appeal = life.producer.post(
        "register", f"/v1/entries/{entry['entry_id']}/appeals", {"grounds": "Жоқ", "language": "kk"}
    )
    assert (appeal.status_code, appeal.json()["code"]) == (409, "exclusion_not_appealable")
    late = life.producer.post("register", "/v1/applications", life.application_body())
    assert (late.status_code, late.json()["code"]) == (409, "producer_ceased")


def test_a_withdrawn_application_closes_its_case_and_the_product_may_be_applied_for_anew(
    officers: World,
) -> None:
    life = Life(officers, {**stories()["clean"], **another("clean", 4)})
    life.upload_and_list()
    first = life.apply()
    case = life.case(kind="confirmation", status="open")
    path = f"/v1/applications/{first['application_id']}/withdrawal"
    assert life.producer.done("register", path)["status"] == "withdrawn"
    closed = life.case(kind="confirmation", status="closed")
    assert (closed["case_id"], ground_of(life, closed)) == (case["case_id"], "withdrawn")
    assert life.message("application_withdrawn")
    again_ = life.producer.post("register", path)
    assert (again_.status_code, again_.json()["code"]) == (409, "application_not_pending")
    second = life.apply()
    assert second["status"] == "filed"
    assert second.get("follows") is None


def test_a_notification_returned_twice_is_reworked_twice_each_with_its_terms(officers: World) -> None:
    """Order 327 para. 9: a second return is allowed, again 5 + 5 working days."""
    life, notification = confirmed(officers, "returned_for_rework", **another("returned_for_rework", 5))
    path = f"/v1/notifications/{notification['notification_id']}"
    for revision in (1, 2):
        etag = life.industry.request("GET", "register", path).headers["etag"]
        returned = life.industry.done("register", f"{path}/return", {"remarks": REASONS}, if_match=etag)
        assert returned["returned"]["revision"] == revision
        assert returned["returned"]["rework_term"]["due_on"] == "2026-03-10"
        case = life.case(status="rework")
        version = f'"{case["version"]}"'
        body = {"answer_to_remarks": REASONS}
        life.informatization.done("verification", f"{path}/resubmission", body, if_match=version)
        life.notification(status="received", revision=revision + 1)
    third = life.notification(status="received")
    assert (third["term"]["name"], third["term"]["due_on"]) == ("repeated_review", "2026-03-10")
    assert life.accept(third).status_code == 201
    assert life.entry(third["product_id"], "included")


def test_an_individual_entrepreneur_lives_through_the_register_under_its_iin(automatic: World) -> None:
    """DOMAIN "Who": known by its IIN, which stands in no event; liquidation concerns legal entities only."""
    story = stories()["clean"]
    life = Life(
        automatic,
        {
            **story,
            "producer": {**story["producer"], "bin": IIN},
            "trusted_software": {**story["trusted_software"], "reference": "ДПО-IIN"},
        },
    )
    life.upload_and_list()
    entrepreneur = {"iin": IIN, "name": {"kk": "ЖК Дәулет", "ru": "ИП Даулет"}}
    filed = life.apply(producer=entrepreneur)
    entry = life.included_entry(filed["application_id"])
    assert (entry["producer"]["iin"], entry["producer"]["name"]["ru"]) == (IIN, "ИП Даулет")
    assert life.origin("2026-03-02")["equated"] is True
    assert life.message("included")
    refused = state_of(automatic).post("register", f"/v1/producers/{IIN}/liquidation", ON)
    assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid")
    for service in ("register", "verification"):
        assert not any(IIN in str(event) for event in automatic.journal(service))
    life.producer.done("register", f"/v1/entries/{entry['entry_id']}/exclusion-requests", {})
    gone = life.entry(entry["entry_id"], "excluded")
    assert "iin" not in gone["producer"]
    assert life.message("excluded_on_request")


def test_an_officer_grants_an_own_request_and_a_reapplication_needs_no_rectification(officers: World) -> None:
    """Order 327 paras. 30(3), 32: nothing was wrong, so nothing was rectified."""
    life, notification = confirmed(officers, "clean", **another("clean", 6))
    assert life.accept(notification).status_code == 201
    entry = life.entry(notification["product_id"], "included")
    path = f"/v1/entries/{entry['entry_id']}"
    asked = life.producer.done("register", f"{path}/exclusion-requests", {"reason": "Өнім шығарылмайды."})
    assert asked["status"] == "included"
    assert asked["exclusion_request_term"]["statutory"] is False
    etag = life.industry.request("GET", "register", path).headers["etag"]
    assert life.industry.done("register", f"{path}/exclusion", if_match=etag)["status"] == "excluded"
    second = life.apply(follows=entry["application_id"])
    assert second["follows"] == entry["application_id"]
    pending = life.producer.post("register", "/v1/applications", life.application_body())
    assert (pending.status_code, pending.json()["code"]) == (409, "application_pending")


def test_an_upheld_appeal_closes_a_pending_reapplication(officers: World) -> None:
    """Law 86-VII art. 51-2(5): reinstated on appeal, there is nothing left to apply for."""
    life, notification = confirmed(
        officers, "excluded_and_reinstated", **another("excluded_and_reinstated", 7)
    )
    assert life.accept(notification).status_code == 201
    entry = life.entry(notification["product_id"], "included")
    excluded_by_delisting(life, entry)
    life.producer.done(
        "register", f"/v1/entries/{entry['entry_id']}/appeals", {"grounds": "Қате", "language": "kk"}
    )
    second = life.apply(follows=entry["application_id"], rectified=REASONS)
    decision = {"decision": "upheld", "reasons": REASONS, "annuls_from_start": False}
    case = life.case(kind="appeal", status="open")
    assert life.conclude(case, decision, by=life.other_officer).status_code == 201
    upheld = life.notification(status="received", kind="appeal")
    assert life.accept(upheld).status_code == 201
    back = life.entry(entry["entry_id"], "included")
    assert (back["first_included_on"], back["reinstated_on"]) == (entry["included_on"], "2026-03-02")
    assert life.application(second["application_id"], "closed")["closed_on_ground"] == "appeal_upheld"
    closed = officers.eventually(lambda: case_on(life, second, "closed"), "the case closed")
    assert ground_of(life, closed) == "appeal_upheld"
    assert life.message("application_closed")
