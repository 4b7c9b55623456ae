"""Quarterly monitoring (law-86-VII art. 51-2(3); order 327 para. 29).

Every entry included at the quarter's end, exactly once, whatever is interrupted and whatever becomes known
late.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from services.kernel.calendar import Quarter
from services.kernel.contract import OfficialText
from services.kernel.errors import Invalid, Unavailable
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.kernel.journal.rebuilding import rebuild_read_models
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import Reinstated
from services.verification.contract.events import (
    CaseOpened,
    CaseReopened,
    MonitoringRoundClosed,
    MonitoringRoundOpened,
    MonitoringRoundReopened,
)
from services.verification.domain.case import Case
from services.verification.projections.rounds import RoundRow, find_round
from services.verification.usecases import monitor_round
from services.verification.usecases.conclude_case import (
    OfficersConclusion,
    conclude_by_judgement,
    conclude_case,
)
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.open_round import open_round
from services.verification.usecases.open_rounds_due import open_rounds_due
from services.verification.usecases.practice import Practice
from tests.verification.acting import PRODUCER, REASONS, automatic, officer
from tests.verification.authority import Q1, Authority, authority

APRIL = datetime(2026, 4, 1, 5, 0, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 5, 0, tzinfo=UTC)


def name(number: int) -> OfficialText:
    return OfficialText(kk=f"Өнім {number}", ru=f"Продукт {number}")


def included(here: Authority, count: int, *, on: str | None = None, listed: bool = False) -> list[str]:
    """Entries of one producer, included today or on another day; their ids."""
    package = here.package()
    entries = []
    for number in range(count):
        product = name(number)
        if listed:
            here.list_product(name=product)
        entries.append(here.include(here.file(package, name=product), on))
    return entries


def opened(here: Authority, quarter: Quarter = Q1) -> None:
    here.journal.transact(lambda work: open_round(work, here.practice.own_act(), quarter))


def carried_on(
    here: Authority, quarter: Quarter = Q1, *, most: int = 500, settled: bool = True, steps: int = 1_000
) -> int:
    """Carry a round on until nothing is left, or for some steps; returns how many it took."""
    paces = Paces(most)
    for step in range(steps):
        if carry_on(here.journal, here.practice, quarter, paces, settled=settled) is None:
            return step
    return steps


def row(here: Authority, quarter: Quarter = Q1) -> RoundRow:
    with here.database.read() as connection:
        found = find_round(connection, str(quarter))
    assert found is not None
    return found


def opened_for(here: Authority, quarter: Quarter = Q1) -> Counter[str | None]:
    """How many cases of the quarter's round each entry has, by the journal."""
    facts = [recorded.fact.data for page in here.journal.replay() for recorded in page]
    return Counter(
        fact.entry_id for fact in facts if isinstance(fact, CaseOpened) and fact.quarter == str(quarter)
    )


def facts_of(here: Authority, kind: type) -> list[object]:
    return [r.fact.data for page in here.journal.replay() for r in page if isinstance(r.fact.data, kind)]


def concluded(here: Authority, case: Case, result: str = "conforms") -> None:
    """An officer concludes a case."""
    given = OfficersConclusion(result=result, reasons=REASONS)  # type: ignore[arg-type]  # a test's text
    here.journal.transact(
        lambda work: conclude_case(
            work, here.practice, officer(at=here.clock.now()), work.load(Case, case.id), given
        )
    )


def reinstated(here: Authority, entry_id: str, exclusion: str, *, from_start: bool = True) -> None:
    """An upheld appeal annuls the exclusion from the start, or from its own day."""
    here.follow(
        Reinstated(
            entry_id=entry_id,
            appeal_id=str(new_stream_id()),
            producer=PRODUCER,
            notification_id=str(new_stream_id()),
            annuls_from_start=from_start,
            exclusion_event_id=exclusion,
            reinstated_on="2026-04-01",
            reasons=REASONS,
        )
    )


