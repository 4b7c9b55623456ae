"""What if: queue a draft rule set and a period, carry it on step by step, cancel it; or try it at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from services.kernel.calendar import legal_date
from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.errors import Conflict, Invalid, NotFound
from services.kernel.journal.events import microseconds, new_stream_id
from services.verification.domain.criteria import KNOWN
from services.verification.domain.rule_sets import (
    DatedRuleSet,
    RuleBook,
    RuleSet,
    RuleSetRefused,
    read_rule_set,
)
from services.verification.domain.simulation import Looser, SimulationTally, count, looser_than, try_draft
from services.verification.projections.judged_cases import DecidedCase, Period, count_decided_in, decided_in
from services.verification.projections.simulations import (
    Difference,
    Simulation,
    add_simulation,
    advance,
    cancel_simulation,
    count_under_way,
    find_simulation,
    next_simulation,
    same_under_way,
)

STEP: Final = 1_000
MOST_UNDER_WAY: Final = 20
_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def read_draft(content: bytes) -> DatedRuleSet:
    """A draft in the form of a rule file. Raises `Invalid` (`draft_refused`, `draft_kind_not_judged`)."""
    try:
        draft = read_rule_set(content, KNOWN, "draft")
    except RuleSetRefused as refused:
        reason = str(refused)
        place = _PLACE.search(reason)
        path = place["path"] if place else ""
        pointer = "/draft" + re.sub(r"\.|\[", "/", path).replace("]", "").replace("//", "/")
        raise Invalid("draft_refused", pointer=pointer, reason=reason[:500]) from refused
    if draft.rules.kind != "confirmation":
        raise Invalid("draft_kind_not_judged", pointer="/draft/kind", kind=draft.rules.kind)
    return draft


def read_period(first_day: date, last_day: date, today: date) -> Period:
    """Raises `Invalid` (`period_backwards`, `day_in_future`)."""
    if last_day < first_day:
        raise Invalid("period_backwards", pointer="/period_to", first=str(first_day), last=str(last_day))
    if last_day > today:
        raise Invalid("day_in_future", pointer="/period_to", day=last_day.isoformat())
    return Period(first_day.isoformat(), last_day.isoformat())


def held_against(book: RuleBook, draft: RuleSet) -> tuple[str | None, tuple[Looser, ...]]:
    """The rule set in force on the day the draft would begin (id@version), and where the draft is looser."""
    replaced = book.in_force(draft.kind, draft.in_force_from)
    if replaced is None:
        return None, ()
    rules = replaced.rules
    return f"{rules.id}@{rules.version}", looser_than(draft, rules)


def request_simulation(
    database: Database, clock: Clock, book: RuleBook, content: bytes, days: tuple[date, date]
) -> tuple[Simulation, bool]:
    """Queue a simulation and whether it is new; the same one that is still under way is given again.

    Raises what `read_draft` and `read_period` raise, and `Conflict` (`simulations_exhausted`).
    """
    draft = read_draft(content)
    now = clock.now()
    period = read_period(*days, legal_date(now))
    compared_with, looser = held_against(book, draft.rules)
    with database.write() as connection:
        same = same_under_way(connection, draft.digest, period)
        if same is not None:
            return same, False
        if count_under_way(connection) >= MOST_UNDER_WAY:
            raise Conflict("simulations_exhausted", limit=str(MOST_UNDER_WAY))
        queued = Simulation(
            simulation_id=new_stream_id(),
            status="queued",
            draft=draft.content,
            digest=draft.digest,
            period=period,
            looser=looser,
            compared_with=compared_with,
            requested_at=microseconds(now),
            finished_at=None,
            cases_found=count_decided_in(connection, period),
            differences=0,
            mark=None,
            tally=SimulationTally(),
        )
        add_simulation(connection, queued)
    return queued, True


def cancel(database: Database, clock: Clock, simulation_id: UUID) -> Simulation:
    """Cancel a simulation; what it found stays readable.

    Cancelling again is no error. Raises `NotFound` (`simulation_unknown`) and `Conflict`
    (`simulation_finished`).
    """
    with database.write() as connection:
        changed = cancel_simulation(connection, simulation_id, microseconds(clock.now()))
        found = find_simulation(connection, simulation_id)
    if found is None:
        raise NotFound("simulation_unknown", id=str(simulation_id))
    if not changed and found.status != "cancelled":
        raise Conflict("simulation_finished", state=found.status, allowed="none")
    return found


def carry_on_simulation(database: Database, clock: Clock) -> bool:
    """One step of the oldest simulation under way; False when there is none.

    A step's differences, counts and mark commit together, so one that is killed is simply taken again.
    """
    with database.read() as connection:
        was = next_simulation(connection)
        cases = decided_in(connection, was.period, after=was.mark, limit=STEP) if was else []
    if was is None:
        return False
    became, found = stepped(was, cases, clock)
    with database.write() as connection:
        advance(connection, was, became, found)
    return True


def stepped(was: Simulation, cases: list[DecidedCase], clock: Clock) -> tuple[Simulation, list[Difference]]:
    """The simulation after trying its draft on the next cases, and the decisions that would differ."""
    draft = msgspec.json.decode(was.draft, type=RuleSet)
    found = try_all(draft, cases, was.tally)
    ended = len(cases) < STEP
    return replace(
        was,
        status="done" if ended else "running",
        finished_at=microseconds(clock.now()) if ended else None,
        cases_found=max(was.cases_found, was.tally.cases),
        differences=was.differences + len(found),
        mark=(cases[-1].legal_date, cases[-1].case_id) if cases else was.mark,
    ), found


def try_all(draft: RuleSet, cases: list[DecidedCase], tally: SimulationTally) -> list[Difference]:
    """Try a draft on decided cases, adding to `tally`; the decisions that would differ."""
    found = []
    for case in cases:
        if case.judged is None:
            tally.cases += 1
            tally.unjudged += 1
            continue
        trial = try_draft(case.judged, draft)
        count(tally, case.judged, trial, draft)
        if trial.differs:
            found.append(Difference(case, bool(trial.conforms), trial.changes))
    return found


def simulate_now(
    database: Database, draft: RuleSet, period: Period, told: Callable[[SimulationTally], None]
) -> tuple[SimulationTally, list[Difference]]:
    """Try a draft at once, without storing anything; `told` hears of the progress after each step."""
    tally, mark, differing = SimulationTally(), None, list[Difference]()
    while True:
        with database.read() as connection:
            cases = decided_in(connection, period, after=mark, limit=STEP)
        differing += try_all(draft, cases, tally)
        told(tally)
        if len(cases) < STEP:
            return tally, differing
        mark = (cases[-1].legal_date, cases[-1].case_id)
