"""A producer's own request outlives an exclusion that never was: art. 51-6(3), order 327 paras. 30-31."""

from __future__ import annotations

from typing import Any

import pytest

from services.kernel.contract import CourtRuling, OfficialText
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import Reinstated
from services.register.domain.correction import Proposed
from services.register.domain.dossier import Dossier
from services.register.domain.entry_state import standing
from services.register.domain.proposal import Authors
from tests.register.given import PROCEDURE, REASONS, act, at, clean, included, received, then

TERM = PROCEDURE.own_request(at("2026-03-04"))
AGAIN = PROCEDURE.own_request(at("2026-03-20"))
RULING = CourtRuling(
    court=OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны"), number="1", ruled_on="2026-03-20"
)
OFFICERS = Authors("c-1", "a1")


def overtaken() -> Dossier:
    """Asked for on 4 March, excluded by monitoring on the 5th, before anybody granted it."""
    made = included()
    made.entry.request_exclusion(act(at("2026-03-04"), "producer"), {}, TERM)
    notification = received(made, "monitoring", "exclude", at("2026-03-05"))
    made.settle(act(at("2026-03-05")), notification, PROCEDURE)
    assert made.entry.state.requested_on is None
    return clean(made)


def annul(made: Dossier, by: str) -> None:
    """Undo the exclusion on 20 March, from the start."""
    exclusion, when = made.entry.state.exclusions[0], at("2026-03-20")
    if by == "officers":
        proposed = Proposed(
            entry_id=str(made.entry.id),
            event_id=exclusion.event_id,
            kind="annulment",
            reasons=REASONS,
            legal_basis="order-327 para. 5",
        )
        made.correct(act(when), proposed, OFFICERS, PROCEDURE)
        return
    given: dict[str, Any] = {"corrects": exclusion.notification_id}
    kind, result = "monitoring", "conforms"
    if by == "court":
        given |= {"court_ruling": RULING, "annuls_from_start": True}
    if by == "appeal":
        filed = made.entry.file_appeal(
            act(at("2026-03-10"), "producer"),
            producer=made.producer.ref,
            language="kk",
            documents=(),
            commitments={},
        )
        kind, result, given = "appeal", "upheld", {"appeal_id": filed, "annuls_from_start": True}
    made.settle(act(when), received(made, kind, result, when, **given), PROCEDURE)


@pytest.mark.parametrize("by", ["officers", "notification", "appeal", "court"])
def test_it_waits_again_once_the_exclusion_that_overtook_it_is_left_out(by: str) -> None:
    made = overtaken()
    annul(made, by)
    state = made.entry.state
    assert (state.status, state.requested_on, state.request_term) == ("included", "2026-03-04", AGAIN)
    assert state == standing(made.entry._facts)
    (told,) = [one for one in then(made) if isinstance(one, EntryCorrected | Reinstated)]
    assert told.request_term == AGAIN
    made.entry.must_be_requested()
    made.exclude(act(at("2026-03-20")), "own_request")
    assert [x.ground for x in made.entry.state.exclusions] == ["software_monitoring", "own_request"]


def test_it_does_not_come_back_with_an_entry_that_was_rightly_out_meanwhile() -> None:
    """The exclusion counted until then, so the request had nothing left to ask for."""
    made = overtaken()
    filed = made.entry.file_appeal(
        act(at("2026-03-10"), "producer"),
        producer=made.producer.ref,
        language="kk",
        documents=(),
        commitments={},
    )
    upheld = received(made, "appeal", "upheld", at("2026-03-20"), appeal_id=filed)
    made.settle(act(at("2026-03-20")), upheld, PROCEDURE)
    assert (made.entry.state.status, made.entry.state.requested_on) == ("included", None)
    (reinstated,) = [one for one in then(made) if isinstance(one, Reinstated)]
    assert reinstated.request_term is None


def test_a_request_that_was_granted_does_not_wait_again_when_its_exclusion_is_left_out() -> None:
    """Who was excluded at its own request by mistake must not be excluded by the same request again."""
    made = included()
    made.entry.request_exclusion(act(at("2026-03-04"), "producer"), {}, TERM)
    made.exclude(act(at("2026-03-05")), "own_request")
    annul(clean(made), "officers")
    assert (made.entry.state.status, made.entry.state.requested_on) == ("included", None)