def corrected(here: Authority, entry_id: str, exclusion: str) -> None:
    """A "conforms" notification corrects the one behind the exclusion."""
    here.follow(
        EntryCorrected(
            entry_id=entry_id,
            producer=PRODUCER,
            corrected_event_id=exclusion,
            notification_id=str(new_stream_id()),
            reasons=REASONS,
        )
    )


@contextmanager
def in_april(url: str, folder: Path, count: int, *steps: str) -> Iterator[tuple[Authority, list[str]]]:
    """The quarter is over, and its round open over `count` entries."""
    with authority(url, folder, *steps) as here:
        entries = included(here, count, listed=bool(steps))
        here.clock.set(APRIL)
        opened(here)
        yield here, entries


def test_every_entry_gets_one_case_and_no_unit_exceeds_its_bound(database_url: str, tmp_path: Path) -> None:
    with in_april(database_url, tmp_path, 7) as (here, entries):
        assert carried_on(here, most=3) == 3
        assert opened_for(here) == Counter(entries)
        cases = here.cases(quarter="2026-Q1")
        assert {case.opened.legal_date for case in cases} == {"2026-03-31"}
        found = row(here)
        assert (found.status, found.entries, found.opened) == ("open", 7, 7)
        assert found.tally.under_way == 7


def test_what_included_at_the_quarters_end_meant_is_recorded(sqlite_url: str, tmp_path: Path) -> None:
    """By the register's journal up to a position: anyone can count again."""
    with in_april(sqlite_url, tmp_path, 2) as (here, _entries):
        (fact,) = facts_of(here, MonitoringRoundOpened)
        assert fact == MonitoringRoundOpened(
            quarter="2026-Q1", entries=2, last_day="2026-03-31", known_to=here.position
        )


