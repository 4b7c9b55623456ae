"""The database roles of a deployment, made on a real PostgreSQL by the scripts the deployment uses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.make_secrets import make_secrets
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.journal.rebuilding import rebuild_read_models
from services.kernel.migrating import drift, upgrade
from services.register.journal import open_journal
from tests.postgres import SUPERUSER, PostgresServer, running_postgres

POSTGRES_SCRIPTS = Path(__file__).parents[2] / "deploy" / "postgres"
SERVICES = ("register", "verification", "notifications")
WITH_JOURNAL = ("register", "verification")


@dataclass(frozen=True)
class Deployment:
    """A cluster with the roles made, and the secret files they were made from."""

    server: PostgresServer
    secrets: Path

    def engine(self, service: str, role: str) -> sa.Engine:
        return sa.create_engine(self.server.url(service, f"{service}_{role}"), poolclass=sa.NullPool)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.server.programs}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": str(self.server.directory),
            "POSTGRES_USER": SUPERUSER,
            "TIZILIM_SECRETS": str(self.secrets),
            "TIZILIM_ROLES_SQL": str(POSTGRES_SCRIPTS / "roles.sql"),
            "TIZILIM_PRIVILEGES_SQL": str(POSTGRES_SCRIPTS / "privileges.sql"),
        }
        return subprocess.run(
            [str(POSTGRES_SCRIPTS / script)], env=environment, capture_output=True, text=True, check=False
        )

    def migrate(self) -> None:
        for service in SERVICES:
            database = Database(self.server.url(service, f"{service}_owner"), schema=service)
            with closing(database):
                upgrade(service, database)


@pytest.fixture(scope="module")
def new_deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Roles and empty databases, as after the first start of the database container."""
    secrets = tmp_path_factory.mktemp("secrets")
    with running_postgres() as server:
        # A URL with the socket's directory as host needs its slashes escaped.
        make_secrets(secrets, str(server.directory).replace("/", "%2F"))
        deployment = Deployment(server, secrets)
        done = deployment.run("roles.sh")
        assert done.returncode == 0, done.stderr
        yield deployment


@pytest.fixture(scope="module")
def deployment(new_deployment: Deployment) -> Deployment:
    """The same, migrated, with privileges set."""
    new_deployment.migrate()
    done = new_deployment.run("privileges.sh")
    assert done.returncode == 0, done.stderr
    return new_deployment


def refused(engine: sa.Engine, statement: str) -> bool:
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
    except sa.exc.DBAPIError as error:
        return "permission denied" in str(error)
    return False


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ["owner", "application"])
def test_a_role_has_a_password_and_no_special_right(
    new_deployment: Deployment, service: str, role: str
) -> None:
    engine = sa.create_engine(new_deployment.server.url(), poolclass=sa.NullPool)
    with engine.connect() as connection:
        row = connection.execute(
            sa.text(
                "SELECT rolpassword LIKE 'SCRAM-SHA-256$%', rolsuper OR rolcreatedb OR rolcreaterole"
                " OR rolreplication OR rolbypassrls FROM pg_authid WHERE rolname = :name"
            ),
            {"name": f"{service}_{role}"},
        ).one()
    assert tuple(row) == (True, False)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_cannot_connect_to_a_neighbours_database(new_deployment: Deployment, service: str) -> None:
    for neighbour in set(SERVICES) - {service}:
        engine = sa.create_engine(
            new_deployment.server.url(neighbour, f"{service}_application"), poolclass=sa.NullPool
        )
        with pytest.raises(sa.exc.OperationalError, match="permission denied for database"):
            engine.connect()


@pytest.mark.parametrize("service", SERVICES)
def test_the_application_reads_every_table_and_makes_none(deployment: Deployment, service: str) -> None:
    engine = deployment.engine(service, "application")
    tables = sa.inspect(engine).get_table_names(schema=service)
    assert tables
    with engine.connect() as connection:
        for table in tables:
            connection.execute(sa.text(f'SELECT * FROM "{table}" LIMIT 1'))
    assert refused(engine, "CREATE TABLE of_its_own (id integer)")


@pytest.mark.parametrize("service", WITH_JOURNAL)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET type = type",
        "DELETE FROM events",
        "TRUNCATE events",
        "ALTER TABLE events DISABLE TRIGGER ALL",
    ],
)
def test_the_application_may_only_add_to_the_journal(
    deployment: Deployment, service: str, statement: str
) -> None:
    engine = deployment.engine(service, "application")
    with (
        pytest.raises(sa.exc.DBAPIError, match=r"permission denied|must be owner"),
        engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT has_table_privilege('events', 'INSERT')")).scalar_one()


@pytest.mark.parametrize("service", SERVICES)
def test_the_application_cannot_pretend_to_be_migrated(deployment: Deployment, service: str) -> None:
    engine = deployment.engine(service, "application")
    assert refused(engine, "UPDATE alembic_version SET version_num = version_num")
    assert refused(engine, "DELETE FROM alembic_version")


def test_the_application_may_move_a_message_and_no_more(deployment: Deployment) -> None:
    """A producer goes on under another number (law 86-VII art. 51-6); what it was told, and when, stays."""
    engine = deployment.engine("notifications", "application")
    for statement in ("UPDATE messages SET put_at = 0", "DELETE FROM messages", "TRUNCATE messages"):
        assert refused(engine, statement), statement
    assert not refused(engine, "UPDATE messages SET recipient = recipient")


def test_the_application_may_change_what_is_made_to_change(deployment: Deployment) -> None:
    engine = deployment.engine("register", "application")
    with engine.connect() as connection:
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            question = sa.text("SELECT has_table_privilege('idempotency_keys', :right)")
            assert connection.execute(question, {"right": right}).scalar_one(), right


def test_read_models_rebuilt_by_the_owner_are_the_applications_as_before(deployment: Deployment) -> None:
    database = Database(deployment.server.url("register", "register_owner"), schema="register")
    rights = sa.text(
        "SELECT relname, has_table_privilege(oid, 'SELECT'), has_table_privilege(oid, 'INSERT'),"
        " has_table_privilege(oid, 'UPDATE'), has_table_privilege(oid, 'DELETE')"
        " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'register'::regnamespace ORDER BY relname"
    )

    def held() -> list[tuple[object, ...]]:
        with deployment.engine("register", "application").connect() as connection:
            return [tuple(row) for row in connection.execute(rights)]

    with closing(database):
        before = held()
        assert rebuild_read_models(open_journal(database, SystemClock())) == 0
        assert held() == before
        assert drift("register", database) == []


def test_a_second_migration_leaves_the_privileges_as_they_were(deployment: Deployment) -> None:
    deployment.migrate()
    done = deployment.run("privileges.sh")
    assert done.returncode == 0, done.stderr
    assert refused(deployment.engine("register", "application"), "DELETE FROM events")
