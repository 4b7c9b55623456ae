"""Whatever order two processes' commands meet in, the journal stays a journal and replay gives the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.units import AnswerKey
from tests.kernel.journal.ledger import LEDGERS, NOON, ledger_journal, open_ledger, write_line

COMMANDS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2)),
    st.tuples(st.just("keyed"), st.integers(0, 2)),
    st.tuples(st.just("open"), st.integers(0, 3)),
    st.tuples(st.just("clock"), st.integers(-3_600, 3_600)),
)


@pytest.fixture
def journals(database_url: str) -> Iterator[list[tuple[Journal, FixedClock]]]:
    """Two processes' journals on one database, each with a clock of its own."""
    clocks = FixedClock(NOON), FixedClock(NOON - timedelta(hours=1))
    with ledger_journal(database_url, clocks[0]) as one, ledger_journal(database_url, clocks[1]) as other:
        yield list(zip((one, other), clocks, strict=True))


def run(journal: Journal, clock: FixedClock, streams: list[UUID], tag: str, command: tuple[str, int]) -> bool:
    """One command; True when it was recorded now, False when another writer or the same key was first."""
    kind, number = command
    if kind == "clock":
        clock.advance(timedelta(seconds=number))
        return False
    key = AnswerKey("p", "write", f"{tag}-{number}", "d", 201) if kind == "keyed" else None
    try:
        if kind == "open":
            outcome = journal.transact(lambda work: open_ledger(work, new_stream_id(), f"{tag}-{number}"))
        else:
            outcome = journal.transact(
                lambda work: write_line(work, streams[number], "x"), answer=key, attempts=1
            )
    except Conflict:
        return False
    return outcome.replayed is None


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.lists(COMMANDS, min_size=1, max_size=6), min_size=2, max_size=5))
def test_any_interleaving_of_two_processes_leaves_one_order_and_one_state(
    journals: list[tuple[Journal, FixedClock]], plan: list[list[tuple[str, int]]]
) -> None:
    journal = journals[0][0]
    start = journal.head()
    streams = [new_stream_id() for _ in range(3)]
    for number, stream in enumerate(streams):
        journal.transact(lambda work, s=stream, n=number: open_ledger(work, s, f"{start}-s{n}"))  # type: ignore[misc]

    def writer(index: int) -> int:
        own, clock = journals[index % 2]
        return sum(run(own, clock, streams, str(start), command) for command in plan[index])

    with ThreadPoolExecutor(len(plan)) as pool:
        done = sum(pool.map(writer, range(len(plan))))
    rows = journal.after(0, 100_000)
    assert [row.position for row in rows] == list(range(1, start + 3 + done + 1))
    assert all(before.recorded_at < after.recorded_at for before, after in pairwise(rows))
    assert max(Counter((row.stream_id, row.stream_version) for row in rows).values()) == 1
    for stream in streams:
        versions = [row.stream_version for row in rows if row.stream_id == stream]
        assert versions == list(range(1, len(versions) + 1))
    assert_replay_equals_state(journal)


def assert_replay_equals_state(journal: Journal) -> None:
    query = sa.select(LEDGERS).order_by(LEDGERS.c.id)
    with journal.database.read() as connection:
        live = connection.execute(query).all()
    with journal.database.write() as connection:
        connection.execute(sa.delete(LEDGERS))
        for page in journal.replay(page=7):
            for projection in journal.projections:
                projection.fold(page, connection)
        assert connection.execute(query).all() == live
