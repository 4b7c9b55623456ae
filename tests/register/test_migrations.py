"""Alembic owns every table: what the migrations make is what the code describes, guards included."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.migrating import drift, is_current, upgrade
from services.register.journal import open_journal
from tests.register.desk import filing
from tests.register.given import act


def test_migrated_tables_are_those_of_the_code(database_url: str) -> None:
    database = Database(database_url)
    upgrade("register", database)
    assert drift("register", database) == []
    assert is_current("register", database)
    database.close()


def test_a_migrated_database_takes_filings_and_refuses_to_change_the_past(database_url: str) -> None:
    from services.register.usecases.file_application import file_application

    database = Database(database_url)
    upgrade("register", database)
    file_application(open_journal(database, SystemClock()), filing(), act())
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    database.close()


def test_migrating_again_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    upgrade("register", database)
    upgrade("register", database)
    assert drift("register", database) == []
    database.close()
