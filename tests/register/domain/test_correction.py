"""Corrections are facts (order 327 para. 5): two officers, what was wrong, what holds instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.kernel.errors import Conflict, Forbidden, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Fact, new_stream_id
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import Included
from services.register.domain.correcting import NAMES
from services.register.domain.correction import Correction, Proposed
from services.register.domain.dossier import Dossier
from services.register.domain.proposal import Authors
from services.register.domain.timeline import periods, status_fact
from tests.register.given import (
    NOON,
    PROCEDURE,
    REASONS,
    act,
    appealed,
    at,
    clean,
    excluded,
    included,
    kinds,
    product,
    received,
    then,
    with_application,
)

AUTHORS = Authors("c-1", "a1")
LATER = at("2026-05-04")


def facts_of(made: Dossier) -> list[Fact]:
    return made.entry._facts


def fact(made: Dossier, name: str) -> Fact:
    """The latest inclusion, exclusion or reinstatement of the entry."""
    return [one for one in facts_of(made) if NAMES.get(type(one.data)) == name][-1]


def proposal(made: Dossier, target: str, kind: Any = "annulment", **changes: Any) -> Proposed:
    values = {
        "entry_id": str(made.entry.id),
        "event_id": fact(made, target).id,
        "kind": kind,
        "reasons": REASONS,
        "legal_basis": "order-327 para. 9",
    }
    return Proposed(**{**values, **changes})


def correct(made: Dossier, target: str, kind: Any = "annulment", **changes: Any) -> None:
    made.correct(act(LATER), proposal(made, target, kind, **changes), AUTHORS, PROCEDURE)


def statuses(made: Dossier) -> list[tuple[str, bool]]:
    """What the periods say, oldest first: the status and whether it is open."""
    facts = [status_fact(one.originator_version, one) for one in facts_of(made)]
    return [(p.status, p.valid_to is None) for p in periods(one for one in facts if one is not None)]


def another(officer: str = "a2") -> Act:
    made = act(LATER)
    return Act(made.at, msgspec.structs.replace(made.provenance, actor=officer))


def test_who_proposed_never_decides() -> None:
    correction = Correction(new_stream_id())
    correction.propose(act(), {"content": "c0"})
    with pytest.raises(Forbidden, match="own_proposal"):
        correction.approve(act(), "e-1")
    with pytest.raises(Forbidden, match="own_proposal"):
        correction.decline(act(), {})
    assert correction.approve(another(), "e-1") == Authors(str(correction.id), "a1")
    with pytest.raises(Conflict, match="correction_decided") as refused:
        correction.decline(another("a3"), {})
    assert refused.value.params["state"] == "approved"


def test_a_correction_says_who_what_why_and_on_what_basis() -> None:
    made = included()
    wrong = fact(made, "inclusion")
    correct(made, "inclusion")
    (event,) = then(made)
    assert isinstance(event, EntryCorrected)
    assert (event.corrected_event_id, event.corrected, event.kind) == (wrong.id, "inclusion", "annulment")
    assert (event.correction_id, event.proposed_by, event.reasons) == ("c-1", "a1", REASONS)
    assert facts_of(made)[-1].legal_basis == "order-327 para. 9"
    assert event.notification_id is None


def test_an_annulled_inclusion_never_was_and_the_product_can_be_filed_for_again() -> None:
    made = included()
    correct(made, "inclusion")
    assert made.entry.state.status == "annulled"
    assert statuses(made) == [("annulled", True)]
    again = with_application(clean(made), LATER)
    confirmed = received(made, "confirmation", "confirmed", LATER, application_id=str(again.id))
    made.settle(act(LATER), confirmed, PROCEDURE)
    state = made.entry.state
    assert (state.status, state.first_included_on) == ("included", "2026-05-04")
    assert statuses(made) == [("annulled", False), ("included", True)]


def test_what_is_notified_of_an_annulled_entry_has_no_effect() -> None:
    made = included()
    correct(made, "inclusion")
    exclude = received(clean(made), "monitoring", "exclude", LATER)
    made.settle(act(LATER), exclude, PROCEDURE)
    assert exclude.state.settled is not None
    assert exclude.state.settled.reason == "inclusion_annulled"


def test_an_annulled_exclusion_never_interrupted_as_when_a_notification_corrects_it() -> None:
    by_officers, by_notification = excluded(on=at("2026-04-01")), excluded(on=at("2026-04-01"))
    correct(by_officers, "exclusion")
    wrong = by_notification.entry.state.exclusions[0].notification_id
    conforms = received(by_notification, "monitoring", "conforms", LATER, corrects=wrong)
    by_notification.settle(act(LATER), conforms, PROCEDURE)
    for made in (by_officers, by_notification):
        assert made.entry.state.status == "included"
        assert statuses(made) == [("included", True)]
        assert [(x.undone, x.annulled) for x in made.entry.state.exclusions] == [(True, True)]


def test_an_annulled_exclusion_ends_its_appeal_and_a_reapplication() -> None:
    made, _ = appealed()
    application = with_application(made, LATER)
    correct(made, "exclusion")
    assert kinds(then(made)) == ["ApplicationClosed", "EntryCorrected", "AppealClosed"]
    assert application.closed_on_ground == "exclusion_corrected"


def test_an_annulled_reinstatement_leaves_the_entry_excluded() -> None:
    made, appeal_id = appealed()
    upheld = received(made, "appeal", "upheld", at("2026-03-20"), appeal_id=appeal_id)
    made.settle(act(at("2026-03-20")), upheld, PROCEDURE)
    correct(clean(made), "reinstatement")
    assert made.entry.state.status == "excluded"
    assert made.entry.state.appeals[0].outcome == "pending"


@pytest.mark.parametrize(("target", "day"), [("inclusion", "included_on"), ("exclusion", "excluded_on")])
def test_a_redated_fact_counts_from_the_other_instant(target: str, day: str) -> None:
    made = excluded(on=at("2026-04-01"))
    correct(made, target, "redating", counts_from=at("2026-03-10"))
    state = made.entry.state
    shown = state.included if target == "inclusion" else state.exclusions[0]
    assert getattr(shown, day) == "2026-03-10"
    assert state.status == "excluded"
    assert facts_of(made)[-1].effective_at == LATER
    again = proposal(made, target, "redating", counts_from=at("2026-03-12"))
    made.correct(act(LATER), again, AUTHORS, PROCEDURE)
    assert statuses(made) == [("included", False), ("excluded", True)]


@pytest.mark.parametrize(
    ("target", "counts_from", "code"),
    [
        ("inclusion", at("2026-04-01"), "correction_out_of_order"),
        ("exclusion", NOON, "correction_out_of_order"),
        ("exclusion", NOON - timedelta(days=1), "correction_out_of_order"),
        ("exclusion", LATER + timedelta(microseconds=1), "instant_in_future"),
        ("exclusion", at("2026-04-01"), "correction_changes_nothing"),
    ],
)
def test_a_redating_keeps_the_order_of_what_happened(target: str, counts_from: Any, code: str) -> None:
    made = excluded(on=at("2026-04-01"))
    with pytest.raises(Invalid, match=code):
        correct(made, target, "redating", counts_from=counts_from)
    assert then(made) == []


def test_a_restated_inclusion_says_other_names_and_codes() -> None:
    made = included()
    correct(made, "inclusion", "restatement", product=product("Басқа"))
    assert made.entry.state.included.product == product("Басқа")
    assert made.entry.state.included.number == "##########"
    stated = fact(made, "inclusion").data
    assert isinstance(stated, Included)
    assert stated.product == product("Есеп")
    with pytest.raises(Invalid, match="correction_changes_nothing"):
        correct(made, "inclusion", "restatement", product=product("Басқа"))


def test_a_fact_is_annulled_once() -> None:
    made = excluded()
    wrong = proposal(made, "exclusion")
    correct(made, "exclusion")
    with pytest.raises(Conflict, match="already_annulled"):
        made.correct(act(LATER), wrong, AUTHORS, PROCEDURE)


def test_an_inclusion_on_which_an_exclusion_rests_is_annulled_after_it() -> None:
    made = excluded(on=at("2026-04-01"))
    with pytest.raises(Conflict, match="correction_superseded"):
        correct(made, "inclusion")
    correct(made, "exclusion")
    correct(made, "inclusion")
    assert made.entry.state.status == "annulled"


def test_only_the_latest_inclusion_is_restated() -> None:
    made = excluded(on=at("2026-04-01"))
    wrong = proposal(made, "inclusion", "restatement", product=product("Басқа"))
    again = with_application(made, at("2026-04-10"))
    confirmed = received(made, "confirmation", "confirmed", at("2026-04-10"), application_id=str(again.id))
    made.settle(act(at("2026-04-10")), confirmed, PROCEDURE)
    with pytest.raises(Conflict, match="correction_superseded"):
        made.correct(act(LATER), wrong, AUTHORS, PROCEDURE)
    with pytest.raises(Conflict, match="correction_superseded"):
        correct(made, "exclusion", "restatement", product=product("Басқа"))


@pytest.mark.parametrize("event_id", ["", "01980000-0000-7000-8000-000000000000"])
def test_what_the_entry_never_did_cannot_be_corrected(event_id: str) -> None:
    made = included()
    with pytest.raises(Invalid, match="corrected_event_unknown"):
        correct(made, "inclusion", event_id=event_id)


def test_a_producer_that_ended_is_not_brought_back() -> None:
    made = excluded(on=at("2026-04-01"))
    made.producer.liquidate(act(at("2026-04-10")), on=at("2026-04-10").date(), reference="R-1")
    with pytest.raises(Conflict, match="producer_ceased"):
        correct(made, "exclusion")
