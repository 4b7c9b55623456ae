"""`tizilim simulate`: try a draft rule set on decided cases, against a database and without a server."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from services.commands.registry import Installation, database_of
from services.kernel.calendar import legal_date
from services.kernel.clock import LegalClock
from services.kernel.errors import DomainError
from services.verification.domain.judgement import rule_book
from services.verification.domain.simulation import Looser, SimulationTally
from services.verification.usecases.simulate import held_against, read_draft, read_period, simulate_now


def run(installation: Installation, draft_file: Path, first_day: date, last_day: date) -> int:
    """Print what a draft would change in a period: counts only, nothing is stored. Returns the exit code.

    Raises `ValueError` for a draft that cannot be read or a period that is none.
    """
    try:
        draft = read_draft(draft_file.read_bytes())
        today = legal_date(LegalClock(installation.var / "clock.json").now())
        period = read_period(first_day, last_day, today)
    except OSError as error:
        raise ValueError(f"{draft_file}: {error.strerror}") from error
    except DomainError as error:
        raise ValueError(f"{draft_file}: {error}") from error
    compared_with, looser = held_against(rule_book(), draft.rules)
    database = database_of("verification", installation.var)
    try:
        tally, _differing = simulate_now(database, draft.rules, period, _progress)
    finally:
        database.close()
    print(f"{draft.rules.id} version {draft.rules.version}, digest {draft.digest}")
    print(f"cases {tally.cases}, {period.first_day} to {period.last_day}")
    print(_totals(tally))
    print(_looser(looser, compared_with, tally))
    return 0


def _progress(tally: SimulationTally) -> None:
    if sys.stderr.isatty():
        print(f"\r{tally.cases} cases", end="", file=sys.stderr, flush=True)


def _totals(tally: SimulationTally) -> str:
    lines = [
        f"  would become favourable    {tally.would_conform}",
        f"  would become unfavourable  {tally.would_not_conform}",
        f"  not decidable              {tally.not_decidable}",
        f"  unchanged                  {tally.unchanged}",
        f"  decided without rules      {tally.unjudged}",
    ]
    for name, one in tally.criteria.items():
        lines.append(
            f"  {name}: now met {one.now_met}, now not met {one.now_not_met}, not decidable "
            f"{one.not_decidable}, no longer asked {one.no_longer_asked}, unchanged {one.unchanged}"
        )
    return "\n".join(lines)


def _looser(looser: tuple[Looser, ...], compared_with: str | None, tally: SimulationTally) -> str:
    if compared_with is None:
        return "no rule set would be in force on the day the draft begins"
    if not looser and not tally.would_conform:
        return f"not looser than {compared_with}"
    found = [f"  {one.how} {one.criterion or ''} {one.before} -> {one.after}" for one in looser]
    return "\n".join([f"LOOSER than {compared_with} (for goods art. 51-7(4) forbids it):", *found])
