"""Accounts filled before occasions and search: nothing is lost, and messages are found by words."""

from __future__ import annotations

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command

from services.kernel.database import Database
from services.kernel.migrating import configuration, upgrade
from services.notifications.projections.messages import Search, messages_of
from tests.notifications.given import BIN

TEXT = {"subject": "«Есеп» тізілімге енгізілді", "body": "Қош  келдіңіз.\n\nНегізі"}


@pytest.fixture
def tables() -> None:
    """This test makes them itself, at an older revision."""


def test_messages_put_before_keep_their_fact_and_are_found_by_words(database_url: str) -> None:
    database = Database(database_url)
    config = configuration("notifications")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            sa.text(
                "INSERT INTO messages (message_id, recipient, event_id, event_type, template_id, "
                "template_version, texts, put_at) VALUES ('m1', :bin, 'e1', 't', 'included', 1, :texts, 1)"
            ),
            {"bin": BIN, "texts": msgspec.json.encode(dict.fromkeys(("kk", "ru", "en"), TEXT))},
        )
    upgrade("notifications", database)
    with database.read() as connection:
        (found,) = messages_of(connection, BIN, Search(text="қош КЕЛДІҢІЗ"), before=None, limit=5)
    assert (found["message_id"], found["event_id"], found["occasion"]) == ("m1", "e1", "e1")
    database.close()
