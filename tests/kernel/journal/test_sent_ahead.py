"""Statements of one transaction sent before the answers of those before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import psycopg
import pytest
import sqlalchemy as sa

from services.kernel.database import Database, psycopg_connection
from services.kernel.journal.rows import FEW_ROWS, BulkInsert, BulkUpsert, ByKeys, Row, outgoing, sent_ahead
from services.kernel.trouble import STORE_TROUBLE

METADATA = sa.MetaData()
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("note_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=True),
    sa.Column("text", sa.Text, nullable=False),
)
INSERT = BulkInsert(NOTES, plain={"note_id", "kind"})
KEEP = BulkUpsert(NOTES, replace=False)
MANY = FEW_ROWS + 3


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    METADATA.create_all(made.engine)
    yield made
    made.close()


def notes(first: int, count: int = MANY) -> list[Row]:
    return [
        {"note_id": f"n{number}", "kind": "even" if number % 2 == 0 else None, "text": "a, b"}
        for number in range(first, first + count)
    ]


def kept(database: Database) -> list[Row]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(NOTES)).mappings()]


def insert_twice(database: Database) -> None:
    with database.write() as connection, sent_ahead(connection):
        INSERT(connection, notes(0))
        INSERT(connection, notes(0))
        KEEP(connection, notes(MANY))


def insert_and_fail(database: Database) -> None:
    with database.write() as connection, sent_ahead(connection):
        INSERT(connection, notes(0))
        raise ZeroDivisionError


def test_what_is_sent_ahead_is_written_in_its_order_and_read_between(database: Database) -> None:
    with database.write() as connection, sent_ahead(connection):
        INSERT(connection, notes(0))
        INSERT(connection, notes(MANY, count=1))
        assert connection.scalar(sa.select(sa.func.count()).select_from(NOTES)) == MANY + 1
        KEEP(connection, [{**row, "text": "later"} for row in notes(0, MANY + 2)])
    first, last = kept(database)[0], kept(database)[-1]
    assert (first["kind"], first["text"]) == ("even", "a, b")
    assert sorted(row["note_id"] for row in kept(database)) == sorted(f"n{n}" for n in range(MANY + 2))
    assert (last["note_id"], last["text"]) == (f"n{MANY + 1}", "later")
    assert {row["kind"] for row in kept(database)} == {"even", None}


def test_what_a_statement_raises_comes_before_the_transaction_ends(database: Database) -> None:
    with pytest.raises((sa.exc.IntegrityError, psycopg.errors.UniqueViolation)):
        insert_twice(database)
    assert kept(database) == []
    with database.write() as connection, sent_ahead(connection):  # by the same connection of the pool
        INSERT(connection, notes(0, count=1))
    assert len(kept(database)) == 1


def test_an_error_of_the_caller_is_raised_and_nothing_stays(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(database)
    assert kept(database) == []


@pytest.mark.parametrize("sending", [outgoing, sent_ahead])
def test_a_connection_that_ends_meanwhile_is_told_as_the_stores_trouble(
    fresh_postgres: str, sending: Callable[[sa.Connection], AbstractContextManager[object]]
) -> None:
    """So a follower waits and asks again, where it would park what is at fault itself."""
    database = Database(fresh_postgres)
    METADATA.create_all(database.engine)
    for read in (ByKeys(NOTES.c.note_id).read, _counted):
        with pytest.raises(STORE_TROUBLE):
            read_after_the_end(database, sending, read)
    assert kept(database) == []
    database.close()


def _counted(connection: sa.Connection, _keys: Sequence[str]) -> object:
    return connection.scalar(sa.select(sa.func.count()).select_from(NOTES))


def read_after_the_end(
    database: Database,
    sending: Callable[[sa.Connection], AbstractContextManager[object]],
    read: Callable[[sa.Connection, Sequence[str]], object],
) -> None:
    with database.write() as connection, sending(connection):
        INSERT(connection, notes(0))
        backend = psycopg_connection(connection).info.backend_pid
        with database.write() as other:
            other.execute(sa.select(sa.func.pg_terminate_backend(backend, 10_000)))
        read(connection, ["n0"])