def test_only_those_included_at_the_end_of_the_last_day_are_monitored(
    sqlite_url: str, tmp_path: Path
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        inside, before, on_the_day = included(here, 3)
        here.exclude(before, on="2026-03-30")
        here.exclude(on_the_day, on="2026-03-31")
        here.clock.set(APRIL)
        after = here.include(here.file(here.package(), name=name(9)), "2026-04-01")
        opened(here)
        carried_on(here)
        assert opened_for(here) == Counter([inside])
        assert after not in opened_for(here)


def test_an_entry_excluded_since_gets_its_case_and_it_closes_at_once(
    database_url: str, tmp_path: Path
) -> None:
    with in_april(database_url, tmp_path, 2) as (here, (gone, stays)):
        here.exclude(gone)
        carried_on(here)
        closed = {case.opened.entry_id: case.closing_ground for case in here.cases(quarter="2026-Q1")}
        assert closed == {gone: "excluded", stays: None}
        here.exclude(stays)
        carried_on(here)
        assert facts_of(here, MonitoringRoundClosed) == [
            MonitoringRoundClosed(
                quarter="2026-Q1", conforming=0, excluded=0, closed=2, known_to=here.position
            )
        ]


def test_another_process_goes_on_where_one_stopped(database_url: str, tmp_path: Path) -> None:
    with in_april(database_url, tmp_path, 9) as (here, entries):
        carried_on(here, most=2, steps=2)
        assert sum(opened_for(here).values()) == 4
        with authority(database_url, tmp_path) as other:
            other.clock.set(APRIL)
            carried_on(other, most=2)
            assert opened_for(other) == Counter(entries)


def test_two_processes_at_once_open_each_case_once(fresh_postgres: str, tmp_path: Path) -> None:
    with (
        in_april(fresh_postgres, tmp_path, 24) as (here, entries),
        authority(fresh_postgres, tmp_path) as other,
    ):
        other.clock.set(APRIL)
        threads = [
            threading.Thread(target=carried_on, args=(each,), kwargs={"most": 2}) for each in (here, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        carried_on(here)
        assert opened_for(here) == Counter(entries)
        assert row(here).opened == 24


def test_an_inclusion_known_after_the_opening_gets_its_case(database_url: str, tmp_path: Path) -> None:
    with in_april(database_url, tmp_path, 2) as (here, entries):
        carried_on(here)
        late = here.include(here.file(here.package(), name=name(7)), "2026-03-30")
        assert row(here).tally.under_way == 2
        carried_on(here)
        assert opened_for(here) == Counter([*entries, late])
        assert row(here).entries == 2


def test_a_round_closes_only_when_every_case_is_concluded(database_url: str, tmp_path: Path) -> None:
    with in_april(database_url, tmp_path, 3) as (here, _entries):
        carried_on(here)
        first, second, third = here.cases(quarter="2026-Q1")
        concluded(here, first)
        concluded(here, second, "exclude")
        carried_on(here)
        assert row(here).status == "open"
        concluded(here, third)
        carried_on(here, settled=False)
        assert row(here).status == "open"
        carried_on(here)
        found = row(here)
        assert (found.status, found.conforming, found.excluded, found.closed) == ("closed", 2, 1, 0)
        assert found.finished_at is not None


def test_an_inclusion_known_after_the_close_opens_the_round_again(database_url: str, tmp_path: Path) -> None:
    with in_april(database_url, tmp_path, 1) as (here, _entries):
        carried_on(here)
        concluded(here, here.cases(quarter="2026-Q1")[0])
        carried_on(here)
        assert row(here).status == "closed"
        late = here.include(here.file(here.package(), name=name(7)), "2026-03-31")
        (again,) = facts_of(here, MonitoringRoundReopened)
        assert isinstance(again, MonitoringRoundReopened)
        assert (again.quarter, again.entry_id) == ("2026-Q1", late)
        carried_on(here)
        assert row(here).status == "open"
        concluded(here, here.cases(quarter="2026-Q1")[1])
        carried_on(here)
        assert (row(here).status, row(here).conforming) == ("closed", 2)


def test_a_later_inclusion_leaves_closed_rounds_closed(sqlite_url: str, tmp_path: Path) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, _entries):
        carried_on(here)
        concluded(here, here.cases(quarter="2026-Q1")[0])
        carried_on(here)
        here.include(here.file(here.package(), name=name(7)))
        assert row(here).status == "closed"


@pytest.mark.parametrize("way", ["reinstated from the start", "exclusion corrected"])
def test_who_turns_out_to_have_been_included_all_along_is_monitored(
    sqlite_url: str, tmp_path: Path, way: str
) -> None:
    with authority(sqlite_url, tmp_path) as here:
        excluded, stays = included(here, 2)
        exclusion = here.exclude(excluded, on="2026-03-20")
        here.clock.set(APRIL)
        opened(here)
        carried_on(here)
        concluded(here, here.cases(quarter="2026-Q1")[0])
        carried_on(here)
        assert (row(here).status, opened_for(here)) == ("closed", Counter([stays]))
        if way == "exclusion corrected":
            corrected(here, excluded, exclusion)
        else:
            reinstated(here, excluded, exclusion)
        carried_on(here)
        assert opened_for(here) == Counter([stays, excluded])
        assert row(here).status == "open"


def test_a_reinstated_entry_that_has_its_case_gets_no_second(sqlite_url: str, tmp_path: Path) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, (entry,)):
        carried_on(here)
        concluded(here, here.cases(quarter="2026-Q1")[0], "exclude")
        exclusion = here.exclude(entry)
        carried_on(here)
        reinstated(here, entry, exclusion)
        carried_on(here)
        assert opened_for(here) == Counter([entry])
        assert row(here).status == "closed"


def under_way(here: Authority) -> list[str | None]:
    return [case.opened.entry_id for case in here.cases(quarter="2026-Q1") if case.is_under_way]


@pytest.mark.parametrize("way", ["reinstated from the start", "exclusion corrected"])
def test_a_case_that_an_exclusion_closed_goes_on_when_the_exclusion_was_never_made(
    database_url: str, tmp_path: Path, way: str
) -> None:
    """Order 327 para. 29: every entry included at the quarter's end is monitored, here after the close."""
    with in_april(database_url, tmp_path, 2) as (here, (entry, other)):
        carried_on(here)
        concluded(here, here.case_of(f"round:2026-Q1:{other}"))
        exclusion = here.exclude(entry)
        carried_on(here)
        assert (row(here).status, row(here).closed) == ("closed", 1)
        (corrected if way == "exclusion corrected" else reinstated)(here, entry, exclusion)
        (again,) = facts_of(here, CaseReopened)
        assert isinstance(again, CaseReopened)
        assert (again.entry_id, again.quarter) == (entry, "2026-Q1")
        assert (row(here).status, row(here).closed, under_way(here)) == ("open", 0, [entry])
        carried_on(here)
        assert row(here).status == "open"
        concluded(here, here.case_of(f"round:2026-Q1:{entry}"))
        carried_on(here)
        live = row(here)
        assert (live.status, live.conforming, live.closed) == ("closed", 2, 0)
        assert opened_for(here) == Counter([entry, other]), "one case each"
        rebuild_read_models(here.journal)
        assert row(here) == live


def test_a_case_closed_before_it_was_opened_for_work_goes_on_too(sqlite_url: str, tmp_path: Path) -> None:
    """The entry was excluded before the round met it; where monitoring is automatic it is judged at once."""
    with in_april(sqlite_url, tmp_path, 2, "monitoring") as (here, (entry, _other)):
        exclusion = here.exclude(entry)
        carried_on(here)
        assert (row(here).status, row(here).closed) == ("closed", 1)
        reinstated(here, entry, exclusion)
        carried_on(here)
        assert (row(here).status, row(here).conforming, row(here).closed) == ("closed", 2, 0)


def test_a_case_stays_closed_where_something_else_keeps_the_entry_out(
    sqlite_url: str, tmp_path: Path
) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, (entry,)):
        application = here.cases(quarter="2026-Q1") or here.cases(kind="confirmation")
        carried_on(here)
        exclusion = here.exclude(entry)
        here.include(application[0].opened.application_id or "")
        here.exclude(entry)
        reinstated(here, entry, exclusion)
        assert facts_of(here, CaseReopened) == []
        assert under_way(here) == []


