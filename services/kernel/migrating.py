"""Alembic for each service: one history a service, the same on SQLite and PostgreSQL, drift checked."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.kernel.database import Database
from services.kernel.identifiers import is_iin
from services.kernel.journal.tables import POSTGRESQL_GUARDS, SQLITE_GUARDS

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
SERVICES: Final = ("register", "verification", "notifications")


class CannotMigrate(RuntimeError):
    """The database holds something that a revision cannot carry over; the text says what to do."""


def refuse_clear(
    connection: sa.Connection, *, personal: Sequence[str] = (), numbers: Sequence[str] = ()
) -> None:
    """Refuse to go on from values of persons in clear, which no release ever wrote.

    `personal` are tables of such values, `numbers` columns that may hold an IIN. Raises `CannotMigrate`.
    """
    for table in personal:
        if connection.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one():
            raise CannotMigrate("it holds values of persons in clear; start with an empty data folder")
    for place in numbers:
        table, _, column = place.partition(".")
        place_in = sa.table(table, sa.column(column, sa.Text))
        numbers_there = connection.execute(sa.select(place_in.c[column]).distinct()).scalars()
        if any(is_iin(number) for number in numbers_there if number):
            raise CannotMigrate("it holds an IIN in clear; start with an empty data folder")


def configuration(service: str) -> Config:
    """The Alembic configuration of one service's history."""
    config = Config(str(MIGRATIONS / "alembic.ini"), ini_section=service)
    config.set_main_option("script_location", str(MIGRATIONS / service))
    return config


def metadata_of(service: str) -> sa.MetaData:
    """Every table of a service as its code describes them (`services.<service>.tables.METADATA`)."""
    metadata = import_module(f"services.{service}.tables").METADATA
    if not isinstance(metadata, sa.MetaData):
        raise TypeError(f"services.{service}.tables.METADATA is not MetaData")
    return metadata


def upgrade(service: str, database: Database) -> None:
    """Bring a service's tables to the newest revision; several at once wait for one another."""
    config = configuration(service)
    with database.write() as connection:
        if database.is_postgresql:
            if database.schema:
                connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"')
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('tizilim.migrate', 0))")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def run_online(service: str, config: Config) -> None:
    """The body of every `env.py`: migrate on the connection that `upgrade` opened."""
    from alembic import context

    connection = config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata_of(service),
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=False,
    )
    context.run_migrations()


def create_guards(connection: sa.Connection) -> None:
    """Make the journal's `events` append-only; called by a service's first revision."""
    guards = POSTGRESQL_GUARDS if connection.dialect.name == "postgresql" else SQLITE_GUARDS
    for statement in guards:
        connection.exec_driver_sql(statement)


def is_current(service: str, database: Database) -> bool:
    """True when the database stands at the newest revision."""
    newest = ScriptDirectory.from_config(configuration(service)).get_heads()
    with database.read() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == set(newest)


def drift(service: str, database: Database) -> list[str]:
    """What the migrated database lacks or has beyond the code's tables; empty when they agree."""
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return [str(difference) for difference in compare_metadata(context, metadata_of(service))]
