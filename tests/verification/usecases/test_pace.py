"""A long task leaves the machine to the requests between two of its units (order 327 para. 29 at scale)."""

from __future__ import annotations

from services.verification.usecases.pace import REST, TARGET_SECONDS, Pace


class Machine:
    """A machine on which a unit costs something, and each thing in it something more (seconds)."""

    def __init__(self, *, unit: float, thing: float) -> None:
        self.unit, self.thing, self.now = unit, thing, 0.0

    def clock(self) -> float:
        return self.now

    def run(self, size: int) -> int:
        self.now += self.unit + size * self.thing
        return size


def settled(machine: Machine, *, least: int = 10, most: int = 500) -> Pace:
    pace = Pace(least=least, most=most, clock=machine.clock)
    for _ in range(30):
        pace.timed(machine.run)
    return pace


def test_units_grow_until_one_takes_what_it_should() -> None:
    assert 180 <= settled(Machine(unit=0.002, thing=0.00025)).size <= 195


def test_units_stay_within_their_bounds() -> None:
    assert settled(Machine(unit=0.0, thing=0.000_001)).size == 500
    assert settled(Machine(unit=0.2, thing=0.01)).size == 10
    assert settled(Machine(unit=0.2, thing=0.01), least=10, most=3).size == 3


def test_what_every_unit_costs_does_not_starve_the_task_on_a_busy_machine() -> None:
    """Halving the size of units that cost mostly themselves would never bring them to their time."""
    pace = settled(Machine(unit=0.5, thing=0.001), least=100)
    assert pace.size == 100
    assert pace.rest == REST * TARGET_SECONDS


def test_the_rest_is_half_of_what_a_unit_took() -> None:
    machine = Machine(unit=0.02, thing=0.0)
    pace = Pace(least=10, most=10, clock=machine.clock)
    pace.timed(machine.run)
    assert abs(pace.rest - 0.01) < 1e-9


def test_a_unit_that_found_nothing_teaches_nothing() -> None:
    machine = Machine(unit=0.0, thing=0.000_1)
    pace = Pace(least=10, most=500, clock=machine.clock)
    assert pace.timed(lambda _size: 0) == 0
    assert pace.size == 10
