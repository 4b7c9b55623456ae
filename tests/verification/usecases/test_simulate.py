"""Simulations as durable jobs: each case counted once whatever is killed, nothing touched, one at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid, NotFound
from services.kernel.journal.events import from_microseconds, new_stream_id
from services.kernel.journal.journal import Work
from services.kernel.journal.rebuilding import rebuild_read_models
from services.verification.domain.case import Case
from services.verification.projections.judged_cases import JUDGED_CASES, Period, count_decided_in
from services.verification.projections.simulations import (
    SIMULATION_DIFFERENCES,
    SIMULATIONS,
    Simulation,
    advance,
    differences_of,
    find_simulation,
    next_simulation,
)
from services.verification.usecases import simulate
from services.verification.usecases.check_criterion import check_criterion
from services.verification.usecases.conclude_case import OfficersConclusion, conclude_case
from services.verification.usecases.purge_simulations import purge_simulations
from services.verification.usecases.simulate import (
    cancel,
    carry_on_simulation,
    request_simulation,
    simulate_now,
)
from tests.verification.acting import REASONS, officer
from tests.verification.authority import Authority, authority, report
from tests.verification.drafts import content, read, with_threshold
from tests.verification.officers import A, conclude, done, filed

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 2)
STRICTER = with_threshold("localisation_share", "minimum", "90")
SHARES = ("5.00", "10.00", "15.00", "25.00")


def name(number: int) -> OfficialText:
    return OfficialText(kk=f"Өнім {number}", ru=f"Продукт {number}")


def decided(here: Authority) -> None:
    """Four cases with shares of 95, 90, 85 and 75 per cent: three confirmed, the last refused."""
    for number, foreign in enumerate(SHARES):
        here.list_product(name=name(number))
        here.file(here.package(report(foreign)), name=name(number))


def request(here: Authority, draft: dict[str, Any], first: date = FIRST, last: date = LAST) -> Simulation:
    book = here.practice.rule_book
    return request_simulation(here.database, here.clock, book, json.dumps(draft).encode(), (first, last))[0]


def finished(here: Authority, draft: dict[str, Any]) -> Simulation:
    asked = request(here, draft)
    while carry_on_simulation(here.database, here.clock):
        pass
    return found(here, asked)


def found(here: Authority, asked: Simulation) -> Simulation:
    with here.database.read() as connection:
        simulation = find_simulation(connection, asked.simulation_id)
    assert simulation is not None
    return simulation


def rows(here: Authority, asked: Simulation) -> list[dict[str, Any]]:
    with here.database.read() as connection:
        return [dict(row) for row in differences_of(connection, asked.simulation_id, after=0, limit=500)]


def stored(here: Authority) -> tuple[int, int]:
    with here.database.read() as connection:
        return (
            connection.execute(sa.select(sa.func.count()).select_from(SIMULATIONS)).scalar_one(),
            connection.execute(sa.select(sa.func.count()).select_from(SIMULATION_DIFFERENCES)).scalar_one(),
        )


def test_a_stricter_draft_tells_which_decisions_would_differ_and_for_whom(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        head, cases = here.journal.head(), here.types()
        simulation = finished(here, STRICTER)
        tally = simulation.tally
        assert (simulation.status, simulation.cases_found, tally.cases) == ("done", 4, 4)
        assert (tally.unchanged, tally.would_not_conform, tally.would_conform) == (3, 1, 0)
        assert tally.criteria["localisation_share"].now_not_met == 1
        assert (simulation.looser, simulation.compared_with) == ((), "software-confirmation-2026@1")
        (row,) = rows(here, simulation)
        assert (row["product_name_ru"], row["result"], row["conforms"]) == ("Продукт 2", "confirmed", False)
        assert [change.criterion for change in row["changes"]] == ["localisation_share"]
        assert (here.journal.head(), here.types()) == (head, cases), "a simulation touches no case"


def test_the_rule_set_in_force_gives_no_difference(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        simulation = finished(here, content())
        assert (simulation.tally.unchanged, simulation.differences, rows(here, simulation)) == (4, 0, [])


def test_a_looser_draft_is_flagged(sqlite_url: str, tmp_path: Path) -> None:
    """Law 86-VII art. 51-7(4)."""
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        decided(here)
        simulation = finished(here, with_threshold("localisation_share", "minimum", "75"))
        assert [one.how for one in simulation.looser] == ["minimum_lowered"]
        assert simulation.tally.would_conform == 1


def test_only_cases_of_the_period_are_tried(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        decided(here)
        request(here, STRICTER, last=date(2026, 3, 1))
        while carry_on_simulation(here.database, here.clock):
            pass
        assert request(here, STRICTER, last=date(2026, 3, 1)).cases_found == 0


def test_open_cases_are_not_tried_and_a_departure_is_told(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        here.list_product()
        case = here.case_of(f"application:{here.file(here.package(report('15.00')))}")
        assert finished(here, STRICTER).tally.cases == 0
        refused = OfficersConclusion("refused", REASONS)
        here.journal.transact(lambda work: conclude_case(work, here.practice, officer(), case, refused))
        simulation = finished(here, STRICTER)
        (row,) = rows(here, simulation)
        assert (row["result"], row["departs"], row["conforms"]) == ("refused", True, False)


def test_each_step_goes_on_where_the_last_committed_one_ended(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "STEP", 2)
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        asked = request(here, with_threshold("localisation_share", "minimum", "99"))
        carry_on_simulation(here.database, here.clock)
        half = found(here, asked)
        assert (half.status, half.tally.cases, half.differences) == ("running", 2, 2)
        while carry_on_simulation(here.database, here.clock):
            pass
        whole = found(here, asked)
        assert (whole.status, whole.tally.cases, whole.differences) == ("done", 4, 3)
        assert [row["number"] for row in rows(here, asked)] == [1, 2, 3]


def test_a_step_taken_twice_counts_once(database_url: str, tmp_path: Path) -> None:
    """Two processes that both believe they are elected."""
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        asked = request(here, STRICTER)
        with here.database.read() as connection:
            stale = next_simulation(connection)
        assert stale is not None
        while carry_on_simulation(here.database, here.clock):
            pass
        with here.database.write() as connection:
            assert not advance(connection, stale, stale, [])
        assert found(here, asked).tally.cases == 4


def test_a_cancelled_simulation_stays_as_it_was(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "STEP", 2)
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        asked = request(here, STRICTER)
        carry_on_simulation(here.database, here.clock)
        assert cancel(here.database, here.clock, asked.simulation_id).status == "cancelled"
        assert cancel(here.database, here.clock, asked.simulation_id).status == "cancelled"
        assert not carry_on_simulation(here.database, here.clock)
        assert found(here, asked).tally.cases == 2


def test_what_is_done_cannot_be_cancelled(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        asked = finished(here, STRICTER)
        with pytest.raises(Conflict, match="simulation_finished"):
            cancel(here.database, here.clock, asked.simulation_id)
        with pytest.raises(NotFound, match="simulation_unknown"):
            cancel(here.database, here.clock, new_stream_id())


def test_a_simulation_that_ended_long_ago_is_deleted_in_bounded_steps(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        old = finished(here, with_threshold("localisation_share", "minimum", "99"))
        count = len(rows(here, old))
        assert count
        running = request(here, STRICTER)
        before = stored(here)
        at = from_microseconds(found(here, old).finished_at or 0)
        year = timedelta(days=365)
        assert purge_simulations(here.database, kept=year, now=at + year) == 0
        later = at + year + timedelta(seconds=1)
        steps = 0
        while purge_simulations(here.database, kept=year, now=later, batch=1):
            steps += 1
        assert steps == count + 1
        assert stored(here) == (before[0] - 1, before[1] - count)
        assert found(here, running).status == "queued", "what is under way stays"


def test_the_same_question_while_under_way_is_one_simulation(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        assert request(here, STRICTER).simulation_id == request(here, STRICTER).simulation_id
        assert stored(here) == (1, 0)


def test_too_many_at_once_are_refused(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        for number in range(simulate.MOST_UNDER_WAY):
            request(here, with_threshold("localisation_share", "minimum", str(number)))
        with pytest.raises(Conflict, match="simulations_exhausted"):
            request(here, STRICTER)


def overridden(here: Authority, foreign: str, criterion: str) -> Case:
    """A case confirmed with one criterion overridden by an officer."""
    here.list_product()
    case = filed(here, here.package(report(foreign)))

    def override(work: Work, found: Case) -> Case:
        return check_criterion(work, here.practice, officer(A), found, criterion, "overridden", REASONS)

    done(here, case.id, override)
    return conclude(here, case, "confirmed", A)


def test_a_draft_is_compared_with_what_the_rules_said_and_not_with_an_officers_override(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        case = overridden(here, "25.00", "localisation_share")
        assert case.conclusion is not None
        assert case.conclusion.judgement is not None
        assert case.conclusion.judgement.conforms
        in_force = finished(here, content())
        assert (in_force.tally.unchanged, in_force.tally.would_not_conform, rows(here, in_force)) == (
            1,
            0,
            [],
        )
        looser = finished(here, with_threshold("localisation_share", "minimum", "70"))
        assert (looser.tally.would_conform, looser.tally.would_not_conform) == (1, 0)
        (row,) = rows(here, looser)
        assert (row["overridden"], row["departs"], row["result"]) == (
            ["localisation_share"],
            False,
            "confirmed",
        )
        assert [(one.before, one.after) for one in row["changes"]] == [("not_met", "met")]


def test_a_row_without_an_override_names_none(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        decided(here)
        simulated = finished(here, STRICTER)
        assert [row["overridden"] for row in rows(here, simulated)] == [[]]


@pytest.mark.parametrize(
    ("draft", "first", "last", "code"),
    [
        (STRICTER, LAST, FIRST, "period_backwards"),
        (STRICTER, FIRST, date(2026, 3, 3), "day_in_future"),
        (content(surprise=1), FIRST, LAST, "draft_refused"),
        (content("own-production-2019"), FIRST, LAST, "draft_kind_not_judged"),
    ],
)
def test_a_bad_question_is_refused_and_nothing_stored(
    sqlite_url: str, tmp_path: Path, draft: dict[str, Any], first: date, last: date, code: str
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        with pytest.raises(Invalid, match=code):
            request(here, draft, first, last)
        assert stored(here) == (0, 0)


def test_judged_cases_are_folded_again_from_the_journal(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        with here.database.read() as connection:
            query = sa.select(JUDGED_CASES).order_by(JUDGED_CASES.c.case_id)
            live = [tuple(row) for row in connection.execute(query)]
        rebuild_read_models(here.journal)
        with here.database.read() as connection:
            assert [tuple(row) for row in connection.execute(query)] == live


def test_simulating_without_a_server_finds_the_same_and_stores_nothing(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        told: list[int] = []
        tally, differing = simulate_now(
            here.database,
            read(STRICTER).rules,
            Period(FIRST.isoformat(), LAST.isoformat()),
            lambda so_far: told.append(so_far.cases),
        )
        assert stored(here) == (0, 0)
        assert (tally.would_not_conform, [one.case.product_name_ru for one in differing], told) == (
            1,
            ["Продукт 2"],
            [4],
        )
        assert tally == finished(here, STRICTER).tally


RUNNER = """
import sys
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.verification.usecases import simulate
simulate.STEP = 1
database = Database(sys.argv[1])
while simulate.carry_on_simulation(database, SystemClock()):
    print("step", flush=True)
    if sys.argv[2] == "slowly":
        sys.stdin.readline()
"""


def runner(url: str, pace: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, url, pace],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def test_a_killed_simulation_is_resumed_and_counts_every_case_once(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        asked = request(here, STRICTER)
        with runner(database_url, "slowly") as first:
            assert first.stdout is not None
            assert first.stdout.readline() == "step\n"
            first.send_signal(signal.SIGKILL)
            first.wait()
        assert found(here, asked).status == "running"
        with runner(database_url, "at once") as second:
            second.communicate(timeout=60)
        whole = found(here, asked)
        assert (whole.status, whole.tally.cases, whole.differences) == ("done", 4, 1)
        assert len(rows(here, asked)) == 1


def test_a_period_counts_its_decided_cases(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        decided(here)
        with here.database.read() as connection:
            assert count_decided_in(connection, Period("2026-03-02", "2026-03-02")) == 4
            assert count_decided_in(connection, Period("2026-03-03", "2026-03-31")) == 0
