"""`/v1/simulations` and `/v1/rule-sets` over HTTP: bad drafts, roles, pages, and what an analyst may see."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from starlette.testclient import TestClient

from services.kernel.contract import OfficialText
from services.verification.domain.rule_sets import RULE_SETS, RuleSetRefused
from services.verification.usecases.keep_rule_set import check_rule_sets
from tests.contract.apps import headers_of, served
from tests.verification.acting import BIN
from tests.verification.authority import Authority, report
from tests.verification.drafts import content, with_threshold

PERIOD = {"period_from": "2026-01-01", "period_to": "2026-03-31"}
STRICTER = {"draft": with_threshold("localisation_share", "minimum", "99"), **PERIOD}
UNKNOWN = "0191f3c0-0000-7000-8000-000000000000"
PRODUCTS = 3


class World:
    """A served authority that has confirmed three products."""

    def __init__(self, client: TestClient, var: Path) -> None:
        self.client, self.var = client, var
        url = f"sqlite:///{var / 'verification'}.db"
        self.here = Authority(url, var / "documents", frozenset({"confirmation"}))
        for number in range(PRODUCTS):
            name = OfficialText(kk=f"Өнім {number}", ru=f"Продукт {number}")
            self.here.list_product(name=name)
            self.here.file(self.here.package(report("10.00")), name=name)

    def get(self, path: str, role: str = "informatization_officer") -> Any:
        return self.client.get(path, headers=headers_of(self.var, role))

    def post(self, path: str, body: Any = None, role: str = "informatization_officer") -> Any:
        return self.client.post(path, json=body, headers=headers_of(self.var, role))

    def done(self, body: dict[str, Any] = STRICTER) -> str:
        """The path of a simulation that is done."""
        path: str = self.post("/v1/simulations", body).headers["location"]
        for _ in range(200):
            if self.get(path).json()["status"] == "done":
                return path
            time.sleep(0.05)
        raise AssertionError(self.get(path).text)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    var = tmp_path_factory.mktemp("simulations")
    with served("verification", var) as (_app, client):
        found = World(client, var)
        yield found
        found.here.database.close()


def test_a_simulation_runs_by_itself_and_tells_counts_per_criterion_and_in_total(world: World) -> None:
    shown = world.get(world.done()).json()
    assert (shown["cases"], shown["would_not_conform"], shown["unchanged"]) == (PRODUCTS, PRODUCTS, 0)
    assert shown["criteria"]["localisation_share"]["now_not_met"] == PRODUCTS
    assert (shown["is_looser"], shown["looser"]) == (False, [])
    assert shown["compared_with"] == "software-confirmation-2026@1"
    assert shown["finished_at"] >= shown["requested_at"]


def test_an_officer_sees_for_whom_decisions_would_differ_page_by_page(world: World) -> None:
    path = f"{world.done()}/differences"
    first = world.get(f"{path}?limit=2")
    assert 'rel="next"' in first.headers["link"]
    second = world.get(f"{path}?limit=2&cursor={first.json()['next']}").json()
    items = [*first.json()["items"], *second["items"]]
    assert "next" not in second
    assert [item["number"] for item in items] == [1, 2, 3]
    assert {item["bin"] for item in items} == {BIN}
    assert {item["product_name"]["ru"] for item in items} == {f"Продукт {n}" for n in range(PRODUCTS)}
    assert {item["case_id"] for item in items} == {str(case.id) for case in world.here.cases()}


def test_an_analyst_sees_counts_and_depersonalised_rows(world: World) -> None:
    """Law 418-V art. 36(7)."""
    path = world.done()
    assert world.get(path, "integrator").json()["cases"] == PRODUCTS
    answer = world.get(f"{path}/differences", "integrator")
    for item in answer.json()["items"]:
        assert set(item) == {
            "number",
            "kind",
            "quarter",
            "result",
            "departs_from_judgement",
            "judgement",
            "overridden",
            "changes",
        }
    assert BIN not in answer.text
    assert "Продукт" not in answer.text
    assert not any(str(case.id) in answer.text for case in world.here.cases())


def test_only_officers_and_auditors_ask_and_cancel(world: World) -> None:
    for role in ("integrator", "producer", "industry_officer"):
        assert world.post("/v1/simulations", STRICTER, role).status_code == 403
        assert world.post(f"/v1/simulations/{UNKNOWN}/cancellation", role=role).status_code == 403


def bad_criterion(**changes: Any) -> dict[str, Any]:
    document = content()
    document["criteria"][1].update(changes)
    return document


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"draft": content(surprise=1)}, "draft_refused", "/draft"),
        ({"draft": {}}, "draft_refused", "/draft"),
        ({"draft": bad_criterion(function="horoscope")}, "draft_refused", "/draft"),
        (
            {"draft": bad_criterion(thresholds={"minimum": 80})},
            "draft_refused",
            "/draft/criteria/1/thresholds",
        ),
        ({"draft": content(in_force_from="soon")}, "draft_refused", "/draft/in_force_from"),
        ({"draft": content("own-production-2019")}, "draft_kind_not_judged", "/draft/kind"),
        ({"draft": "no object"}, "request_invalid", "/draft"),
        ({"period_from": "2026-04-01"}, "period_backwards", "/period_to"),
        ({"period_to": "2099-01-01"}, "day_in_future", "/period_to"),
        ({"period_to": "31.03.2026"}, "request_invalid", "/period_to"),
        ({"more": 1}, "request_invalid", "/more"),
    ],
)
def test_a_bad_request_names_the_place_and_stores_nothing(
    world: World, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = world.post("/v1/simulations", {**STRICTER, **change})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert "location" not in answer.headers


def test_a_draft_that_is_no_json_is_refused(world: World) -> None:
    headers = {**headers_of(world.var, "informatization_officer"), "Content-Type": "application/json"}
    answer = world.client.post("/v1/simulations", content=b'{"draft": ', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_unreadable")


def test_an_unknown_simulation_is_not_found_and_a_finished_one_not_cancelled(world: World) -> None:
    for path in (f"/v1/simulations/{UNKNOWN}", f"/v1/simulations/{UNKNOWN}/differences"):
        assert (world.get(path).status_code, world.get(path).json()["code"]) == (404, "simulation_unknown")
    cancelled = world.post(f"/v1/simulations/{UNKNOWN}/cancellation")
    assert (cancelled.status_code, cancelled.json()["code"]) == (404, "simulation_unknown")
    finished = world.post(f"{world.done()}/cancellation")
    assert (finished.status_code, finished.json()["code"]) == (409, "simulation_finished")


def test_a_rule_set_is_shown_with_its_period_its_content_and_the_digest_that_proves_it(world: World) -> None:
    shown = world.get("/v1/rule-sets/software-confirmation-2026?version=1", "public").json()
    assert shown["content"] == content()
    assert shown["digest"] == hashlib.sha256(rfc8785.dumps(shown["content"])).hexdigest()
    assert (shown["in_force_from"], shown.get("in_force_to")) == ("2026-01-01", None)
    missing = world.get("/v1/rule-sets/software-confirmation-2026?version=2", "public")
    assert (missing.status_code, missing.json()["code"]) == (404, "rule_set_unknown")


@pytest.mark.parametrize(
    ("on", "ids"),
    [
        ("2018-04-22", set()),
        ("2020-01-01", {"own-production-2019", "trusted-software-2018"}),
        ("2026-01-01", {"software-confirmation-2026", "trusted-software-2018"}),
    ],
)
def test_rule_sets_in_force_on_a_day(world: World, on: str, ids: set[str]) -> None:
    items = world.get(f"/v1/rule-sets?on={on}", "public").json()["items"]
    assert {item["id"] for item in items} == ids


def test_the_service_does_not_start_with_a_used_rule_set_that_was_changed(
    world: World, tmp_path: Path
) -> None:
    from services.verification.domain.criteria import KNOWN
    from services.verification.domain.rule_sets import read_rule_book

    for file in RULE_SETS.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    check_rule_sets(world.here.database, read_rule_book(tmp_path, KNOWN))
    changed = with_threshold("localisation_share", "minimum", "79")
    (tmp_path / "software-confirmation-2026.json").write_text(json.dumps(changed))
    book = read_rule_book(tmp_path, KNOWN)
    with pytest.raises(RuleSetRefused, match=r"software-confirmation-2026.json: .* was changed"):
        check_rule_sets(world.here.database, book)
    assert book.in_force("confirmation", date(2026, 3, 2)) is not None
