"""A redated exclusion is appealed within thirty days of its right day: art. 51-2(5), order 327 para. 31."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Conflict
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import AppealFiled
from services.register.domain.correction import Proposed
from services.register.domain.dossier import Dossier
from services.register.domain.entry_state import standing
from services.register.domain.proposal import Authors
from tests.register.given import PROCEDURE, REASONS, act, at, clean, excluded, included, received

INCLUDED = at("2026-03-02")
EXCLUDED = at("2026-04-01")
"""Thirty calendar days from then end on Friday 1 May, a day off: the term ends on Monday 4 May."""


def out() -> Dossier:
    return excluded(INCLUDED, on=EXCLUDED)


def redate(made: Dossier, to: str, on: str) -> EntryCorrected:
    proposed = Proposed(
        entry_id=str(made.entry.id),
        event_id=made.entry.state.exclusions[0].event_id,
        kind="redating",
        reasons=REASONS,
        legal_basis="order-327 para. 5",
        counts_from=at(to),
    )
    made.correct(act(at(on)), proposed, Authors("c-1", "a1"), PROCEDURE)
    corrected = made.entry.collect_events()[0].data
    assert isinstance(corrected, EntryCorrected)
    return corrected


def due(made: Dossier) -> str:
    exclusion = made.entry.state.exclusions[0]
    assert exclusion.appeal_term is not None
    return exclusion.appeal_term.due_on


def appeal(made: Dossier, when: str) -> AppealFiled:
    made.entry.file_appeal(
        act(at(when), "producer"), producer=made.producer.ref, language="kk", documents=(), commitments={}
    )
    filed = made.entry.collect_events()[0].data
    assert isinstance(filed, AppealFiled)
    return filed


def dismiss(made: Dossier, filed: AppealFiled, when: str) -> None:
    notification = received(made, "appeal", "dismissed", at(when), appeal_id=filed.appeal_id)
    made.settle(act(at(when)), notification, PROCEDURE)
    clean(made)


def test_an_exclusion_that_counts_from_a_later_day_is_appealed_for_thirty_days_from_that_day() -> None:
    made = out()
    corrected = redate(made, "2026-04-20", on="2026-05-20")
    assert corrected.appeal_term == PROCEDURE.appeal(at("2026-04-20"))
    assert due(made) == "2026-05-20"
    filed = appeal(made, "2026-05-20")
    assert (filed.in_time, filed.term.due_on) == (True, "2026-05-20")


def test_a_producer_may_rely_on_the_day_it_was_told() -> None:
    made = out()
    assert redate(made, "2026-03-10", on="2026-04-10").appeal_term is None
    assert due(made) == "2026-05-04"
    assert redate(made, "2026-04-08", on="2026-04-11").appeal_term is not None
    assert redate(made, "2026-04-02", on="2026-04-12").appeal_term is None
    assert due(made) == "2026-05-08"
    assert appeal(made, "2026-05-08").in_time


@given(days=st.lists(st.integers(min_value=3, max_value=29), min_size=1, max_size=4, unique=True))
def test_no_correction_ever_shortens_the_term(days: list[int]) -> None:
    made, told = out(), "2026-05-04"
    for day in days:
        redate(made, f"2026-04-{day:02}", on="2026-05-01")
        right = PROCEDURE.appeal(at(f"2026-04-{day:02}")).due_on
        told = max(told, right)
        assert due(made) == told


def test_before_the_correction_was_known_the_term_was_the_one_told() -> None:
    made = out()
    redate(made, "2026-04-20", on="2026-05-20")
    known_before = standing(made.entry._facts[:-1])
    known_now = standing(made.entry._facts, valid_at=at("2026-04-21"))
    terms: list[Any] = [one.exclusions[0].appeal_term for one in (known_before, known_now) if one]
    assert [term.due_on for term in terms] == ["2026-05-04", "2026-05-20"]


def test_an_appeal_called_late_by_the_wrong_day_can_be_renewed_for_thirty_days() -> None:
    """It was filed in time by the right day; the correction came when both terms had ended."""
    made = out()
    late = appeal(made, "2026-05-10")
    assert not late.in_time
    dismiss(made, late, "2026-05-10")
    with pytest.raises(Conflict, match="already_appealed"):
        appeal(made, "2026-05-11")
    redate(made, "2026-04-20", on="2026-06-15")
    assert due(made) == "2026-07-15"
    again = appeal(made, "2026-07-15")
    assert again.in_time
    assert again.exclusion_event_id == late.exclusion_event_id
    with pytest.raises(Conflict, match="already_appealed"):
        appeal(made, "2026-07-15")
    upheld = received(made, "appeal", "upheld", at("2026-07-16"), appeal_id=again.appeal_id)
    made.settle(act(at("2026-07-16")), upheld, PROCEDURE)
    assert made.entry.is_included
    assert [one.outcome for one in made.entry.state.appeals] == ["dismissed", "upheld"]


def test_an_appeal_late_by_the_right_day_too_stays_dismissed() -> None:
    made = out()
    dismiss(made, appeal(made, "2026-06-10"), "2026-06-10")
    assert redate(made, "2026-04-20", on="2026-06-15").appeal_term is None
    with pytest.raises(Conflict, match="already_appealed"):
        appeal(made, "2026-06-16")


def test_an_appeal_decided_on_its_merits_is_not_opened_again() -> None:
    made = out()
    dismiss(made, appeal(made, "2026-04-10"), "2026-04-20")
    assert redate(made, "2026-04-20", on="2026-04-22").appeal_term is None
    assert due(made) == "2026-05-04"


def test_an_exclusion_without_an_appeal_gets_none_by_a_correction() -> None:
    """Art. 51-6: there is none after an exclusion at own request."""
    made = included(INCLUDED)
    made.exclude(act(EXCLUDED), "own_request")
    assert redate(clean(made), "2026-04-20", on="2026-05-20").appeal_term is None
    assert made.entry.state.exclusions[0].appeal_term is None
