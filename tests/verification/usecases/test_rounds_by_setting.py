"""Monitoring rounds at the quarter's turn (law-86-VII art. 51-2(3); order 327 para. 29)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from services.kernel.calendar import Quarter
from services.verification.background import Background
from services.verification.contract.events import CaseOpened, MonitoringRoundOpened
from services.verification.settings import VerificationSettings
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.open_round import open_round
from services.verification.usecases.open_rounds_due import open_rounds_due
from tests.verification.acting import officer
from tests.verification.authority import Q1, Authority, authority

LAST_OF_MARCH = datetime(2026, 3, 31, 18, 59, 59, tzinfo=UTC)
FIRST_OF_APRIL = datetime(2026, 3, 31, 19, 0, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
NOBODY = "http://127.0.0.1:9"
PATIENCE_SECONDS = 20.0


def rounds(here: Authority) -> list[tuple[str, int]]:
    """The quarters whose rounds were opened, and how many entries each found."""
    return [
        (recorded.fact.data.quarter, recorded.fact.data.entries)
        for page in here.journal.replay()
        for recorded in page
        if isinstance(recorded.fact.data, MonitoringRoundOpened)
    ]


def monitored(here: Authority) -> list[tuple[str | None, str | None]]:
    """Quarter and entry of every monitoring case opened."""
    return [
        (recorded.fact.data.quarter, recorded.fact.data.entry_id)
        for page in here.journal.replay()
        for recorded in page
        if isinstance(recorded.fact.data, CaseOpened) and recorded.fact.data.kind == "monitoring"
    ]


def background(here: Authority, folder: Path, **settings: Any) -> Background:
    """The worker over this authority's journal; its neighbour does not answer."""
    made = VerificationSettings(
        var=folder, register_url=NOBODY, rounds_seconds=0.01, _env_file=None, **settings
    )
    return Background(here.journal, here.practice, made)


def until_monitored(here: Authority, cases: int) -> None:
    """Wait until that many monitoring cases are open; each commit wakes it."""
    while len(monitored(here)) < cases:
        head = here.journal.head()
        if len(monitored(here)) < cases:
            assert here.journal.signal.wait(head, timeout=PATIENCE_SECONDS) > head, "nothing more came"


def test_a_round_opens_with_the_quarters_turn_in_almaty_and_not_before(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        here.include(here.file())
        here.clock.set(LAST_OF_MARCH)
        assert open_rounds_due(here.journal, here.practice) == 0
        here.clock.set(FIRST_OF_APRIL)
        assert open_rounds_due(here.journal, here.practice) == 1
        assert open_rounds_due(here.journal, here.practice) == 0
        assert rounds(here) == [("2026-Q1", 1)]


def test_every_past_quarter_that_had_entries_gets_its_round_when_the_worker_was_away(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        here.include(here.file(), on="2026-03-31")
        here.clock.set(JULY)
        assert open_rounds_due(here.journal, here.practice) == 2
        assert [quarter for quarter, _ in rounds(here)] == ["2026-Q1", "2026-Q2"]


def test_a_quarter_without_entries_gets_no_round_by_itself(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        here.file()
        here.clock.set(JULY)
        assert open_rounds_due(here.journal, here.practice) == 0
        assert rounds(here) == []


def test_the_worker_opens_rounds_by_itself_unless_set_otherwise(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path / "a") as here:
        here.include(here.file())
        here.clock.set(FIRST_OF_APRIL)
        worker = background(here, tmp_path)
        worker.start()
        try:
            until_monitored(here, 1)
        finally:
            worker.stop()
        assert rounds(here) == [("2026-Q1", 1)]


def test_set_otherwise_the_worker_only_carries_on_what_an_officer_opened(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path / "a") as here:
        entry_id = here.include(here.file())
        here.clock.set(JULY)
        second = Quarter.parse("2026-Q2")
        act = officer(at=here.clock.now())
        here.journal.transact(partial(open_round, act=act, quarter=second))
        worker = background(here, tmp_path, rounds_open_themselves=False)
        worker.start()
        try:
            until_monitored(here, 1)
        finally:
            worker.stop()
        assert rounds(here) == [("2026-Q2", 1)]
        assert monitored(here) == [("2026-Q2", entry_id)]


def test_a_worker_killed_between_steps_leaves_a_round_that_the_next_one_finishes(
    database_url: str, tmp_path: Path
) -> None:
    """Each step is one unit of work: after a kill every entry still gets one case, and the round its end."""
    with authority(database_url, tmp_path, "monitoring") as first:
        entries = {first.include(first.file()) for _ in range(3)}
        first.clock.set(FIRST_OF_APRIL)
        assert open_rounds_due(first.journal, first.practice) == 1
        assert carry_on(first.journal, first.practice, Q1, Paces(2)) is not None
        assert len(monitored(first)) == 2
    with authority(database_url, tmp_path, "monitoring") as second:
        second.clock.set(FIRST_OF_APRIL)
        assert open_rounds_due(second.journal, second.practice) == 0
        while carry_on(second.journal, second.practice, Q1, Paces(2)) is not None:
            pass
        assert sorted(monitored(second)) == sorted(("2026-Q1", entry_id) for entry_id in entries)
        assert rounds(second) == [("2026-Q1", 3)]
        assert second.types().count("MonitoringRoundClosed") == 1


def test_a_worker_killed_right_after_opening_leaves_one_round_to_carry_on(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as first:
        first.include(first.file())
        first.clock.set(FIRST_OF_APRIL)
        open_rounds_due(first.journal, first.practice)
    with authority(sqlite_url, tmp_path) as second:
        second.clock.set(FIRST_OF_APRIL)
        assert open_rounds_due(second.journal, second.practice) == 0
        assert carry_on(second.journal, second.practice, Q1, Paces(2)) is not None
        assert len(monitored(second)) == 1


def test_two_workers_at_once_open_one_round(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as one, authority(database_url, tmp_path) as other:
        one.include(one.file())
        for here in (one, other):
            here.clock.set(FIRST_OF_APRIL)
        act = officer(at=FIRST_OF_APRIL)
        for here in (one, other):
            here.journal.transact(partial(open_round, act=act, quarter=Q1))
        assert open_rounds_due(other.journal, other.practice) == 0
        assert rounds(one) == [("2026-Q1", 1)]
