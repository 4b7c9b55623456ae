"""One application through evidence, officers' work, explanation and "what if", over real HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.conftest import world_of
from tests.journeys.life import REASONS
from tests.journeys.test_officers import TODAY, Office
from tests.journeys.world import World
from tests.verification.drafts import with_threshold

SETTINGS = {
    "TIZILIM_VERIFICATION_FOUR_EYES": '["confirmation"]',
    "TIZILIM_VERIFICATION_ROUNDS_OPEN_THEMSELVES": "false",
}
PERIOD = {"period_from": "2026-01-01", "period_to": TODAY}
LATER = b"Supplementary agreement"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world_of(request.param, request, tmp_path_factory.mktemp("evidence"), SETTINGS)


def as_csv(report: dict[str, Any]) -> bytes:
    """A report in the columns of `examples/templates/localisation-report.csv`."""
    columns = ["contract", "payee", "payee_kind", "kind", "amount"]
    declared = report.get("declared", {})
    figures = {"reporting_year": str(report["reporting_year"]), **report["totals"], **declared}
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["item", *columns])
    rows.writerows([name, "", "", "", "", value] for name, value in figures.items())
    rows.writerows(["payment", *(line[column] for column in columns)] for line in report["lines"])
    return text.getvalue().encode()


def confirmed(office: Office, case: str) -> str:
    """One officer proposes the confirmation, another approves it, the industry authority includes."""
    office.done("daniyar", case, "conclusion", {"result": "confirmed"})
    assert office.act("daniyar", case, "proposal/approval", {}).json()["code"] == "own_proposal"
    office.done("saule", case, "proposal/approval", {})
    notification = office.life.notification(status="received")
    assert office.life.accept(notification).status_code == 201
    return str(office.life.entry(notification["product_id"], "included")["entry_id"])


def differences(office: Office, minimum: str) -> tuple[Any, list[Any]]:
    """What a draft with another least localisation share would change, once the job is done."""
    officer = office.people["daniyar"]
    body = {"draft": with_threshold("localisation_share", "minimum", minimum), **PERIOD}
    path = f"/v1/simulations/{officer.done('verification', '/v1/simulations', body)['simulation_id']}"

    def finished() -> Any:
        shown = officer.get("verification", path)
        return shown if shown["status"] == "done" else None

    shown = office.world.eventually(finished, "the simulation")
    return shown, officer.get("verification", f"{path}/differences")["items"]


def test_from_a_report_in_a_table_to_the_explanation_and_what_a_draft_would_change(world: World) -> None:
    """Art. 51-2(2), (4); order 327 paras. 8-9; law 418-V arts. 36, 56."""
    office = Office(world, "localisation_by_a_hair", as_csv)
    case = office.path(kind="confirmation")
    office.done("daniyar", case, "assignment", {"officer": "me"})
    supplied = worked_on(office, case)
    entry_id = confirmed(office, case)
    assert world.public().get("register", f"/v1/entries/{entry_id}")["status"] == "included"
    explained(office, case, supplied)

    clean = Office(world, "clean", as_csv)
    confirmed(clean, clean.path(kind="confirmation"))
    name = clean.life.story["product"]["name"]["ru"]
    stricter, rows = differences(office, "100")
    assert (stricter["would_not_conform"], stricter["is_looser"]) == (1, False)
    assert [(row["product_name"]["ru"], row["bin"], row["overridden"]) for row in rows] == [
        (name, clean.life.bin, [])
    ]
    looser, rows = differences(office, "70")
    assert (looser["would_conform"], looser["is_looser"]) == (1, True)
    assert [(row["case_id"], row["overridden"]) for row in rows] == [
        (case.rpartition("/")[2], ["localisation_share"])
    ]


def worked_on(office: Office, case: str) -> str:
    """The officer reads the report, asks for a contract, sees it and overrides a criterion; its digest."""
    officer, other = office.people["daniyar"], office.people["saule"]
    report = officer.get("verification", f"{case}/localisation-report")
    assert report["findings"] == []
    assert other.request("GET", "verification", f"{case}/localisation-report").status_code == 403
    office.done("daniyar", case, "document-requests", {"asked": REASONS, "kinds": ["contracts"]})
    assert office.life.message("documents_requested")
    sha256 = office.upload(LATER)
    (earlier,) = [one["sha256"] for one in office.life.documents if one["kind"] == "contracts"]
    named = {"kind": "contracts", "sha256": sha256, "replaces": earlier}
    office.life.producer.done("verification", f"{case}/documents", {"documents": [named]})
    seen = {"case": case.rpartition("/")[2]}
    content = officer.request("GET", "verification", f"/v1/documents/{sha256}", params=seen)
    assert (content.status_code, content.content) == (200, LATER)
    looks = office.world.as_role("auditor").get("verification", f"/v1/documents/{sha256}/looks")["items"]
    assert [look["case_id"] for look in looks] == [seen["case"]]
    check = {"criterion": "localisation_share", "verdict": "overridden", "reasons": REASONS}
    office.done("daniyar", case, "criterion-checks", check)
    return sha256


def explained(office: Office, case: str, supplied: str) -> None:
    """The producer reads why, as data and as a page."""
    producer, path = office.life.producer, f"{case}/explanation"
    shown = producer.get("verification", path)
    (decision,) = shown["decisions"]
    assert (decision["result"], decision["departs_from_judgement"]) == ("confirmed", False)
    assert decision["proposed_by"] != decision["actor"]
    checked = {one["criterion"]: one.get("checked") for one in decision["judgement"]["criteria"]}
    assert checked.pop("localisation_share")["rule_passed"] is False
    assert set(checked.values()) == {None}
    (contract,) = [one for one in shown["documents"] if one.get("supplied_at")]
    assert (contract["sha256"], contract["late"], contract["replaced"]) == (supplied, False, False)
    html = {"Accept": "text/html", "Accept-Language": "kk"}
    page = producer.request("GET", "verification", path, headers=html)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for told in (supplied, decision["proposed_by"], decision["actor"], REASONS["kk"]):
        assert told in page.text