def test_a_reinstatement_from_its_own_day_leaves_the_case_closed(sqlite_url: str, tmp_path: Path) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, (entry,)):
        carried_on(here)
        exclusion = here.exclude(entry)
        reinstated(here, entry, exclusion, from_start=False)
        assert facts_of(here, CaseReopened) == []


def test_cases_are_judged_by_themselves_only_where_the_step_is_automatic(
    database_url: str, tmp_path: Path
) -> None:
    with in_april(database_url, tmp_path, 5, "monitoring") as (here, entries):
        here.exclude(entries[0])
        carried_on(here, most=2)
        found = row(here)
        assert (found.status, found.conforming, found.closed) == ("closed", 4, 1)
        assert Counter(n.entry_id for n in here.notifications()) == Counter(entries[1:])


def test_a_case_with_an_obstacle_waits_for_an_officer_and_is_not_tried_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Before the order of 28.11.2025 no rule set was in force."""
    with authority(sqlite_url, tmp_path, "monitoring") as here:
        (entry,) = included(here, 1, on="2025-12-01")
        here.clock.set(APRIL)
        opened(here, Quarter.parse("2025-Q4"))
        carried_on(here, Quarter.parse("2025-Q4"))
        (case,) = here.cases(quarter="2025-Q4")
        assert (case.status, case.opened.entry_id) == ("open", entry)
        assert carried_on(here, Quarter.parse("2025-Q4")) == 0


def _failing_for(entry_id: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def judging(work: Work, practice: Practice, act: Act, case: Case) -> bool:
        if case.opened.entry_id == entry_id:
            raise error
        return conclude_by_judgement(work, practice, act, case)

    monkeypatch.setattr(monitor_round, "conclude_by_judgement", judging)


def test_a_case_that_cannot_be_judged_waits_for_an_officer_and_stops_no_other(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Art. 51-2(3): every entry is monitored, whatever is wrong with one."""
    with in_april(database_url, tmp_path, 3, "monitoring") as (here, entries):
        _failing_for(entries[0], ZeroDivisionError("a report nobody foresaw"), monkeypatch)
        carried_on(here, most=2)
        left = [case for case in here.cases(quarter="2026-Q1") if case.status == "open"]
        assert [case.opened.entry_id for case in left] == [entries[0]]
        assert (row(here).status, row(here).conforming) == ("open", 2)
        assert [vars(line)["case_id"] for line in caplog.records if "judged" in line.message] == [
            str(left[0].id)
        ]
        concluded(here, left[0])
        carried_on(here)
        assert row(here).status == "closed"


