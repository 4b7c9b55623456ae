"""Corrections over HTTP: two officers, nothing public before the approval, both times afterwards."""

from __future__ import annotations

import secrets
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.kernel.runtime import personal_keys
from services.kernel.settings import ServiceSettings
from services.register.domain.entry import Entry
from tests.register.api.conftest import Api, body, serve
from tests.register.given import BIN

REASONS = {"kk": "Қате енгізілген.", "ru": "Включено ошибочно."}


def history(api: Api, entry: Entry, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/entries/{entry.id}/history", **query).json()["items"]
    return found


def form(api: Api, entry: Entry, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": history(api, entry)[0]["event_id"],
        "kind": "annulment",
        "reasons": REASONS,
        "legal_basis": "order-327 para. 9",
        **changes,
    }


def propose(api: Api, entry: Entry, if_match: str | None = '"1"', **changes: Any) -> Any:
    path = f"/v1/entries/{entry.id}/corrections"
    return api.post(path, form(api, entry, **changes), "industry_officer", if_match=if_match)


def decide(api: Api, proposed: Any, what: str = "approval", **given: Any) -> Any:
    path = f"/v1/corrections/{proposed.json()['correction_id']}/{what}"
    body = {"reasons": REASONS} if what == "refusal" else None
    given = {"role": None, "headers": api.second(), "if_match": proposed.headers["ETag"], **given}
    return api.post(path, body, **given)


def test_one_officer_proposes_and_another_approves(both: Api) -> None:
    entry = both.desk.include()
    before = both.head()
    proposed = propose(both, entry)
    assert proposed.status_code == 201, proposed.text
    assert both.get(f"/v1/entries/{entry.id}").json()["status"] == "included"
    feed = both.get("/v1/journal/events", after=before, format="ndjson")
    assert str(entry.id) not in feed.text
    assert "Включено" not in feed.text
    approved = decide(both, proposed)
    assert approved.status_code == 201, approved.text
    assert approved.json()["status"] == "approved"
    assert approved.json()["decided_by"] != approved.json()["proposed_by"]
    assert both.get(f"/v1/entries/{entry.id}").json()["status"] == "annulled"
    assert both.get(f"/v1/entries/{entry.id}", known_at=before).json()["status"] == "included"
    assert [item["entry_id"] for item in both.get("/v1/entries", status="annulled").json()["items"]] == [
        str(entry.id)
    ]
    assert both.get("/v1/entries", status="included").json()["items"] == []
    check = both.get("/v1/origin-checks", bin=BIN, product="Система Есеп").json()
    assert check["in_register"]["code"] == "inclusion_annulled"
    then = both.get("/v1/origin-checks", bin=BIN, product="Система Есеп", known_at=before).json()
    assert then["in_register"]["code"] == "in_force"


def test_the_officer_who_proposed_decides_nothing(api: Api) -> None:
    proposed = propose(api, api.desk.include())
    for what in ("approval", "refusal"):
        refused = decide(api, proposed, what, role="industry_officer", headers={})
        assert (refused.status_code, refused.json()["code"]) == (403, "own_proposal")


def test_an_officer_stays_one_person_when_every_secret_was_changed(sqlite_url: str, tmp_path: Path) -> None:
    with contextmanager(serve)(sqlite_url, tmp_path) as before:
        proposed = propose(before, before.desk.include())
    (tmp_path / "body-digest.key").write_text(secrets.token_hex(32))
    wrapping = tmp_path / "keys" / "register.wrapping-key"
    former = wrapping.read_text()
    wrapping.write_text(f"{secrets.token_hex(32)}\n{former}")
    with closing(personal_keys("register", ServiceSettings(var=tmp_path, _env_file=None))) as keys:
        assert keys.rewrap() > 0
    wrapping.write_text(wrapping.read_text().split()[0])
    with contextmanager(serve)(sqlite_url, tmp_path) as after:
        refused = decide(after, proposed, role="industry_officer", headers={})
        assert (refused.status_code, refused.json()["code"]) == (403, "own_proposal")
        assert decide(after, proposed).status_code == 201


def test_a_declined_correction_corrects_nothing(api: Api) -> None:
    entry = api.desk.include()
    proposed = propose(api, entry)
    declined = decide(api, proposed, "refusal")
    assert (declined.status_code, declined.json()["declined_for"]) == (201, REASONS)
    assert api.get(f"/v1/entries/{entry.id}").json()["status"] == "included"
    late = decide(api, declined)
    assert (late.status_code, late.json()["code"]) == (409, "correction_decided")


def test_a_stale_or_missing_precondition_is_refused(api: Api) -> None:
    entry = api.desk.include()
    assert propose(api, entry, if_match=None).status_code == 428
    assert propose(api, entry, if_match='"7"').status_code == 412
    proposed = propose(api, entry)
    assert decide(api, proposed, if_match='"9"').status_code == 412
    assert decide(api, proposed, if_match=None).status_code == 428


def test_proposals_are_for_officers_and_auditors(api: Api) -> None:
    proposed = propose(api, api.desk.include())
    path = f"/v1/corrections/{proposed.json()['correction_id']}"
    for where in (path, "/v1/corrections"):
        assert api.get(where).status_code == 401
        assert api.get(where, "producer").status_code == 403
        assert api.get(where, "auditor").status_code == 200
    waiting = api.get("/v1/corrections", "industry_officer", status="proposed").json()["items"]
    assert waiting == [proposed.json()]
    assert api.get("/v1/corrections", "industry_officer", status="approved").json() == {"items": []}
    assert api.get(path, "industry_officer").headers["ETag"] == proposed.headers["ETag"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "redating"}, "redating_fields"),
        ({"counts_from": "2026-03-01T07:00:00Z"}, "redating_fields"),
        ({"kind": "restatement"}, "restatement_fields"),
    ],
)
def test_a_correction_states_what_its_kind_needs(api: Api, changes: dict[str, Any], code: str) -> None:
    entry = api.desk.include()
    before = api.head()
    answer = propose(api, entry, **changes)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert api.head() == before


def test_a_restatement_does_not_take_anothers_name_and_keeps_its_own_for_filing(api: Api) -> None:
    api.desk.include(name="Карта")
    entry = api.desk.include(name="Есеп")
    stated = api.get(f"/v1/entries/{entry.id}").json()["product"]
    stated.pop("product_id")
    taken = {**stated, "name": {"kk": "Карта жүйесі", "ru": "Другая"}}
    answer = propose(api, entry, kind="restatement", product=taken)
    assert (answer.status_code, answer.json()["code"]) == (409, "product_name_taken")
    right = {**stated, "name": {"kk": "Есепші", "ru": "Счетовод"}, "tn_ved": "8523499900"}
    before = api.head()
    assert decide(api, propose(api, entry, kind="restatement", product=right)).status_code == 201
    assert api.get("/v1/entries", product="счетовод").json()["items"][0]["product"]["tn_ved"] == "8523499900"
    then = api.get(f"/v1/entries/{entry.id}", known_at=before).json()
    assert then["product"]["name"]["ru"] == "Система Есеп"
    filed = api.post("/v1/applications", body(product=right))
    assert (filed.status_code, filed.json()["code"]) == (409, "already_included")
