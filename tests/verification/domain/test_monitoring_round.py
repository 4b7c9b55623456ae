"""Rounds (law-86-VII art. 51-2(3); order 327 para. 29)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.kernel.calendar import Quarter
from services.kernel.errors import Conflict, Invalid
from services.verification.contract.events import MonitoringRoundClosed, MonitoringRoundOpened
from services.verification.domain.monitoring_round import MonitoringRound, Tally, round_id
from tests.verification.acting import automatic, decided

Q1 = Quarter.parse("2026-Q1")
FIRST = date(2026, 3, 31)
APRIL = datetime(2026, 3, 31, 19, 0, tzinfo=UTC)


def test_a_round_opens_with_the_first_instant_after_its_quarter() -> None:
    opened = MonitoringRound(round_id(Q1))
    opened.open(automatic(APRIL), Q1, entries=3, first=FIRST)
    assert decided(opened) == [MonitoringRoundOpened]
    assert opened.entries == 3


@pytest.mark.parametrize("quarter", ["2026-Q1", "2026-Q2", "2030-Q4"])
def test_a_quarter_that_runs_or_is_to_come_is_refused(quarter: str) -> None:
    with pytest.raises(Invalid) as refused:
        MonitoringRound(round_id(Q1)).open(
            automatic(datetime(2026, 3, 31, 18, 59, 59, tzinfo=UTC)),
            Quarter.parse(quarter),
            entries=0,
            first=FIRST,
        )
    assert refused.value.code == "quarter_not_over"
    assert refused.value.pointer == "/quarter"


def test_a_round_closes_only_when_none_of_its_cases_is_under_way() -> None:
    opened = MonitoringRound(round_id(Q1))
    opened.open(automatic(APRIL), Q1, entries=3, first=FIRST)
    with pytest.raises(Conflict, match="round_under_way"):
        opened.close(automatic(APRIL), Tally(conforming=2, under_way=1))
    opened.close(automatic(APRIL), Tally(conforming=2, excluded=1))
    assert decided(opened) == [MonitoringRoundOpened, MonitoringRoundClosed]
    with pytest.raises(Conflict, match="round_closed"):
        opened.close(automatic(APRIL), Tally())


def test_a_quarter_has_one_round() -> None:
    assert round_id(Q1) == round_id(Quarter(2026, 1)) != round_id(Q1.next)


@pytest.mark.parametrize(("quarter", "first"), [("2025-Q4", FIRST), ("2020-Q1", FIRST), ("2026-Q1", None)])
def test_a_quarter_over_before_the_first_inclusion_has_no_round_order_327_para_29(
    quarter: str, first: date | None
) -> None:
    """Such a round would tell for ever of a monitoring that no one carried out; mostly it is a slip."""
    with pytest.raises(Invalid) as refused:
        MonitoringRound(round_id(Q1)).open(automatic(APRIL), Quarter.parse(quarter), entries=0, first=first)
    assert (refused.value.code, refused.value.pointer) == ("quarter_before_register", "/quarter")


def test_a_quarter_at_whose_end_all_were_excluded_has_its_round_without_cases() -> None:
    opened = MonitoringRound(round_id(Q1))
    opened.open(automatic(APRIL), Q1, entries=0, first=FIRST)
    opened.close(automatic(APRIL), Tally())
    assert decided(opened) == [MonitoringRoundOpened, MonitoringRoundClosed]
