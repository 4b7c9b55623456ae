"""One database behind the same verbs in both dialects, and the erasable store beside the journal."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest
import sqlalchemy as sa

from services.kernel.database import Database
from services.kernel.errors import Conflict
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.kernel.readiness import StoreAnswers
from services.kernel.vault import opens, seal
from tests.kernel.journal.ledger import LEDGERS, PERSONAL, ledger_journal, open_ledger

VAULT = PERSONAL


@pytest.fixture
def journal(database_url: str) -> Iterator[Journal]:
    with ledger_journal(database_url) as made:
        yield made


def counted(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(LEDGERS)) or 0)


def opened(journal: Journal, owner: str, subject: str, **personal: str) -> str:
    """A ledger whose event has these personal values; returns the event's id."""

    def decide(work: Work) -> None:
        open_ledger(work, new_stream_id(), owner)
        work.write(VAULT.keeping(0, subject, seal(personal)))

    committed = journal.transact(decide).committed
    assert committed is not None
    return committed.recorded[0].fact.id


def test_a_snapshot_sees_one_moment(journal: Journal) -> None:
    with journal.database.snapshot() as connection:
        assert counted(connection) == 0
        journal.transact(lambda work: open_ledger(work, new_stream_id(), "owner"))
        assert counted(connection) == 0
    with journal.database.read() as connection:
        assert counted(connection) == 1


def taken(database: Database) -> int:
    """How many connections are in use."""
    pool = database.engine.pool
    assert isinstance(pool, sa.QueuePool)
    return pool.checkedout()


def test_reads_together_share_one_connection(journal: Journal) -> None:
    database = journal.database
    with database.reading_together():
        with database.read() as first, database.read() as second:
            assert first is second
        with database.read() as third:
            assert third is first
        assert taken(database) == 1
    assert taken(database) == 0


def test_what_reads_share_is_given_back_before_a_transaction_begins(journal: Journal) -> None:
    """Threads that each held one connection and waited for a second would wait for each other."""
    database = journal.database
    with database.reading_together():
        for begun in (database.write, database.snapshot):
            with database.read() as connection:
                counted(connection)
            with begun():
                assert taken(database) == 1
        with database.read() as connection:
            assert counted(connection) == 0
    assert taken(database) == 0


def test_a_decision_and_its_retry_each_read_what_is_true_then(journal: Journal) -> None:
    seen: list[int] = []

    def decide(work: Work) -> None:
        with work.database.read() as connection:
            seen.append(counted(connection))
        if len(seen) == 1:  # another is quicker
            other = Thread(target=journal.transact, args=(lambda work: open_ledger(work, stream, "one"),))
            other.start()
            other.join()
        open_ledger(work, stream if len(seen) == 1 else new_stream_id(), "two")

    stream = new_stream_id()
    journal.transact(decide)
    assert seen == [0, 1]


def test_a_transaction_that_fails_leaves_nothing(journal: Journal) -> None:
    row = {"id": new_stream_id(), "owner": "o", "lines": 0, "number": ""}

    def twice() -> None:
        with journal.database.write() as connection:
            connection.execute(sa.insert(LEDGERS), row)
            connection.execute(sa.insert(LEDGERS), row)

    with pytest.raises(sa.exc.IntegrityError):
        twice()
    with journal.database.read() as connection:
        assert counted(connection) == 0


def test_sqlite_keeps_what_it_acknowledged(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.read() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    database.close()
    assert found == ["wal", 2, 1]


def test_a_failed_statement_does_not_tell_what_it_was_given(journal: Journal) -> None:
    query = sa.text("SELECT nothing FROM nowhere WHERE bin = :bin")
    with pytest.raises(sa.exc.DBAPIError) as failed, journal.database.read() as connection:
        connection.execute(query, {"bin": "181240006529"})
    assert "181240006529" not in str(failed.value)


def test_a_store_that_is_away_is_told_without_its_address(tmp_path: object) -> None:
    away = Database(f"postgresql+psycopg://nobody:secret@/none?host={tmp_path}")
    assert StoreAnswers(away)() == "the store does not answer"


def test_personal_values_are_found_by_event_and_open_their_commitments(journal: Journal) -> None:
    first = opened(journal, "one", "s1", email="a@example.kz", iin="660427402182")
    second = opened(journal, "two", "s2")
    with journal.database.read() as connection:
        found = VAULT.of_events(connection, [first, second])
    assert {name: value.value for name, value in found[first].items()} == {
        "email": "a@example.kz",
        "iin": "660427402182",
    }
    assert second not in found
    assert not opens("email", found[first]["email"], seal({"email": "a@example.kz"}).commitments["email"])


def test_the_newest_values_of_a_subject_count(journal: Journal) -> None:
    opened(journal, "one", "s1", email="old@example.kz", telephone="1")
    opened(journal, "two", "s1", email="new@example.kz")
    with journal.database.read() as connection:
        found = VAULT.of_subjects(connection, ["s1", "s2"])
    assert found == {"s1": {"email": "new@example.kz", "telephone": "1"}}


def test_personal_values_fall_with_the_fact_they_belong_to(journal: Journal) -> None:
    opened(journal, "taken", "s1", email="a@example.kz")
    with pytest.raises(Conflict):
        opened(journal, "taken", "s2", email="b@example.kz")
    with journal.database.read() as connection:
        assert VAULT.of_subjects(connection, ["s2"]) == {}
