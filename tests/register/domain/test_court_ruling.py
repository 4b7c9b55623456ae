"""Court rulings and the register: law 86-VII art. 51-5(7), art. 51-2(4)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.kernel.contract import CourtRuling, OfficialText
from services.register.contract.events import NotificationSettled, Reinstated
from services.register.contract.rulings import CourtRulingRecorded
from services.register.domain.dossier import Dossier
from services.register.domain.entry_state import Exclusion
from tests.register.given import (
    PROCEDURE,
    act,
    appealed,
    at,
    clean,
    excluded,
    received,
    then,
    with_application,
)

RULING = CourtRuling(
    court=OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны"),
    number="7119-26",
    ruled_on="2026-04-20",
)


def exclusion_of(made: Dossier) -> Exclusion:
    return made.entry.state.exclusions[0]


def rule(made: Dossier, kind: str = "monitoring", when: str = "2026-04-20", **changes: Any) -> list[Any]:
    result = "upheld" if kind == "appeal" else "conforms"
    given = {"corrects": exclusion_of(made).notification_id, "court_ruling": RULING, **changes}
    notification = received(made, kind, result, at(when), **given)
    made.settle(act(at(when)), notification, PROCEDURE)
    return list(then(made))


@pytest.mark.parametrize(
    ("annuls", "counts_from"),
    [(True, "2026-03-02"), (False, "2026-04-20")],
    ids=["from the start", "from now"],
)
def test_a_ruling_that_undoes_an_exclusion_puts_the_entry_back(annuls: bool, counts_from: str) -> None:
    made = excluded()
    settled, reinstated = rule(made, annuls_from_start=annuls)
    assert isinstance(settled, NotificationSettled)
    assert settled.outcome == "reinstated"
    assert isinstance(reinstated, Reinstated)
    assert (reinstated.reinstated_on, reinstated.appeal_id) == (counts_from, None)
    assert reinstated.court_ruling == RULING
    assert made.entry.is_included
    assert (exclusion_of(made).undone, exclusion_of(made).court_ruling) == (True, RULING)


def test_the_reinstatement_rests_on_the_ruling_in_law() -> None:
    made = excluded()
    notification = received(
        made,
        "monitoring",
        "conforms",
        corrects=exclusion_of(made).notification_id,
        court_ruling=RULING,
    )
    made.settle(act(), notification, PROCEDURE)
    assert made.entry.collect_events()[-1].legal_basis == "law-86-VII arts. 51-2(4), 51-5(7)"


def test_a_ruling_undoes_the_dismissal_of_an_appeal_and_leaves_the_decision_as_it_was_taken() -> None:
    made, appeal_id = appealed()
    dismissal = received(made, "appeal", "dismissed", at("2026-03-20"), appeal_id=appeal_id)
    made.settle(act(at("2026-03-20")), dismissal, PROCEDURE)
    clean(made)
    _, reinstated = rule(made, "appeal", appeal_id=appeal_id, annuls_from_start=True)
    assert isinstance(reinstated, Reinstated)
    assert reinstated.appeal_id == appeal_id
    assert made.entry.is_included
    assert [appeal.outcome for appeal in made.entry.state.appeals] == ["dismissed"]


def test_the_same_ruling_twice_has_one_effect() -> None:
    made = excluded()
    rule(made, annuls_from_start=True)
    (settled,) = rule(made, annuls_from_start=True)
    assert (settled.outcome, settled.reason) == ("no_effect", "exclusion_not_in_force")


def test_a_ruling_spelt_otherwise_stands_once_in_the_history() -> None:
    entry = excluded().entry
    content = CourtRulingRecorded(
        entry_id=str(entry.id),
        producer_id=entry.state.producer.producer_id,
        notification_id="0192f0c4-0000-7000-8000-00000000ffff",
        ruling=RULING,
        outcome="upheld",
        reasons=RULING.court,
    )
    court = OfficialText(kk=RULING.court.kk, ru=f"  {RULING.court.ru.upper()}")
    spelt = CourtRuling(court=court, number=RULING.number, ruled_on=RULING.ruled_on)
    assert entry.record_ruling(act(), content)
    assert not entry.record_ruling(act(), replace(content, ruling=spelt))
    assert entry.record_ruling(act(), replace(content, ruling=replace(spelt, number="7119-27/2")))


def test_after_inclusion_anew_a_ruling_matters_only_from_the_start() -> None:
    made = excluded()
    again = with_application(made, at("2026-03-10"))
    notification = received(made, "confirmation", "confirmed", at("2026-03-10"), application_id=str(again.id))
    made.settle(act(at("2026-03-10")), notification, PROCEDURE)
    clean(made)
    (settled,) = rule(made, annuls_from_start=False)
    assert (settled.outcome, settled.reason) == ("no_effect", "already_included")
    settled, reinstated = rule(made, annuls_from_start=True)
    assert (settled.outcome, reinstated.reinstated_on) == ("reinstated", "2026-03-02")
    assert exclusion_of(made).undone
    assert made.entry.is_included


def test_a_ruling_on_a_notification_that_excluded_nothing_has_no_effect() -> None:
    (settled,) = rule(excluded(), corrects="0192f0c4-0000-7000-8000-00000000ffff")
    assert (settled.outcome, settled.reason) == ("no_effect", "exclusion_not_in_force")


def test_a_pending_reapplication_closes_when_the_court_puts_the_entry_back() -> None:
    made = excluded()
    again = with_application(made, at("2026-03-10"))
    rule(made, annuls_from_start=False)
    assert again.status == "closed"
    assert again.closed_on_ground == "exclusion_corrected"
