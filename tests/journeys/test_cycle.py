"""Every arrow of the Article 51-2 cycle, over real HTTP between real processes, on both databases."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.cli import main
from services.commands.demo_receiver import listening
from services.commands.registry import database_of, journal_of
from services.proof.command import main as proof_command
from services.proof.tiles import split_bundle, tile_path, tile_width
from tests.journeys.life import REASONS, Life, again, confirmed, included, stories
from tests.journeys.world import World

APRIL = datetime(2026, 4, 2, 5, 0, tzinfo=UTC)


# --- everything automatic ----------------------------------------------------------------------------


def test_a_conforming_product_is_included_and_equated_from_that_day(automatic: World) -> None:
    """Order 327 paras. 8-9; law 86-VII art. 51-2(1), (4)."""
    life, entry = included(automatic, "clean")
    assert entry["contacts"]["email"] == "info@clean.example"
    assert entry["localisation_share"] == "93.59"
    assert life.origin("2026-03-02")["equated"] is True
    before = life.origin("2026-03-01")
    assert (before["in_register"]["holds"], before["in_trusted_register"]["holds"]) == (False, True)
    for template in ("application_filed", "confirmation_case_opened", "notification_issued", "included"):
        assert set(life.message(template)["texts"]) == {"kk", "ru", "en"}


def test_a_share_short_by_a_hair_is_refused_and_a_reapplication_included(automatic: World) -> None:
    """Order of 28.11.2025: 79.999 does not pass. Order 327 para. 32: a reapplication under art. 51-2."""
    life = Life(automatic, stories()["localisation_by_a_hair"])
    life.upload_and_list()
    first = life.apply()
    refused = life.application(first["application_id"], "refused")
    assert "79,999" in refused["reasons"]["kk"]
    assert life.message("inclusion_refused")
    report = json.loads(json.dumps(life.story["report"]))
    del report["declared"]
    report["lines"][1]["amount"] = "20000000.00"
    life.story = {**life.story, "report": report, "trusted_software": None}
    life.documents.clear()
    life.upload_and_list()
    second = life.apply(follows=first["application_id"], rectified=REASONS)
    assert life.included_entry(second["application_id"])["localisation_share"] == "80.00"


def test_payees_controlled_from_abroad_make_payments_foreign(automatic: World) -> None:
    """Order of 28.11.2025: foreign payments include those to organisations controlled from abroad."""
    life = Life(automatic, stories()["foreign_controlled_payees"])
    life.upload_and_list()
    application = life.apply()
    life.application(application["application_id"], "refused")
    case = life.case(kind="confirmation")
    shown = life.informatization.get("verification", f"/v1/cases/{case['case_id']}")
    failed = [one["criterion"] for one in shown["judgement"]["criteria"] if not one["passed"]]
    assert failed == ["localisation_share", "foreign_payments"]


def test_what_was_included_by_itself_can_no_longer_be_withdrawn(automatic: World) -> None:
    """A pending one can: see `test_producers`. An exclusion at own request is another act (art. 51-6(3))."""
    life = Life(automatic, {**stories()["clean"], **again("clean", "ДПО-W", "971240001315")})
    life.upload_and_list()
    application_id = life.apply()["application_id"]
    entry = life.included_entry(application_id)
    answer = life.producer.post("register", f"/v1/applications/{application_id}/withdrawal", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "application_not_pending")
    assert life.application(application_id, "included")
    assert life.entry(entry["entry_id"], "included")


def test_webhooks_arrive_signed_with_the_journals_bytes(
    automatic: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event of the register, once each, as recorded; and the same wherever else it is told."""
    integrator = automatic.as_role("integrator", subject="portal")
    with listening() as endpoint:
        subscription = integrator.done(
            "notifications",
            "/v1/subscriptions",
            {"url": endpoint.url, "event_types": ["kz.register.entry.included.v1"]},
        )
        path = f"/v1/subscriptions/{subscription['subscription_id']}"
        automatic.eventually(
            lambda: integrator.get("notifications", path)["state"] == "active" or None, "active"
        )
        _life, entry = included(automatic, "returned_for_rework")

        def arrived() -> dict[str, Any] | None:
            events = endpoint.verified(subscription["secret"])
            return next((event for event in events if event["subject"] == entry["entry_id"]), None)

        event = automatic.eventually(arrived, "the webhook of the inclusion")
        recorded = next(one for one in automatic.journal("register") if one["id"] == event["id"])
        recorded.pop("position")
        assert event == recorded

        def recorded_as_delivered() -> bool | None:  # outcomes are recorded after the endpoint has answered
            deliveries = integrator.get("notifications", f"{path}/deliveries")["items"]
            return {one["state"] for one in deliveries} == {"delivered"} or None

        automatic.eventually(recorded_as_delivered, "the outcome of every delivery")
        (body,) = {one for one in endpoint.arrived(event["type"]) if event["id"].encode() in one}
    same_bytes(automatic, body, tmp_path, monkeypatch)