def test_a_store_that_cannot_answer_leaves_the_judging_for_later(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_april(sqlite_url, tmp_path, 2, "monitoring") as (here, entries):
        with monkeypatch.context() as broken:
            _failing_for(entries[1], Unavailable("document_store_unavailable"), broken)
            with pytest.raises(Unavailable):
                carried_on(here)
            assert row(here).conforming == 0
        carried_on(here)
        assert (row(here).status, row(here).conforming) == ("closed", 2)


def test_the_counts_are_those_of_the_cases_corrections_included(database_url: str, tmp_path: Path) -> None:
    from services.verification.usecases.correct_exclusion import correct_exclusion

    with in_april(database_url, tmp_path, 4) as (here, entries):
        carried_on(here)
        first, second, third, _fourth = here.cases(quarter="2026-Q1")
        concluded(here, first)
        concluded(here, second, "exclude")
        concluded(here, third, "exclude")
        here.journal.transact(
            lambda work: correct_exclusion(
                work, here.practice, officer(), work.load(Case, second.id), REASONS
            )
        )
        here.exclude(entries[3])
        live = row(here)
        assert (live.conforming, live.excluded, live.closed) == (2, 1, 1)
        assert live.tally.under_way == 0
        rebuild_read_models(here.journal)
        assert row(here) == live


def test_rounds_open_by_themselves_for_each_past_quarter_with_entries(
    database_url: str, tmp_path: Path
) -> None:
    """Art. 51-2(3): once a quarter, also for quarters during which nothing ran."""
    with authority(database_url, tmp_path) as here:
        assert open_rounds_due(here.journal, here.practice) == 0
        (entry,) = included(here, 1)
        assert open_rounds_due(here.journal, here.practice) == 0
        here.clock.set(JULY)
        assert open_rounds_due(here.journal, here.practice) == 2
        assert open_rounds_due(here.journal, here.practice) == 0
        here.exclude(entry)
        here.clock.set(datetime(2026, 10, 1, 5, 0, tzinfo=UTC))
        assert open_rounds_due(here.journal, here.practice) == 0


def test_asked_again_the_same_round_answers(sqlite_url: str, tmp_path: Path) -> None:
    with in_april(sqlite_url, tmp_path, 1) as (here, _entries):
        outcome = here.journal.transact(lambda work: open_round(work, automatic(APRIL), Q1)).result
        assert outcome is not None
        assert outcome[1] is False
        assert UUID(str(outcome[0].id)) == row(here).round_id


def test_an_officer_cannot_open_a_quarter_of_before_the_register(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        included(here, 1)
        here.clock.set(APRIL)
        before = here.types()
        with pytest.raises(Invalid, match="quarter_before_register"):
            opened(here, Quarter(2020, 1))
        assert here.types() == before
        opened(here)
        assert row(here).status == "open"
