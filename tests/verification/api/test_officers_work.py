"""Officers' work over HTTP on both databases: bad input stores nothing, and of two at once one gets a 412."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from services.commands.registry import application_of, settings_of
from services.kernel.calendar import legal_date
from services.kernel.database import Database
from services.kernel.journal.journal import Journal
from services.verification.domain.case import Case
from services.verification.projections.identifiers import keep_identifier
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.practice import Practice
from tests.contract.apps import token_of
from tests.prepared import migrate
from tests.verification.acting import BIN, PRODUCER, automatic, opening

TEXT = {"kk": "Негіздеме.", "ru": "Обоснование."}
OTHER_BIN = "151040025562"
RULING = {
    "court": TEXT,
    "number": "7119-26",
    "ruled_on": "2026-03-03",
    "outcome": "upheld",
    "reasons": TEXT,
}
DIGEST = "0" * 64


@dataclass
class Office:
    client: TestClient
    var: Path
    journal: Journal
    practice: Practice

    def open(self, kind: str = "confirmation", **given: Any) -> str:
        def decide(work: Any) -> Case:
            case = begin_case(self.practice, automatic(), opening(kind, **given))
            work.save(case)
            work.write(keep_identifier(BIN, PRODUCER.producer_id))
            return case

        case = self.journal.transact(decide).result
        assert case is not None
        return f"/v1/cases/{case.id}"

    def headers(self, who: str, producer: str = BIN) -> dict[str, str]:
        role = "producer" if who == "producer" else "informatization_officer"
        token = token_of(self.var, role, producer=producer, subject=who)
        return {"Authorization": f"Bearer {token}"}

    def get(self, path: str, who: str = "daniyar", **parameters: Any) -> Any:
        answer = self.client.get(path, headers=self.headers(who), params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self, path: str, body: Any, who: str = "daniyar", version: int | None = None, producer: str = BIN
    ) -> Any:
        headers = {"Idempotency-Key": uuid4().hex, **self.headers(who, producer)}
        if who != "producer":
            case = "/".join(path.split("/")[:4])
            seen = version if version is not None else self.get(case)["version"]
            headers["If-Match"] = f'"{seen}"'
        return self.client.post(path, json=body, headers=headers)

    def done(self, path: str, body: Any, who: str = "daniyar", **given: Any) -> Any:
        answer = self.post(path, body, who, **given)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def head(self) -> int:
        return self.journal.head()


@contextmanager
def office_at(database_url: str, var: Path) -> Iterator[Office]:
    """The service as it is served on a database, with four eyes on monitoring."""
    database = Database(database_url)
    migrate("verification", database)
    database.close()
    settings = settings_of(
        "verification",
        var=var,
        database_url=database_url,
        four_eyes=["monitoring"],
        _env_file=None,
    )
    app = application_of("verification", settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Office(client, var, app.state.journal, app.state.desk.practice)


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    with office_at(database_url, tmp_path) as found:
        yield found


def refused(answer: Any, status: int, code: str, pointer: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["code"] == code
    if pointer is not None:
        assert pointer in {error.get("pointer") for error in problem["errors"]}


BAD: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("assignment", {"officer": "f" * 32}, 422, "officer_unknown", "/officer"),
    ("assignment", {"officer": "somebody"}, 422, "request_invalid", "/officer"),
    ("assignment", {}, 422, "request_invalid", "/officer"),
    ("assignment", {"officer": "nobody"}, 409, "assignment_unchanged", None),
    ("document-requests", {"asked": {"kk": "тек қазақша"}}, 422, "request_invalid", "/asked/ru"),
    ("document-requests", {"asked": TEXT, "kinds": ["Не вид"]}, 422, "request_invalid", "/kinds/0"),
    ("document-requests", {"asked": TEXT, "term": 3}, 422, "request_invalid", "/term"),
    (
        "criterion-checks",
        {"criterion": "unheard_of", "verdict": "confirmed"},
        422,
        "criterion_unknown",
        "/criterion",
    ),
    (
        "criterion-checks",
        {"criterion": "localisation_share", "verdict": "overridden"},
        422,
        "override_reasons_required",
        "/reasons",
    ),
    (
        "criterion-checks",
        {"criterion": "localisation_share", "verdict": "perhaps"},
        422,
        "request_invalid",
        "/verdict",
    ),
    ("proposal/approval", {}, 409, "nothing_proposed", None),
    ("proposal/return", {"remarks": TEXT}, 409, "nothing_proposed", None),
    ("proposal/return", {}, 422, "request_invalid", "/remarks"),
    ("court-rulings", RULING, 409, "case_not_concluded", None),
    ("court-rulings", {**RULING, "ruled_on": "02.03.2026"}, 422, "request_invalid", "/ruled_on"),
    ("court-rulings", {**RULING, "outcome": "partly"}, 422, "request_invalid", "/outcome"),
    ("conclusion", {"result": "confirmed"}, 422, "reasons_required", "/reasons"),
    ("conclusion", {"result": "exclude", "reasons": TEXT}, 422, "result_not_of_kind", "/result"),
]


def test_bad_input_to_a_case_is_refused_naming_the_field_and_stores_nothing(office: Office) -> None:
    case = office.open()
    head = office.head()
    for path, body, status, code, pointer in BAD:
        refused(office.post(f"{case}/{path}", body), status, code, pointer)
        assert office.head() == head, path


def test_a_decision_on_a_case_already_concluded_is_refused(office: Office) -> None:
    case = office.open()
    office.done(f"{case}/conclusion", {"result": "refused"})
    head = office.head()
    refused(office.post(f"{case}/conclusion", {"result": "refused"}), 409, "case_not_open")
    refused(office.post(f"{case}/assignment", {"officer": "me"}), 409, "case_not_open")
    refused(office.post(f"{case}/document-requests", {"asked": TEXT}), 409, "case_not_open")
    check = {"criterion": "localisation_share", "verdict": "confirmed"}
    refused(office.post(f"{case}/criterion-checks", check), 409, "case_not_open")
    future = {**RULING, "ruled_on": "2099-01-01"}
    refused(office.post(f"{case}/court-rulings", future), 422, "day_in_future", "/ruled_on")
    early = {**RULING, "ruled_on": "2020-01-01"}
    refused(office.post(f"{case}/court-rulings", early), 422, "ruling_before_decision", "/ruled_on")
    assert office.head() == head


def test_a_request_is_answered_by_the_producer_of_the_case_alone(office: Office) -> None:
    case = office.open()
    answer = {"documents": [{"kind": "contracts", "sha256": DIGEST}]}
    refused(office.post(f"{case}/documents", answer, "producer"), 422, "document_not_at_hand")
    kept = office.client.post(
        "/v1/documents", content=b"text", headers={**office.headers("producer"), "Content-Type": "text/plain"}
    ).json()
    answer = {"documents": [{"kind": "contracts", "sha256": kept["sha256"]}]}
    refused(office.post(f"{case}/documents", answer, "producer"), 409, "documents_not_requested")
    asked = office.done(f"{case}/document-requests", {"asked": TEXT, "kinds": ["contracts"]})
    assert asked["document_requests"][0]["term"]["statutory"] is False
    head = office.head()
    refused(office.post(f"{case}/documents", answer, "producer", producer=OTHER_BIN), 403, "not_yours")
    refused(office.post(f"{case}/documents", {"documents": []}, "producer"), 422, "request_invalid")
    stray = {"documents": [{**answer["documents"][0], "replaces": DIGEST}]}
    refused(office.post(f"{case}/documents", stray, "producer"), 422, "document_not_of_case")
    other = office.client.get(f"{case}/document-requests", headers=office.headers("producer", OTHER_BIN))
    refused(other, 403, "not_yours")
    assert office.head() == head
    shown = office.done(f"{case}/documents", answer, "producer")
    assert shown["items"][0]["answer"]["late"] is False
    assert "proposal" not in shown
    found = office.get(case)
    assert found["documents"][-1]["sha256"] == kept["sha256"]
    assert [(one["owed_by"], one["state"]) for one in found["terms"]] == [("producer", "met")]


def test_officers_take_cases_and_find_them_in_their_worklists(office: Office) -> None:
    first, second = office.open(), office.open()
    taken = office.done(f"{first}/assignment", {"officer": "me"})
    mine = office.get("/v1/cases", assigned_to="me")["items"]
    assert [one["assigned_to"] for one in mine] == [taken["assigned_to"]]
    (free,) = office.get("/v1/cases", assigned_to="nobody")["items"]
    assert second.endswith(free["case_id"])
    assert office.get("/v1/cases", "saule", assigned_to="me")["items"] == []
    (known,) = office.get("/v1/officers")["items"]
    assert (known["subject"], known["is_me"], known["cases"]) == ("daniyar", True, 1)
    refused(office.post(f"{first}/conclusion", {"result": "refused"}, "saule"), 403, "case_of_another")
    refused(
        office.post(f"{first}/assignment", {"officer": "me"}, "saule"), 422, "reassignment_reasons_required"
    )
    office.done(f"{second}/assignment", {"officer": taken["assigned_to"]}, "saule")
    page = office.get("/v1/cases", assigned_to="me", limit=1)
    rest = office.get("/v1/cases", assigned_to="me", limit=1, cursor=page["next"])
    assert {one["case_id"] for one in page["items"] + rest["items"]} == {
        path.rsplit("/", 1)[1] for path in (first, second)
    }
    answer = office.client.get(
        "/v1/cases", headers=office.headers("daniyar"), params={"order": "due", "cursor": page["next"]}
    )
    refused(answer, 400, "cursor_invalid")


def test_the_assessment_shows_what_a_case_would_come_to_and_records_nothing(office: Office) -> None:
    case = office.open()
    head = office.head()
    before = office.get(f"{case}/assessment")
    assert (before["result"], before["judgement"]["conforms"]) == ("refused", False)
    assert office.head() == head
    check = {"criterion": "trusted_software_register", "verdict": "overridden", "reasons": TEXT}
    shown = office.done(f"{case}/criterion-checks", check)
    assert (shown["checks"][0]["rule_passed"], shown["checks"][0]["reasons"]["ru"]) == (False, TEXT["ru"])
    outcomes = {one["criterion"]: one for one in office.get(f"{case}/assessment")["judgement"]["criteria"]}
    checked = outcomes["trusted_software_register"]
    assert (checked["passed"], checked["checked"]["verdict"]) == (True, "overridden")


def test_where_four_eyes_are_set_a_conclusion_waits_for_the_second_officer(office: Office) -> None:
    case = office.open("monitoring", quarter=None, listing_id=str(uuid4()))
    proposed = office.done(f"{case}/conclusion", {"result": "exclude"})
    assert (proposed["status"], proposed["proposal"]["result"]) == ("open", "exclude")
    (waiting,) = office.get("/v1/cases", proposed=True)["items"]
    assert waiting["proposed_by"] == proposed["proposal"]["proposed_by"]
    refused(office.post(f"{case}/proposal/approval", {}), 403, "own_proposal")
    refused(office.post(f"{case}/conclusion", {"result": "exclude"}), 409, "proposal_pending")
    office.done(f"{case}/proposal/return", {"remarks": TEXT}, "saule")
    assert office.get(case)["returned_with"]["ru"] == TEXT["ru"]
    office.done(f"{case}/conclusion", {"result": "exclude"})
    ended = office.done(f"{case}/proposal/approval", {}, "saule")
    assert (ended["status"], ended["result"]) == ("concluded", "exclude")
    assert ended["proposed_by"] == waiting["proposed_by"]
    ruled = office.done(
        f"{case}/court-rulings",
        {**RULING, "ruled_on": today(office), "outcome": "undone", "annuls_from_start": True},
    )
    assert (ruled["result"], ruled["annuls_from_start"]) == ("conforms", True)
    assert ruled["court_rulings"][0]["notification_id"] == ended["notification_id"]


def today(office: Office) -> str:
    return legal_date(office.practice.clock.now()).isoformat()


def test_of_two_officers_at_once_one_decides_and_the_other_gets_a_412(office: Office) -> None:
    for _ in range(4):
        case = office.open()
        version = office.get(case)["version"]

        def decide(who: str, case: str = case, version: int = version) -> Any:
            return office.post(f"{case}/conclusion", {"result": "refused"}, who, version)

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(decide, ("daniyar", "saule", "aigul")))
        assert sorted(answer.status_code for answer in answers) == [201, 412, 412]
        lost = [answer.json()["code"] for answer in answers if answer.status_code == 412]
        assert set(lost) == {"version_stale"}
        won = next(answer for answer in answers if answer.status_code == 201)
        assert office.get(case)["notification_id"] == won.json()["notification_id"]


def test_a_repeated_request_with_the_same_key_is_answered_as_before(office: Office) -> None:
    case = office.open()
    headers = {**office.headers("daniyar"), "Idempotency-Key": "k1", "If-Match": '"1"'}
    first = office.client.post(f"{case}/assignment", json={"officer": "me"}, headers=headers)
    again = office.client.post(f"{case}/assignment", json={"officer": "me"}, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert office.get(case)["version"] == 2
