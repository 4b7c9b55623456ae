"""What happened to an entry, and to the register between two moments."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.kernel.clock import set_simulated_clock
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.updating import Given
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.api.conftest import Api
from tests.register.given import BIN, OTHER_BIN, REASONS, at, product


def changes(api: Api, **query: Any) -> list[dict[str, Any]]:
    """All pages of the difference."""
    found: list[dict[str, Any]] = []
    while True:
        answer = api.get("/v1/changes", **query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if "next" not in answer.json():
            return found
        query["cursor"] = answer.json()["next"]


def told(items: list[dict[str, Any]]) -> list[tuple[str | None, str | None, list[str]]]:
    return [
        (
            item.get("before", {}).get("status"),
            item.get("after", {}).get("status"),
            [fact["type"].removeprefix("kz.register.") for fact in item["facts"]],
        )
        for item in items
    ]


def redated(api: Api, entry: Any, day: str) -> None:
    wrong = api.desk.journal.facts_of(entry.id)[-1].fact.id
    api.desk.correct(
        Proposed(
            entry_id=str(entry.id),
            event_id=wrong,
            kind="redating",
            reasons=REASONS,
            legal_basis="order-327 para. 9",
            counts_from=at(day),
        )
    )


def test_history_shows_each_period_on_both_axes_and_corrections_apart(quick: Api) -> None:
    desk = quick.desk
    entry = desk.include()
    desk.on("2026-02-20")  # the legal clock of the test runs back: facts count from when they must
    before = desk.journal.head()
    redated(quick, entry, "2026-02-10")
    path = f"/v1/entries/{entry.id}/history"
    found = quick.get(path).json()
    inclusion, correction = found["items"]
    assert (inclusion["kind"], correction["kind"]) == ("change", "correction")
    assert correction["corrects"] == inclusion["event_id"]
    assert inclusion["corrected_by"] == [correction["event_id"]]
    first, second = found["periods"]
    assert first["valid_from"] == "2026-03-02T07:00:00.000000Z"
    assert (second["status"], second["valid_from"]) == ("included", "2026-02-10T07:00:00.000000Z")
    assert first["known_to"] == second["known_from"] == correction["position"]
    assert first["known_to_at"] == second["known_from_at"] == correction["recorded_at"]
    then = quick.get(path, known_at=before).json()
    assert [item["corrected_by"] for item in then["items"]] == [[]]
    assert [("known_to" in period, period["known_from"]) for period in then["periods"]] == [
        (False, first["known_from"])
    ]


def test_a_past_of_the_history_tells_what_counts_then_with_what_was_wrong(quick: Api) -> None:
    """What is known says from when a fact counts, not the instant it was recorded with."""
    desk = quick.desk
    entry = desk.include()
    redated(quick, entry, "2026-02-10")
    path = f"/v1/entries/{entry.id}/history"
    earlier = quick.get(path, valid_at="2026-02-15T00:00:00Z").json()["items"]
    assert [item["kind"] for item in earlier] == ["change", "correction"]
    desk.on("2026-02-20")
    excluded = desk.exclude(entry)
    wrong = desk.journal.facts_of(entry.id)[-1].fact.id
    desk.on("2026-03-01")
    annulled = Proposed(
        entry_id=str(entry.id), event_id=wrong, kind="annulment", reasons=REASONS, legal_basis="order-327"
    )
    before = desk.journal.head()
    desk.correct(annulled)
    assert excluded.state.status == "excluded"
    then = quick.get(path, valid_at="2026-02-25T00:00:00Z").json()["items"]
    assert [item["type"].removeprefix("kz.register.entry.") for item in then] == [
        "included.v1", "corrected.v1", "excluded.v1", "corrected.v1",
    ]  # fmt: skip
    assert then[2]["corrected_by"] == [then[3]["event_id"]]
    unknown = quick.get(path, valid_at="2026-02-25T00:00:00Z", known_at=before).json()["items"]
    assert [item["corrected_by"] for item in unknown][2:] == [[]]


def test_what_the_register_learnt_between_two_positions(quick: Api) -> None:
    desk = quick.desk
    old = desk.include(name="Аға")
    start = desk.journal.head()
    new = desk.include(OTHER_BIN, "Карта")
    desk.exclude(old)
    end = desk.journal.head()
    form = {"form": "transformation", "on": "2026-03-02", "reference": "R", "new_bin": "151040025562"}
    quick.post(f"/v1/producers/{OTHER_BIN}/reorganisation", form, "service")
    found = changes(quick, **{"from": start, "to": end, "limit": 1})
    assert [item["entry_id"] for item in found] == [str(new.id), str(old.id)]
    assert told(found) == [
        (None, "included", ["entry.included.v1"]),
        ("included", "excluded", ["entry.excluded.v1"]),
    ]
    renamed = changes(quick, **{"from": end})
    assert told(renamed) == [("included", "included", ["producer.transformed.v1"])]
    assert renamed[0]["after"]["producer"]["bin"] == "151040025562"
    assert changes(quick, **{"from": quick.head()}) == []


def test_what_began_in_law_between_two_instants_as_known_then(quick: Api) -> None:
    desk = quick.desk
    entry = desk.include()
    known = desk.journal.head()
    redated(quick, entry, "2026-02-10")
    window = {"from": "2026-02-01T00:00:00Z", "to": "2026-02-20T00:00:00Z", "axis": "valid"}
    found = changes(quick, **window)
    assert told(found) == [(None, "included", ["entry.included.v1", "entry.corrected.v1"])]
    assert changes(quick, **window, known_at=known) == []
    whole = {"from": "2026-02-01T00:00:00Z", "to": "2026-03-02T07:00:00Z", "axis": "valid"}
    assert [item["entry_id"] for item in changes(quick, **whole, known_at=known)] == [str(entry.id)]


def test_what_data_changed_in_law_between_two_instants(quick: Api, tmp_path: Path) -> None:
    desk = quick.desk
    entry, other = desk.include(), desk.include(OTHER_BIN, "Карта")
    desk.on("2026-03-20")
    desk.update(entry, Given(capacity_per_year="7", changed_on=date(2026, 3, 10)))
    window = {"from": "2026-03-05T00:00:00Z", "to": "2026-03-15T00:00:00Z", "axis": "valid"}
    set_simulated_clock(tmp_path / "clock.json", at("2026-03-20"))
    (change,) = changes(quick, **window)
    assert told([change]) == [("included", "included", ["entry.updated.v1"])]
    capacities = [change[when]["product"]["capacity_per_year"] for when in ("before", "after")]
    assert capacities == ["1000", "7"]
    assert changes(quick, **window, known_at=desk.journal.head() - 1) == []
    restate = Proposed(
        entry_id=str(entry.id),
        event_id=desk.journal.load(Entry, entry.id).state.included_by,
        kind="restatement",
        reasons=REASONS,
        legal_basis="order-327 para. 5",
        product=product("Басқа"),
    )
    desk.correct(restate)
    command = TransformProducer(bin=OTHER_BIN, on=date(2026, 3, 12), reference="R", new_bin="151040025562")
    transform_producer(desk.journal, command, desk.act())
    corrected = {"from": "2026-03-15T00:00:00Z", "to": "2026-03-20T07:00:00Z", "axis": "valid"}
    assert told(changes(quick, **corrected)) == [("included", "included", ["entry.corrected.v1"])]
    found = changes(quick, **window, limit=1)
    assert [item["entry_id"] for item in found] == [str(entry.id), str(other.id)]
    assert found[1]["after"]["producer"]["bin"] == "151040025562"
    assert changes(quick, **{**window, "from": "2026-02-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": 5, "to": 1}, "window_reversed"),
        ({"from": 999_999}, "instant_in_future"),
        ({"from": 1, "axis": "valid"}, "time_not_of_axis"),
        ({"from": 1, "known_at": 1}, "time_not_of_axis"),
        (
            {"from": "2026-03-01T00:00:00Z", "axis": "valid", "valid_at": "2026-03-01T00:00:00Z"},
            "time_not_of_axis",
        ),
        ({"from": "2126-03-01T00:00:00Z", "axis": "valid"}, "instant_in_future"),
    ],
)
def test_a_window_that_is_none_is_refused(api: Api, query: dict[str, Any], code: str) -> None:
    api.desk.include(BIN)
    answer = api.get("/v1/changes", **query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
