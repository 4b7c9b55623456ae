"""Officers at work between real processes: documents asked for, checks, four eyes, courts, late rework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.journeys.conftest import world_of
from tests.journeys.life import REASONS, Life, stories
from tests.journeys.world import Person, World

SETTINGS = {
    "TIZILIM_REGISTER_AUTOMATIC": '["exclusion", "reinstatement"]',
    "TIZILIM_VERIFICATION_FOUR_EYES": '["monitoring", "appeal"]',
    "TIZILIM_VERIFICATION_DOCUMENT_REQUEST_DAYS": "3",
    "TIZILIM_VERIFICATION_ROUNDS_OPEN_THEMSELVES": "false",
}
TODAY = "2026-03-02"
COURT = {"kk": "Астана қаласының соты", "ru": "Суд города Астаны"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world_of(request.param, request, tmp_path_factory.mktemp("office"), SETTINGS)


class Office:
    """The officers of the informatization authority and the cases on one producer's product."""

    def __init__(
        self, world: World, story: str, as_csv: Callable[[dict[str, Any]], bytes] | None = None
    ) -> None:
        self.world = world
        self.life = Life(world, stories()[story])
        self.life.upload_and_list(as_csv)
        self.application = self.life.apply()
        self.people = {
            name: world.as_role("informatization_officer", subject=name)
            for name in ("daniyar", "saule", "marat", "aliya")
        }

    def path(self, **wanted: str) -> str:
        return f"/v1/cases/{self.life.case(**wanted)['case_id']}"

    def shown(self, path: str) -> Any:
        return self.people["daniyar"].get("verification", path)

    def act(self, who: str, path: str, step: str, body: dict[str, Any]) -> Any:
        person: Person = self.people[who]
        version = person.get("verification", path)["version"]
        return person.post("verification", f"{path}/{step}", body, if_match=f'"{version}"')

    def done(self, who: str, path: str, step: str, body: dict[str, Any]) -> Any:
        answer = self.act(who, path, step, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def include(self) -> str:
        """Have the product confirmed and included; the entry's id."""
        self.done("daniyar", self.path(kind="confirmation"), "conclusion", {"result": "confirmed"})
        notification = self.life.notification(status="received")
        assert self.life.accept(notification).status_code == 201
        return str(self.life.entry(notification["product_id"], "included")["entry_id"])

    def exclude(self, entry_id: str) -> str:
        """Delist the product and have the exclusion proposed and approved; the monitoring case."""
        listing = self.world.public().get("verification", "/v1/trusted-software", bin=self.life.bin)
        path = f"/v1/trusted-software/{listing['items'][0]['listing_id']}/delisting"
        body = {"delisted_on": TODAY, "ground": REASONS}
        self.people["daniyar"].done("verification", path, body, if_match='"1"')
        case = self.path(kind="monitoring", status="open")
        self.done("daniyar", case, "conclusion", {"result": "exclude"})
        assert self.act("daniyar", case, "proposal/approval", {}).status_code == 403
        self.done("saule", case, "proposal/approval", {})
        self.life.entry(entry_id, "excluded")
        return case

    def appeal(self, entry_id: str) -> str:
        """Appeal the exclusion; the appeal's case."""
        body = {"grounds": "Қате", "language": "kk"}
        self.life.producer.done("register", f"/v1/entries/{entry_id}/appeals", body)
        return self.path(kind="appeal", status="open")

    def decide(self, case: str, decision: dict[str, Any]) -> None:
        """Two officers who had no part in the exclusion decide the appeal."""
        assert self.act("saule", case, "conclusion", decision).json()["code"] == "appeal_of_own_case"
        self.done("marat", case, "assignment", {"officer": "me"})
        self.done("marat", case, "conclusion", decision)
        assert self.act("daniyar", case, "proposal/approval", {}).json()["code"] == "appeal_of_own_case"
        self.done("aliya", case, "proposal/approval", {})

    def rule(self, case: str, **ruling: Any) -> Any:
        """An officer records a court's ruling."""
        body = {"court": COURT, "number": "7119-26", "ruled_on": TODAY, "reasons": REASONS, **ruling}
        return self.done("aliya", case, "court-rulings", body)

    def upload(self, content: bytes) -> str:
        answer = self.life.producer.request(
            "POST", "verification", "/v1/documents", content=content, headers={"Content-Type": "text/plain"}
        )
        return str(answer.json()["sha256"])


def test_a_criterion_is_overridden_with_reasons_and_the_product_included(world: World) -> None:
    """Art. 51-2(2): the conclusion rests on the criteria as checked."""
    office = Office(world, "localisation_by_a_hair")
    case = office.path(kind="confirmation")
    failed = [
        one["criterion"]
        for one in office.shown(f"{case}/assessment")["judgement"]["criteria"]
        if not one["passed"]
    ]
    assert failed == ["localisation_share"]
    check = {"criterion": failed[0], "verdict": "overridden"}
    assert office.act("daniyar", case, "criterion-checks", check).status_code == 422
    office.done("daniyar", case, "criterion-checks", {**check, "reasons": REASONS})
    entry_id = office.include()
    shown = office.shown(case)
    assert shown["departs_from_judgement"] is False
    (outcome,) = [one for one in shown["judgement"]["criteria"] if one["criterion"] == failed[0]]
    assert (outcome["passed"], outcome["checked"]["rule_passed"]) == (True, False)
    assert world.public().get("register", f"/v1/entries/{entry_id}")["status"] == "included"


def test_an_appeal_is_partly_upheld_from_now_by_two_officers_without_part_in_the_exclusion(
    world: World,
) -> None:
    """Art. 51-2(5), order 327 para. 31; documents are asked for and supplied before the decision."""
    office = Office(world, "excluded_and_reinstated")
    entry_id = office.include()
    office.exclude(entry_id)
    case = office.appeal(entry_id)
    office.done("marat", case, "document-requests", {"asked": REASONS, "kinds": ["contracts"]})
    message = office.life.message("documents_requested")
    assert message["due_on"] == "2026-03-05"
    supplied = {"documents": [{"kind": "contracts", "sha256": office.upload(b"proof")}]}
    office.life.producer.done("verification", f"{case}/documents", supplied)
    office.decide(case, {"decision": "partly_upheld", "reasons": REASONS, "annuls_from_start": False})
    back = office.life.entry(entry_id, "included")
    assert (back["reinstated_on"], back["appeals"][-1]["outcome"]) == (TODAY, "upheld")
    shown = office.shown(case)
    assert (shown["decision"], shown["annuls_from_start"]) == ("partly_upheld", False)
    assert shown["document_requests"][0]["answer"]["late"] is False
    assert office.life.message("reinstated")


def test_a_court_undoes_an_exclusion_from_the_start_after_the_appeal_was_dismissed(world: World) -> None:
    """Art. 51-5(7): the ruling is the basis of the notification, and of the reinstatement."""
    office = Office(world, "clean")
    entry_id = office.include()
    before = office.exclude(entry_id)
    appeal = office.appeal(entry_id)
    office.decide(appeal, {"decision": "dismissed", "reasons": REASONS})
    assert office.life.message("appeal_dismissed")
    again = office.rule(appeal, outcome="undone", annuls_from_start=True)
    assert again["result"] == "upheld"
    back = office.life.entry(entry_id, "included")
    assert back["exclusions"][-1]["undone"] is True
    assert back["exclusions"][-1]["court_ruling"]["number"] == "7119-26"
    assert [one["number"] for one in back["court_rulings"]] == ["7119-26"]
    assert back["appeals"][-1]["outcome"] == "dismissed"
    history = world.public().get("register", f"/v1/entries/{entry_id}/history")["items"]
    reinstated = next(one for one in history if one["type"].endswith("entry.reinstated.v1"))
    assert reinstated["legal_basis"] == "law-86-VII arts. 51-2(4), 51-5(7)"
    assert office.life.origin(TODAY)["in_register"]["holds"] is True
    assert office.life.message("reinstated_by_court")
    assert office.shown(before)["court_rulings"] == []


def test_a_court_upholds_an_exclusion_and_the_history_says_so(world: World) -> None:
    """Art. 51-5(7)."""
    office = Office(world, "late_appeal")
    entry_id = office.include()
    case = office.exclude(entry_id)
    office.rule(case, outcome="upheld")

    def named() -> Any:
        return world.public().get("register", f"/v1/entries/{entry_id}")["court_rulings"] or None

    (ruling,) = world.eventually(named, "the ruling in the entry")
    assert ruling["court"]["ru"] == COURT["ru"]
    assert office.life.message("court_ruling_recorded")
    assert office.life.entry(entry_id, "excluded")


def test_documents_asked_for_and_missed_are_told_and_taken_late(world: World) -> None:
    """The term is a setting; silence never decides, and what is late is still taken."""
    office = Office(world, "foreign_controlled_payees")
    case = office.path(kind="confirmation")
    office.done("daniyar", case, "document-requests", {"asked": REASONS, "kinds": ["contracts"]})
    assert office.life.message("documents_requested")
    world.set_clock(datetime(2026, 3, 6, 5, 0, tzinfo=UTC))

    def missed() -> Any:
        found = office.shown(case)["terms"]
        return found if found[0]["state"] == "missed" else None

    (term,) = world.eventually(missed, "the missed term")
    assert (term["owed_by"], term["statutory"], term["done"]) == ("producer", False, False)
    assert office.life.message("documents_not_supplied")
    supplied = {"documents": [{"kind": "contracts", "sha256": office.upload(b"late")}]}
    answer = office.life.producer.done("verification", f"{case}/documents", supplied)
    assert answer["items"][0]["answer"]["late"] is True
    assert "после истечения срока" in office.life.message("documents_supplied")["texts"]["ru"]["body"]
    assert office.shown(case)["terms"][0]["done"] is True


def test_rework_done_late_is_recorded_as_missed_by_the_authority_and_reviewed_again(world: World) -> None:
    """Order 327 para. 9: five working days for rework, five for the repeated review."""
    office = Office(world, "returned_for_rework")
    case = office.path(kind="confirmation")
    office.done("daniyar", case, "conclusion", {"result": "confirmed"})
    notification = office.life.notification(status="received")
    assert notification["product_name"]["ru"] == office.life.story["product"]["name"]["ru"]
    assert notification["trusted_register_listed_on"] == office.life.story["trusted_software"]["listed_on"]
    path = f"/v1/notifications/{notification['notification_id']}"
    etag = office.life.industry.request("GET", "register", path).headers["etag"]
    office.life.industry.done("register", f"{path}/return", {"remarks": REASONS}, if_match=etag)
    office.path(kind="confirmation", status="rework")
    world.set_clock(datetime(2026, 4, 2, 5, 0, tzinfo=UTC))

    def missed() -> Any:
        found = [one for one in office.shown(case)["terms"] if one["state"] == "missed"]
        return found or None

    (term,) = world.eventually(missed, "the missed rework")
    assert (term["name"], term["owed_by"]) == ("rework", "informatization_authority")
    version = office.shown(case)["version"]
    sent = office.people["daniyar"].post(
        "verification", f"{path}/resubmission", {"answer_to_remarks": REASONS}, if_match=f'"{version}"'
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["terms"][-1]["done"] is True
    second = world.eventually(
        lambda: next(
            (one for one in [office.life.notification(status="received")] if one["revision"] == 2), None
        ),
        "the second revision",
    )
    assert second["term"]["name"] == "repeated_review"
    assert office.life.accept(second).status_code == 201
