"""Two times: rows are closed, never changed, and say what brute-force replay says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.contract import CourtRuling, OfficialText
from services.kernel.journal.events import microseconds
from services.kernel.journal.units import Recorded
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.domain.entry_state import EntryState, folded
from services.register.domain.timeline import annulled
from services.register.projections.applications import of_product
from services.register.projections.entries import ENTRIES, find
from services.register.projections.moments import Moment, find_at
from services.register.projections.periods import PERIODS, covers, had_begun
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from tests.register.desk import RECTIFIED, Desk, open_desk
from tests.register.given import AUTOMATIC, BIN, NOON

COURT = 12
RULING = CourtRuling(
    court=OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны"), number="1", ruled_on="2026-03-02"
)


def status_by_replay(facts: Sequence[Recorded], valid_at: int, known_at: int) -> str | None:
    """What ARCHITECTURE says: leave out the corrected, fold the rest by (effective_at, position)."""
    known = [recorded for recorded in facts if recorded.position <= known_at]
    left_out = annulled(recorded.fact for recorded in known)
    counting = [
        recorded
        for recorded in known
        if recorded.fact.id not in left_out and microseconds(recorded.fact.effective_at) <= valid_at
    ]
    state = folded(
        recorded.fact for recorded in sorted(counting, key=lambda r: (r.fact.effective_at, r.position))
    )
    return None if state is None else state.status


def status_by_periods(desk: Desk, entry_id: UUID, valid_at: int, known_at: int) -> str | None:
    with desk.journal.database.read() as connection:
        in_force, begun = connection.execute(
            sa.select(
                covers(ENTRIES.c.entry_id, valid_at, known_at),
                had_begun(ENTRIES.c.entry_id, valid_at, known_at),
            ).where(ENTRIES.c.entry_id == entry_id)
        ).one()
    return "included" if in_force else ("excluded" if begun else None)


def all_moments_agree(desk: Desk, entry_id: UUID) -> None:
    facts = desk.journal.facts_of(entry_id)
    instants = {microseconds(recorded.fact.effective_at) for recorded in facts}
    for known_at in range(desk.journal.head() + 1):
        for instant in instants:
            for valid_at in (instant - 1, instant, instant + 1):
                expected = status_by_replay(facts, valid_at, known_at)
                assert status_by_periods(desk, entry_id, valid_at, known_at) == expected


def step(desk: Desk, entry: Entry, choice: int) -> None:
    """One thing that can happen to an entry in the state it is in."""
    entry = desk.journal.load(Entry, entry.id)
    state = entry.state
    if choice >= COURT:
        return ruled(desk, entry, choice)
    pending = next((a for a in state.appeals if a.outcome == "pending"), None)
    if pending is not None and choice % 4:
        result, from_start = [("upheld", False), ("upheld", True), ("dismissed", False)][choice % 4 - 1]
        desk.notify("appeal", result, entry, appeal_id=pending.appeal_id, annuls_from_start=from_start)
    elif entry.is_included:
        desk.notify("monitoring", "exclude" if choice % 3 else "conforms", entry)
    elif choice % 3 == 0:
        desk.file(follows=state.included.application_id, rectified=RECTIFIED)
        confirmed(desk, entry)
    elif choice % 3 == 1 and state.exclusion is not None and state.appeal_of(state.exclusion) is None:
        command = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
        file_appeal(desk.journal, command, desk.act("producer"))
    else:
        wrong = state.exclusion.notification_id if state.exclusion else None
        desk.notify("monitoring", "conforms", entry, corrects=wrong)
    return None


def ruled(desk: Desk, entry: Entry, choice: int) -> None:
    """A court undoes one of the exclusions that still count, the present or an earlier one."""
    standing = [x.notification_id for x in entry.state.exclusions if not x.undone]
    if standing:
        desk.notify(
            "monitoring",
            "conforms",
            entry,
            corrects=standing[choice % len(standing)],
            court_ruling=RULING,
            annuls_from_start=choice % 3 != 0,
        )


def confirmed(desk: Desk, entry: Entry) -> None:
    with desk.journal.database.read() as connection:
        (pending,) = of_product(connection, entry.id, "filed")
    desk.notify("confirmation", "confirmed", desk.journal.load(Application, pending))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=st.lists(st.tuples(st.integers(0, 17), st.integers(0, 40)), min_size=1, max_size=9))
def test_the_periods_say_what_replay_says_at_any_two_times(plan: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder, open_desk(f"sqlite:///{folder}/register.db", AUTOMATIC) as desk:
        entry = desk.include()
        for choice, hours in plan:
            desk.later(hours=hours)
            step(desk, entry, choice)
        all_moments_agree(desk, entry.id)
        present_reads_as_at_now(desk, entry.id)


def test_what_was_known_stays_known_when_an_appeal_annuls_from_the_start(automatic: Desk) -> None:
    entry = automatic.include()
    automatic.on("2026-04-01")
    automatic.exclude(entry)
    known_as_excluded = automatic.journal.head()
    command = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
    file_appeal(automatic.journal, command, automatic.act("producer"))
    automatic.on("2026-05-04")
    appeal = automatic.journal.load(Entry, entry.id).state.appeals[0]
    automatic.notify("appeal", "upheld", entry, appeal_id=appeal.appeal_id, annuls_from_start=True)
    between = microseconds(NOON + timedelta(days=45))
    assert status_by_periods(automatic, entry.id, between, known_as_excluded) == "excluded"
    assert status_by_periods(automatic, entry.id, between, automatic.journal.head()) == "included"


def test_rows_are_closed_and_never_changed(automatic: Desk) -> None:
    entry = automatic.include()
    seen: dict[tuple[Any, ...], tuple[Any, Any]] = {}
    for day, (kind, result) in enumerate(
        [("monitoring", "conforms"), ("monitoring", "exclude"), ("monitoring", "exclude")], start=3
    ):
        for row in automatic.rows(PERIODS):
            key = (row["entry_id"], row["known_from"], row["valid_from"], row["valid_to"])
            before = seen.setdefault(key, (row["valid_to"], row["known_to"]))
            assert before[1] in (None, row["known_to"])
            seen[key] = (row["valid_to"], row["known_to"])
        automatic.on(f"2026-03-{day:02d}")
        automatic.notify(kind, result, entry)
    assert len(automatic.rows(PERIODS)) == 2


def test_an_entry_annulled_from_the_start_reads_at_now_as_it_reads_now(automatic: Desk) -> None:
    """What was left out is told of as undone in both; the reinstatement counts from the exclusion's day."""
    entry = automatic.include()
    automatic.on("2026-04-01")
    automatic.exclude(entry)
    command = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
    file_appeal(automatic.journal, command, automatic.act("producer"))
    automatic.on("2026-05-04")
    appeal = automatic.journal.load(Entry, entry.id).state.appeals[0]
    automatic.notify("appeal", "upheld", entry, appeal_id=appeal.appeal_id, annuls_from_start=True)
    present_reads_as_at_now(automatic, entry.id)
    (then,) = states_at(automatic, entry.id, microseconds(automatic.clock.now()))
    assert (then.status, then.reinstated_on) == ("included", "2026-04-01")
    assert (then.first_included_on, then.included.included_on) == ("2026-03-02", "2026-03-02")
    assert [(exclusion.excluded_on, exclusion.undone) for exclusion in then.exclusions] == [
        ("2026-04-01", True)
    ]
    (between,) = states_at(automatic, entry.id, microseconds(NOON + timedelta(days=45)))
    assert (between.status, between.reinstated_on) == ("included", None)


def states_at(desk: Desk, entry_id: UUID, valid_at: int) -> list[EntryState]:
    with desk.journal.database.read() as connection:
        found = find_at(connection, entry_id, Moment(valid_at, desk.journal.head()))
    return [] if found is None else [found.state]


def present_reads_as_at_now(desk: Desk, entry_id: UUID) -> None:
    """`changed_at` is not shown: it orders decisions, and what is annulled has none."""
    with desk.journal.database.read() as connection:
        now = find(connection, entry_id)
    assert now is not None
    (then,) = states_at(desk, entry_id, microseconds(desk.clock.now() + timedelta(days=3_650)))
    assert msgspec.structs.replace(then, changed_at=now.state.changed_at) == now.state
