"""Officers' decisions as they travel between the three services: use cases and clocks, no processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.kernel.calendar import Quarter
from services.kernel.contract import OfficialText
from services.notifications.schema import MESSAGES
from services.register.contract.events import NotificationReceived, TermMissed
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.usecases.grant_exclusion import GrantExclusion, grant_exclusion
from services.register.usecases.record_missed_terms import record_missed_terms
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.verification.domain.case import Case
from tests.register.desk import RECTIFIED
from tests.register.given import BIN, PROCEDURE, product
from tests.security.test_erasure import World, opened
from tests.verification.acting import REASONS
from tests.verification.authority import Q1
from tests.verification.officers import A, B, conclude
from tests.verification.usecases import test_rounds as rounds

Q2 = Quarter.parse("2026-Q2")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened(lambda service: f"sqlite:///{tmp_path / service}.db", tmp_path) as made:
        made.authority.list_product(name=product().name)
        yield made


def on(world: World, day: str) -> None:
    """Noon of a day in Almaty, for all of them."""
    for clock in (world.desk.clock, world.authority.clock, world.office.clock):
        clock.set(datetime.fromisoformat(f"{day}T07:00:00+00:00"))


def filed(world: World, **changes: Any) -> tuple[Application, Case]:
    application = world.desk.file(documents=world.authority.package(by=BIN), **changes)
    world.follow()
    return application, world.authority.case_of(f"application:{application.id}")


def decided(world: World, case: Case, result: str, reasons: OfficialText | None = None, by: str = A) -> Case:
    ended = conclude(world.authority, case, result, by, reasons)
    world.follow()
    return ended


def included(world: World) -> tuple[Application, Entry]:
    application, case = filed(world)
    decided(world, case, "confirmed")
    return application, world.desk.entry(application)


def of_round(world: World, quarter: Quarter) -> Case:
    rounds.opened(world.authority, quarter)
    rounds.carried_on(world.authority, quarter)
    (case,) = world.authority.cases(kind="monitoring", quarter=str(quarter))
    return case


def test_a_product_that_monitoring_excluded_is_included_anew_and_monitored_again(world: World) -> None:
    """Art. 51-2(3), (4), order 327 paras. 29, 31, 32: a reapplication is confirmed like a first one."""
    application, entry = included(world)
    on(world, "2026-04-02")
    excluding = decided(world, of_round(world, Q1), "exclude", REASONS)
    assert excluding.conclusion is not None
    assert excluding.conclusion.departs_from_judgement
    excluded = world.desk.entry(application)
    assert (excluded.state.status, excluded.state.exclusions[-1].ground) == (
        "excluded",
        "software_monitoring",
    )

    on(world, "2026-05-04")
    again, case = filed(world, follows=str(application.id), rectified=RECTIFIED)
    assert case.opened.legal_date == "2026-05-04"
    decided(world, case, "confirmed")
    anew = world.desk.entry(again)
    assert (anew.id, anew.state.status) == (entry.id, "included")
    assert anew.state.included.application_id == str(again.id)
    assert (anew.state.first_included_on, anew.state.included.included_on) == ("2026-03-02", "2026-05-04")

    on(world, "2026-07-02")
    monitored = of_round(world, Q2)
    assert monitored.opened.application_id == str(again.id)
    decided(world, monitored, "conforms")
    assert world.desk.entry(again).state.monitored_quarter == "2026-Q2"


def test_an_officer_finds_that_a_product_conforms_and_its_inclusion_stands(world: World) -> None:
    """Art. 51-2(3), (4): the industry authority records it and changes nothing."""
    application, entry = included(world)
    on(world, "2026-04-02")
    ended = decided(world, of_round(world, Q1), "conforms")
    assert ended.conclusion is not None
    assert not ended.conclusion.departs_from_judgement
    assert world.desk.kinds()[-1] == "MonitoringRecorded"
    assert world.desk.entry(application).is_included
    assert world.desk.entry(application).version == entry.version + 1


def test_an_officer_refuses_what_the_rules_confirm_and_the_producer_applies_again(world: World) -> None:
    """Art. 51-2(2), (4), order 327 para. 32: a refusal is no end, and it has no appeal."""
    application, case = filed(world)
    ended = decided(world, case, "refused", REASONS)
    assert ended.conclusion is not None
    assert ended.conclusion.departs_from_judgement
    assert world.desk.kinds()[-1] == "InclusionRefused"
    assert world.desk.journal.load(Application, application.id).status == "refused"
    again, case = filed(world, follows=str(application.id), rectified=RECTIFIED)
    decided(world, case, "confirmed", by=B)
    assert world.desk.entry(again).is_included


def test_an_exclusion_and_an_own_request_after_their_terms_are_missed_told_and_done(world: World) -> None:
    """Order 327 paras. 30, 31: three working days from Thursday 2 April end on Tuesday the 7th."""
    world.desk.procedure = replace(PROCEDURE, automatic=frozenset({"review"}))
    application, _entry = included(world)
    on(world, "2026-04-02")
    decided(world, of_round(world, Q1), "exclude", REASONS)
    other = product("Б")
    world.authority.list_product(name=other.name)
    asking, case = filed(world, product=other)
    decided(world, case, "confirmed")
    asked = world.desk.entry(asking)
    request = RequestExclusion(entry_id=asked.id, by=BIN)
    request_exclusion(world.desk.journal, request, world.desk.act("producer"), world.desk.procedure)

    on(world, "2026-04-07")
    assert record_missed_terms(world.desk.journal, world.desk.clock) == 0
    on(world, "2026-04-08")
    assert record_missed_terms(world.desk.journal, world.desk.clock) == 2
    world.follow()
    missed = {one.term.name: one.term for one in world.desk.events() if isinstance(one, TermMissed)}
    assert {name: (term.due_on, term.statutory) for name, term in missed.items()} == {
        "exclusion": ("2026-04-07", True),
        "own_request": ("2026-04-07", False),
    }
    told = [row["recipient"] for row in world.office.rows(MESSAGES) if row["template_id"] == "term_missed"]
    assert told == ["industry_authority"] * 2
    assert world.desk.entry(application).is_included, "silence excludes nobody"

    (content,) = [
        one
        for one in world.desk.events()
        if isinstance(one, NotificationReceived) and one.result == "exclude"
    ]
    world.desk.accept(content)
    grant_exclusion(world.desk.journal, GrantExclusion(entry_id=asked.id), world.desk.act())
    assert record_missed_terms(world.desk.journal, world.desk.clock) == 0
    late = world.desk.entry(application).state.exclusions[-1]
    assert late.appeal_term is not None
    assert (late.excluded_on, late.appeal_term.due_on) == ("2026-04-08", "2026-05-08")
    granted = world.desk.entry(asking).state.exclusions[-1]
    assert (granted.ground, granted.appeal_term) == ("own_request", None)