def same_bytes(world: World, body: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a webhook brought stands in feed, log, export and import byte for byte, and is proven offline."""
    fact = json.loads(body)
    auditor = world.as_role("auditor")
    (position,) = [one["position"] for one in world.journal("register") if one["id"] == fact["id"]]

    def read(path: str, **parameters: Any) -> bytes | None:
        answer = auditor.request("GET", "register", path, params=parameters)
        return answer.content if answer.status_code == 200 else None

    feed = read("/v1/journal/events", after=position - 1, limit=1)
    assert feed is not None
    assert b'"event":' + body in feed
    proof = world.eventually(lambda: read(f"/v1/journal/events/{position}/proof"), "the fact is sealed")
    key, checkpoint = (read(f"/v1/journal/log/{name}") for name in ("key", "checkpoint"))
    assert key is not None
    assert checkpoint is not None
    index, place = divmod(position - 1, 256)
    width = tile_width(0, index, int(checkpoint.split(b"\n")[1]))
    tile = read(f"/v1/journal/log/{tile_path('entries', index, width)}")
    assert tile is not None
    assert list(split_bundle(tile))[place] == body

    monkeypatch.setenv("VAR", str(world.installation.var))
    if (url := world.database_urls.get("register")) is not None:
        monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", url)
    assert main(["export", "register", str(folder / "journal.ndjson")]) == 0
    assert (folder / "journal.ndjson").read_bytes().count(body) == 1
    monkeypatch.setenv("VAR", str(folder))
    monkeypatch.delenv("TIZILIM_REGISTER_DATABASE_URL", raising=False)
    assert main(["import", "register", str(folder / "journal.ndjson"), "--key", key.decode()]) == 0
    with closing(database_of("register", folder)) as elsewhere:
        (imported,) = journal_of("register", elsewhere).after(position - 1, 1)
    assert imported.record == body

    (folder / "fact").write_bytes(imported.record)
    (folder / "proof").write_bytes(proof)
    offline = ["verify", "proof", str(folder / "proof"), str(folder / "fact"), "--key", key.decode()]
    assert proof_command(offline) == 0
    assert proof_command(["verify", "export", str(folder / "journal.ndjson"), "--key", key.decode()]) == 0
    (folder / "fact").write_bytes(body.replace(b'"included"', b'"excluded"').replace(b"2026", b"2025"))
    assert proof_command(offline) == 1


def test_own_request_excludes_without_an_appeal(automatic: World) -> None:
    """Law 86-VII art. 51-6(3); order 327 para. 30(3)."""
    life, entry = included(automatic, "clean", **again("clean", "ДПО-O", "151040025562"))
    path = f"/v1/entries/{entry['entry_id']}"
    life.producer.done("register", f"{path}/exclusion-requests", {})
    shown = life.entry(entry["entry_id"], "excluded")
    assert shown["exclusions"][-1]["ground"] == "own_request"
    appeal = life.producer.post("register", f"{path}/appeals", {"grounds": "Жоқ", "language": "kk"})
    assert appeal.status_code == 409
    assert life.message("excluded_on_request")


def test_delisting_leads_to_exclusion_and_an_upheld_appeal_back_from_the_start(automatic: World) -> None:
    """Law 86-VII art. 51-2(4), (5); order 327 para. 31."""
    life, entry = included(automatic, "excluded_and_reinstated")
    listings = automatic.public().get("verification", "/v1/trusted-software", bin=life.bin)["items"]
    listing = f"/v1/trusted-software/{listings[0]['listing_id']}"
    body = {"delisted_on": "2026-03-02", "ground": REASONS}
    life.informatization.done("verification", f"{listing}/delisting", body, if_match='"1"')
    shown = life.entry(entry["entry_id"], "excluded")
    assert shown["exclusions"][-1]["appeal_term"]["due_on"] == "2026-04-01"
    assert life.message("excluded_by_monitoring")["due_on"] == "2026-04-01"
    appealed = life.producer.done(
        "register", f"/v1/entries/{entry['entry_id']}/appeals", {"grounds": "Қате", "language": "kk"}
    )
    assert appealed["appeals"][-1]["in_time"] is True
    case = life.case(kind="appeal", status="open")
    decision = {"decision": "upheld", "reasons": REASONS, "annuls_from_start": True}
    assert life.conclude(case, decision, by=life.other_officer).status_code == 201
    back = life.entry(entry["entry_id"], "included")
    assert back["exclusions"][-1]["undone"] is True
    assert life.message("reinstated_from_start")


def test_liquidation_takes_everything_out(automatic: World) -> None:
    """Law 86-VII art. 51-6; order 327 para. 30: automatic, all entries, a repeated report changes nothing."""
    life, entry = included(automatic, "late_appeal", **again("late_appeal", "ДПО-L", "181240006529"))
    state = automatic.as_role("industry_officer", subject="registry")
    body = {"on": "2026-03-02", "reference": "№ 17"}
    for _ in range(2):
        answer = state.post("register", f"/v1/producers/{life.bin}/liquidation", body)
        assert answer.status_code in {200, 201}, answer.text
    assert life.entry(entry["entry_id"], "excluded")["exclusions"][-1]["ground"] == "liquidation"
    facts = [one["type"] for one in automatic.journal("register") if one["subject"] == entry["entry_id"]]
    assert facts.count("kz.register.entry.excluded.v1") == 1


def test_the_quarters_monitoring_records_those_that_conform(automatic: World) -> None:
    """Law 86-VII art. 51-2(3); order 327 para. 29: the round opens by itself at the quarter's turn.

    What an upheld appeal kept in the register waits for an officer (art. 51-2(5)).
    """
    life, entry = included(automatic, "late_appeal")
    automatic.set_clock(APRIL)
    shown = automatic.eventually(
        lambda: next(
            (one for one in [life.entry(entry["entry_id"], "included")] if one.get("monitored_quarter")), None
        ),
        "the monitoring recorded",
    )
    assert shown["monitored_quarter"] == "2026-Q1"
    officer = life.informatization
    kept = stories()["excluded_and_reinstated"]["producer"]["bin"]

    def waiting() -> Any:
        found = officer.get("verification", "/v1/cases", bin=kept, state="open", kind="monitoring")["items"]
        return found[0] if found else None

    case = automatic.eventually(waiting, "the reinstated product's case, which no machine ends")
    assert case["quarter"] == "2026-Q1"
    assert life.conclude(case, {"result": "exclude"}).status_code == 201

    def closed() -> Any:
        found = officer.get("verification", "/v1/monitoring-rounds/2026-Q1")
        return found if found["status"] == "closed" else None

    finished = automatic.eventually(closed, "the round closed")
    assert finished["under_way"] == 0
    repeated = officer.request("POST", "verification", "/v1/monitoring-rounds", json={"quarter": "2026-Q1"})
    assert repeated.status_code == 200


# --- everything decided by officers ------------------------------------------------------------------


def test_an_officer_includes_after_a_return_and_a_repeated_review(officers: World) -> None:
    """Order 327 para. 9: 10 working days, rework 5, repeated review 5."""
    life, notification = confirmed(officers, "returned_for_rework")
    assert notification["term"]["due_on"] == "2026-03-17"
    path = f"/v1/notifications/{notification['notification_id']}"
    etag = life.industry.request("GET", "register", path).headers["etag"]
    without = life.industry.post("register", f"{path}/return", {"remarks": REASONS})
    assert (without.status_code, without.json()["code"]) == (428, "if_match_required")
    returned = life.industry.done("register", f"{path}/return", {"remarks": REASONS}, if_match=etag)
    assert returned["returned"]["rework_term"]["due_on"] == "2026-03-10"
    stale = life.industry.post("register", f"{path}/acceptance", {}, if_match=etag)
    assert stale.status_code == 412
    case = life.case(status="rework")
    resubmission = {"answer_to_remarks": REASONS}
    sent = life.informatization.post(
        "verification",
        f"/v1/notifications/{notification['notification_id']}/resubmission",
        resubmission,
        if_match=f'"{case["version"]}"',
    )
    assert sent.status_code == 201, sent.text
    second = officers.eventually(
        lambda: next((one for one in [life.notification(status="received")] if one["revision"] == 2), None),
        "the second revision",
    )
    assert second["term"]["name"] == "repeated_review"
    assert life.accept(second).status_code == 201
    assert life.message("notification_returned")
    assert life.message("included")


def test_who_concluded_the_case_cannot_decide_its_appeal(officers: World) -> None:
    """Law 86-VII art. 51-2(5): by another officer, always."""
    life, notification = confirmed(officers, "excluded_and_reinstated")
    assert life.accept(notification).status_code == 201
    entry = life.entry(notification["product_id"], "included")
    listing = officers.public().get("verification", "/v1/trusted-software", bin=life.bin)["items"][0]
    path = f"/v1/trusted-software/{listing['listing_id']}/delisting"
    body = {"delisted_on": "2026-03-02", "ground": REASONS}
    life.informatization.done("verification", path, body, if_match='"1"')
    assert life.conclude(life.case(kind="monitoring"), {"result": "exclude"}).status_code == 201
    exclusion = life.notification(status="received", result="exclude")
    assert exclusion["term"]["due_on"] == "2026-03-05"
    assert life.accept(exclusion).status_code == 201
    life.entry(entry["entry_id"], "excluded")
    life.producer.done(
        "register", f"/v1/entries/{entry['entry_id']}/appeals", {"grounds": "Қате", "language": "kk"}
    )
    case = life.case(kind="appeal", status="open")
    own = life.conclude(case, {"decision": "dismissed", "reasons": REASONS})
    assert (own.status_code, own.json()["code"]) == (403, "appeal_of_own_case")
    decided = life.conclude(case, {"decision": "dismissed", "reasons": REASONS}, by=life.other_officer)
    assert decided.status_code == 201
    assert life.message("appeal_dismissed")


def test_a_late_appeal_is_recorded_and_dismissed_as_late(officers: World) -> None:
    """Order 327 para. 31: thirty calendar days; the dismissal names the day the term ended."""
    life, notification = confirmed(officers, "late_appeal")
    assert life.accept(notification).status_code == 201
    entry = life.entry(notification["product_id"], "included")
    listing = officers.public().get("verification", "/v1/trusted-software", bin=life.bin)["items"][0]
    path = f"/v1/trusted-software/{listing['listing_id']}/delisting"
    body = {"delisted_on": "2026-03-02", "ground": REASONS}
    life.informatization.done("verification", path, body, if_match='"1"')
    assert life.conclude(life.case(kind="monitoring"), {"result": "exclude"}).status_code == 201
    assert life.accept(life.notification(status="received", result="exclude")).status_code == 201
    life.entry(entry["entry_id"], "excluded")
    officers.set_clock(APRIL)
    appealed = life.producer.done(
        "register", f"/v1/entries/{entry['entry_id']}/appeals", {"grounds": "Кеш", "language": "kk"}
    )
    assert appealed["appeals"][-1]["in_time"] is False
    message = life.message("appeal_dismissed_late")
    assert "2026" in message["texts"]["ru"]["body"]
    shown = life.entry(entry["entry_id"], "excluded")
    assert shown["appeals"][-1]["term_ends_on"] == "2026-04-01"


def test_a_missed_term_is_recorded_told_and_what_is_done_late_is_done(officers: World) -> None:
    """Order 327 para. 9: ten working days for the review of an inclusion notification."""
    life, notification = confirmed(officers, "clean")
    officers.set_clock(datetime(2026, 5, 4, 5, 0, tzinfo=UTC))

    def missed() -> Any:
        found = life.industry.get("register", f"/v1/notifications/{notification['notification_id']}")
        return found if found["missed_terms"] else None

    assert officers.eventually(missed, "the missed term")["missed_terms"][0]["name"] == "review"
    assert life.accept(notification).status_code == 201
    assert life.entry(notification["product_id"], "included")


def test_both_journals_are_contiguous_and_every_effect_happened_once(
    automatic: World, officers: World
) -> None:
    for world in (automatic, officers):
        register, verification = world.journal("register"), world.journal("verification")
        for journal in (register, verification):
            assert [one["position"] for one in journal] == list(range(1, len(journal) + 1))
        filed = {one["subject"] for one in register if one["type"].endswith("application.filed.v2")}
        opened = [
            one["data"]["application_id"]
            for one in verification
            if one["type"].endswith("case.opened.v1") and one["data"]["kind"] == "confirmation"
        ]
        assert sorted(opened) == sorted(filed)
        issued = [
            one["data"]["notification_id"] for one in verification if "notification-issued" in one["type"]
        ]
        received = {one["subject"] for one in register if one["type"].endswith("notification.received.v1")}
        assert set(issued) == received
        assert len(issued) == len(set(issued))
