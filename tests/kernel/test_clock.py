"""The legal clock: system time, moved in development by a file that all services share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kernel.clock import (
    FixedClock,
    LegalClock,
    SimulatedClockRefused,
    clear_simulated_clock,
    set_simulated_clock,
)

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
SPRING = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


def test_without_a_file_legal_time_is_system_time(tmp_path: Path) -> None:
    assert LegalClock(tmp_path / "clock.json", system=FixedClock(NOW)).now() == NOW


def test_a_set_clock_runs_on_from_there_for_every_service(tmp_path: Path) -> None:
    file, system = tmp_path / "clock.json", FixedClock(NOW)
    clocks = [LegalClock(file, system=system) for _ in range(2)]
    set_simulated_clock(file, SPRING, system=system)
    assert [clock.now() for clock in clocks] == [SPRING, SPRING]
    system.advance(timedelta(hours=1))
    assert [clock.now() for clock in clocks] == [SPRING + timedelta(hours=1)] * 2
    clear_simulated_clock(file)
    assert [clock.now() for clock in clocks] == [NOW + timedelta(hours=1)] * 2


def test_production_refuses_to_start_on_a_simulated_clock(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    set_simulated_clock(file, SPRING)
    with pytest.raises(SimulatedClockRefused):
        LegalClock(file, production=True)


def test_a_clock_set_while_production_runs_is_not_looked_at(tmp_path: Path) -> None:
    file, system = tmp_path / "clock.json", FixedClock(NOW)
    clock = LegalClock(file, production=True, system=system)
    set_simulated_clock(file, SPRING, system=system)
    assert clock.now() == NOW
