"""`tizilim keys rewrap`, and databases from before personal values were encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from services.commands.keys import rewrap
from services.commands.registry import Installation
from services.kernel.database import Database
from services.kernel.migrating import CannotMigrate, configuration, upgrade
from services.kernel.personal_keys import KeysUnusable
from tests.personal import keyed

IIN = "660427402182"


def test_the_wrapping_key_of_a_data_folder_is_changed(tmp_path: Path) -> None:
    database = keyed(f"sqlite:///{tmp_path}/register.db")
    assert database.personal is not None
    pseudonym = database.personal.pseudonym(IIN)
    database.close()
    installation = Installation(tmp_path, 8_000)
    assert list(rewrap(installation, ["register"])) == [("register", 0)]
    file = tmp_path / "keys" / "register.wrapping-key"
    former = file.read_text()
    file.write_text("ab" * 32)
    with pytest.raises(KeysUnusable):
        list(rewrap(installation, ["register"]))
    file.write_text(f"{'ab' * 32}\n{former}")
    assert list(rewrap(installation, ["register"])) == [("register", 1)]
    file.write_text("ab" * 32)
    again = keyed(f"sqlite:///{tmp_path}/register.db")
    assert again.personal is not None
    assert again.personal.pseudonym(IIN) == pseudonym
    again.close()


@pytest.mark.parametrize(
    ("service", "before", "statement"),
    [
        ("register", "0004", "INSERT INTO personal_values VALUES ('e', 'email', 's', 'a@b.kz', '00')"),
        ("verification", "0007", f"INSERT INTO identifiers VALUES ('{IIN}', 'p', false)"),
        ("notifications", "0007", f"INSERT INTO producers VALUES ('p', '{IIN}', 'kk')"),
    ],
)
def test_a_database_with_values_in_clear_is_refused_and_stays_as_it_is(
    sqlite_url: str, service: str, before: str, statement: str
) -> None:
    database = Database(sqlite_url)
    config = configuration(service)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before)
        connection.exec_driver_sql(statement)
    with pytest.raises(CannotMigrate, match="start with an empty data folder"):
        upgrade(service, database)
    with database.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == before
    database.close()
