"""Alembic owns every table: what the migrations make is what the code describes, guards included."""

from __future__ import annotations

from datetime import date
from tempfile import TemporaryDirectory

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command

from services.kernel.clock import SystemClock
from services.kernel.contract import OfficialText
from services.kernel.database import Database
from services.kernel.migrating import configuration, drift, is_current, upgrade
from services.register.domain.updating import Given
from services.register.journal import open_journal
from services.register.projections.data_facts import DATA_FACTS
from services.register.projections.products import PRODUCT_NAMES
from services.register.schema import JOURNAL
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from tests.personal import keyed
from tests.register.desk import RECTIFIED, Desk, filing
from tests.register.given import BIN, act


@pytest.fixture
def tables() -> None:
    """Here the databases are empty."""


def test_migrated_tables_are_those_of_the_code(database_url: str) -> None:
    database = keyed(database_url)
    upgrade("register", database)
    assert drift("register", database) == []
    assert is_current("register", database)
    database.close()


def test_a_migrated_database_takes_filings_and_refuses_to_change_the_past(database_url: str) -> None:
    from services.register.usecases.file_application import file_application

    database = keyed(database_url)
    upgrade("register", database)
    file_application(open_journal(database, SystemClock()), filing(), act())
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    database.close()


def test_migrating_again_changes_nothing(database_url: str) -> None:
    database = keyed(database_url)
    upgrade("register", database)
    upgrade("register", database)
    assert drift("register", database) == []
    database.close()


def test_names_of_filings_made_before_are_carried_over(desk: Desk) -> None:
    """Filed under one Russian name and again under another: both name the product."""
    first = desk.file()
    desk.accept(desk.notify("confirmation", "refused", first))
    renamed = OfficialText(kk=first.filed.product.name.kk, ru="Система Бета")
    product = msgspec.structs.replace(first.filed.product, name=renamed)
    desk.file(product=product, follows=str(first.id), rectified=RECTIFIED)
    kept = desk.rows(PRODUCT_NAMES)
    former = {"kz.register.application.filed.v2": "kz.register.application.filed.v1"}
    events = [{**row, "type": former.get(row["type"], row["type"])} for row in desk.rows(JOURNAL.events)]
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/register.db")
        config = configuration("register")
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0002")
            connection.execute(sa.insert(JOURNAL.events), events)
        upgrade("register", database)
        with database.read() as connection:
            query = sa.select(PRODUCT_NAMES).order_by(*PRODUCT_NAMES.primary_key.columns)
            assert [dict(row) for row in connection.execute(query).mappings()] == kept
        database.close()


def test_from_when_data_changed_before_is_carried_over(automatic: Desk) -> None:
    entry = automatic.include()
    automatic.on("2026-03-20")
    automatic.update(entry, Given(capacity_per_year="7", changed_on=date(2026, 3, 10)))
    automatic.exclude(entry)
    filed = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
    file_appeal(automatic.journal, filed, automatic.act("producer"))
    kept = automatic.rows(DATA_FACTS)
    events = automatic.rows(JOURNAL.events)
    assert len(kept) == 3
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/register.db")
        config = configuration("register")
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0011")
            connection.execute(sa.insert(JOURNAL.events), events)
        upgrade("register", database)
        with database.read() as connection:
            assert [dict(row) for row in connection.execute(sa.select(DATA_FACTS)).mappings()] == kept
        database.close()
