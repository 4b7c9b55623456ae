"""The journal's promises: contiguous, once, append-only, all or nothing, and the same after a replay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from eventsourcing import persistence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.clock import FixedClock
from services.kernel.errors import Conflict, DomainError, Invalid, NotFound, Unavailable
from services.kernel.journal.events import Event, Header, from_microseconds, new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.kernel.journal.units import AnswerKey, CursorStep, Recorded, Unit
from tests.kernel.journal.ledger import (
    FOLLOWING,
    LEDGERS,
    NOON,
    TABLES,
    Ledger,
    act,
    ledger_journal,
    open_ledger,
    write_line,
)


@pytest.fixture
def journal(database_url: str) -> Iterator[Journal]:
    with ledger_journal(database_url) as opened:
        yield opened


def opened(journal: Journal, owner: str = "owner") -> UUID:
    stream = new_stream_id()
    journal.transact(lambda work: open_ledger(work, stream, owner))
    return stream


def key(text: str = "k1", digest: str = "d1") -> AnswerKey:
    return AnswerKey("principal", "POST /v1/ledgers", text, digest, 201)


def positions(journal: Journal) -> list[int]:
    return [row.position for row in journal.after(0, 100_000)]


def test_positions_are_contiguous_from_one(journal: Journal) -> None:
    stream = opened(journal)
    for text in "abc":
        journal.transact(lambda work, text=text: write_line(work, stream, text))  # type: ignore[misc]
    assert positions(journal) == [1, 2, 3, 4]


def test_recorded_instants_strictly_increase_even_when_the_clock_stands(journal: Journal) -> None:
    stream = opened(journal)
    journal.transact(lambda work: write_line(work, stream, "a"))
    first, second = journal.after(0, 10)
    assert second.recorded_at == first.recorded_at + 1
    assert journal.position_at(from_microseconds(first.recorded_at)) == 1


def test_recorded_instants_increase_when_the_clock_goes_back(database_url: str) -> None:
    clock = FixedClock(NOON)
    with ledger_journal(database_url, clock) as journal:
        opened(journal, "first")
        clock.advance(-timedelta(days=1))
        opened(journal, "second")
        first, second = journal.after(0, 10)
        assert second.recorded_at > first.recorded_at


def test_the_record_names_its_recorded_instant_and_number(journal: Journal) -> None:
    opened(journal)
    (row,) = journal.after(0, 10)
    header = msgspec.json.decode(row.record, type=Header)
    assert header.time == "2026-03-02T07:00:00.000000Z"
    assert b'"number":"0000000001"' in row.record


def test_numbers_have_no_gaps_when_a_unit_fails(journal: Journal) -> None:
    opened(journal, "taken")
    with pytest.raises(Conflict):
        opened(journal, "taken")
    stream = opened(journal, "free")
    assert journal.load(Ledger, stream).owner == "free"
    assert b'"number":"0000000002"' in journal.after(1, 1)[0].record


def test_the_aggregate_learns_the_number_that_recording_gave_it(journal: Journal) -> None:
    outcome = journal.transact(lambda work: open_ledger(work, new_stream_id(), "owner"))
    assert outcome.result is not None
    assert outcome.result.number == "0000000001"


def test_a_set_rule_in_a_read_model_refuses_the_whole_unit(journal: Journal) -> None:
    opened(journal, "same")
    with pytest.raises(Conflict, match="changed_meanwhile"):
        opened(journal, "same")
    assert positions(journal) == [1]


def test_one_of_two_writers_of_the_same_version_wins(journal: Journal) -> None:
    stream = opened(journal)
    stale = journal.load(Ledger, stream)
    journal.transact(lambda work: write_line(work, stream, "first"))

    def on_the_stale_one(work: Work) -> None:
        stale.write(act(), "second")
        work.save(stale)

    with pytest.raises(Conflict, match="changed_meanwhile"):
        journal.transact(on_the_stale_one, attempts=1)
    assert journal.load(Ledger, stream).lines == 1


def test_a_known_key_gives_the_first_answer_again(journal: Journal) -> None:
    stream = opened(journal)
    first = journal.transact(lambda work: write_line(work, stream, "once"), answer=key())
    again = journal.transact(lambda work: write_line(work, stream, "once"), answer=key())
    assert first.committed is not None
    assert again.replayed is not None
    assert (again.replayed.position, again.replayed.stream_version) == (first.committed.position, 2)
    assert journal.load(Ledger, stream).lines == 1


def test_a_known_key_answers_even_when_the_command_would_now_be_refused(journal: Journal) -> None:
    stream = opened(journal)
    journal.transact(lambda work: write_line(work, stream, "x"), answer=key())

    def refused(_work: Work) -> None:
        raise Conflict("ledger_full")

    assert journal.transact(refused, answer=key()).replayed is not None


def test_a_key_with_another_body_is_refused(journal: Journal) -> None:
    stream = opened(journal)
    journal.transact(lambda work: write_line(work, stream, "x"), answer=key())
    with pytest.raises(Invalid, match="idempotency_key_reused"):
        journal.transact(lambda work: write_line(work, stream, "y"), answer=key(digest="other"))
    assert journal.load(Ledger, stream).lines == 1


def test_a_refused_command_stores_neither_event_nor_key(journal: Journal) -> None:
    stream = opened(journal)

    def refused(work: Work) -> None:
        write_line(work, stream, "never")
        raise Conflict("ledger_full")

    with pytest.raises(Conflict):
        journal.transact(refused, answer=key())
    assert journal.stored_answer(key()) is None
    assert positions(journal) == [1]


def test_a_failing_write_takes_the_events_with_it(journal: Journal) -> None:
    def failing(work: Work) -> None:
        open_ledger(work, new_stream_id(), "owner")

        def broken(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
            connection.execute(sa.text("SELECT no_such_column"))

        work.write(broken)

    with pytest.raises((persistence.PersistenceError, Unavailable)):
        journal.transact(failing)
    assert positions(journal) == []
    with journal.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(LEDGERS)) == 0


def test_a_stream_of_another_kind_is_not_found(journal: Journal) -> None:
    class Other(Ledger):
        born_of: ClassVar[tuple[type[Event], ...]] = ()

    stream = opened(journal)
    with pytest.raises(NotFound, match="other_unknown"):
        journal.load(Other, stream)
    with pytest.raises(NotFound, match="ledger_unknown"):
        journal.load(Ledger, new_stream_id())


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET type = 'x'", "DELETE FROM events", "the dialect's own way round a trigger"],
)
def test_the_database_itself_refuses_to_change_the_past(journal: Journal, statement: str) -> None:
    opened(journal)
    before = journal.after(0, 10)
    if statement.startswith("the dialect"):
        own = ("INSERT OR REPLACE INTO events SELECT * FROM events", "TRUNCATE events")
        statement = own[journal.database.is_postgresql]
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), journal.database.write() as connection:
        connection.exec_driver_sql(statement)
    assert journal.after(0, 10) == before


def test_a_step_moves_only_from_where_it_was_read(journal: Journal) -> None:
    with journal.database.write() as connection:
        connection.execute(sa.insert(FOLLOWING.cursors).values(upstream="u", position=0))
    journal.recorder.commit(Unit(step=CursorStep("u", 0, 5)))
    with pytest.raises(persistence.IntegrityError):
        journal.recorder.commit(Unit(step=CursorStep("u", 0, 6)))
    with pytest.raises(persistence.IntegrityError):
        journal.recorder.commit(Unit(step=CursorStep("u", 4, 6)))


def test_a_decision_is_taken_again_when_what_it_relied_on_changed(journal: Journal) -> None:
    first = opened(journal, "first")
    seen: list[int] = []

    def lines_of_first(connection: sa.Connection) -> int:
        query = sa.select(LEDGERS.c.lines).where(LEDGERS.c.id == first)
        return int(connection.execute(query).scalar_one())

    def deciding(work: Work) -> None:
        seen.append(work.rely_on(lines_of_first))
        if len(seen) == 1:  # another unit gets in between the decision and its commit
            journal.transact(lambda other: write_line(other, first, "meanwhile"))
        open_ledger(work, new_stream_id(), f"second-{seen[-1]}")

    journal.transact(deciding)
    assert seen == [0, 1]
    assert positions(journal) == [1, 2, 3]


def test_a_decision_may_change_what_it_relied_on(journal: Journal) -> None:
    first = opened(journal, "first")

    def lines_of_first(connection: sa.Connection) -> int:
        query = sa.select(LEDGERS.c.lines).where(LEDGERS.c.id == first)
        return int(connection.execute(query).scalar_one())

    def deciding(work: Work) -> int:
        seen = work.rely_on(lines_of_first)
        write_line(work, first, f"after-{seen}")
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = sorted(pool.map(lambda _: settled(journal, deciding), range(16)))
    assert seen == list(range(16))


def settled(journal: Journal, decide: Callable[[Work], int]) -> int:
    """Try until no other writer was faster."""
    while True:
        try:
            result = journal.transact(decide).result
        except Conflict:
            continue
        assert result is not None
        return result


def test_a_batch_with_one_bad_unit_commits_the_good_ones(journal: Journal) -> None:
    opened(journal, "taken")
    owners = [f"owner-{number}" if number % 5 else "taken" for number in range(40)]
    barrier = threading.Barrier(8)

    def filing(owner: str) -> bool:
        if barrier.n_waiting < 8 and not barrier.broken:
            try:
                barrier.wait(timeout=1)
            except threading.BrokenBarrierError:
                barrier.abort()
        try:
            opened(journal, owner)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(filing, owners))
    assert done == [owner != "taken" for owner in owners]
    assert positions(journal) == list(range(1, 34))


def test_rebuilding_from_the_journal_gives_the_same_read_model(journal: Journal) -> None:
    streams = [opened(journal, f"owner-{number}") for number in range(5)]
    for stream in streams:
        journal.transact(lambda work, stream=stream: write_line(work, stream, "x"))  # type: ignore[misc]
    query = sa.select(LEDGERS).order_by(LEDGERS.c.owner)
    with journal.database.read() as connection:
        live = connection.execute(query).all()
    with journal.database.write() as connection:
        connection.execute(sa.delete(LEDGERS))
        for page in journal.replay(page=3):
            for projection in journal.projections:
                projection.fold(page, connection)
    with journal.database.read() as connection:
        assert connection.execute(query).all() == live


def test_an_unanswering_store_is_unavailable_and_retryable(database_url: str) -> None:
    with ledger_journal(database_url) as journal:
        broken = sa.exc.OperationalError("statement", {}, Exception("gone"))

        def failing(_work: Work) -> None:
            raise broken

        with pytest.raises(Unavailable, match="store_unavailable"):
            journal.transact(failing)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=2, max_size=6))
def test_any_interleaving_leaves_contiguous_positions_and_one_winner_a_version(
    journal: Journal, plan: list[list[int]]
) -> None:
    """Writers in threads each write lines to three shared ledgers, deciding on versions they saw."""
    start = journal.head()
    streams = [opened(journal, f"{start}-{number}") for number in range(3)]

    def writer(choices: list[int]) -> int:
        won = 0
        for choice in choices:
            try:
                journal.transact(lambda work: write_line(work, streams[choice], "x"), attempts=1)  # noqa: B023
            except DomainError as error:
                if error.code != "changed_meanwhile":
                    raise
            else:
                won += 1
        return won

    with ThreadPoolExecutor(len(plan)) as pool:
        won = sum(pool.map(writer, plan))
    assert positions(journal) == list(range(1, start + 3 + won + 1))
    versions = [row.stream_version for row in journal.after(start, 1_000) if row.stream_id in streams]
    lines = sum(journal.load(Ledger, stream).lines for stream in streams)
    assert lines == won
    assert len(versions) == won + 3
    with journal.database.read() as connection:
        counted = connection.execute(
            sa.select(sa.func.sum(LEDGERS.c.lines)).where(LEDGERS.c.id.in_(streams))
        ).scalar_one()
        per_stream = connection.execute(
            sa.select(TABLES.events.c.stream_id, TABLES.events.c.stream_version)
        ).all()
    assert counted == won
    assert len(per_stream) == len(set(per_stream))


def test_an_instant_after_the_head_waits_for_what_is_being_committed(journal: Journal) -> None:
    """Stamped before the instant, committed after it was asked about: the answer must hold it for ever."""
    stream = opened(journal)
    stamped, commit = threading.Event(), threading.Event()

    def slow(_connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        stamped.set()
        commit.wait(10)

    def decide(work: Work) -> None:
        write_line(work, stream, "late")
        work.write(slow)

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(journal.transact, decide)
        assert stamped.wait(10)
        reading = pool.submit(journal.position_at, NOON + timedelta(hours=1))
        assert not wait([reading], timeout=0.2).done
        commit.set()
        writing.result(10)
        assert reading.result(10) == 2
