"""`tizilim webhook-key`: the operator's view of the keys that sign webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.commands import webhook_key
from services.commands.registry import Installation, database_of
from services.kernel.migrating import upgrade
from services.notifications.adapters.sealing import secret_box
from services.notifications.usecases.webhook_keys import ensure_webhook_key


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A migrated notifications service that has not been started."""
    database = database_of("notifications", tmp_path)
    upgrade("notifications", database)
    database.close()
    return Installation(tmp_path, 8_000)


def test_keys_are_shown_with_their_times_and_rotated(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    database = database_of("notifications", installation.var)
    ensure_webhook_key(database, secret_box(None, installation.var), datetime.now(UTC))
    database.close()
    assert webhook_key.run(installation, rotate=True, at_once=False) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("whpk_")
    assert "another follows" not in first
    assert second.endswith("until another follows")
    with pytest.raises(ValueError, match="webhook_key_rotating"):
        webhook_key.run(installation, rotate=True, at_once=False)


def test_before_the_first_start_there_is_nothing_to_rotate(installation: Installation) -> None:
    with pytest.raises(ValueError, match="webhook_key_unknown"):
        webhook_key.run(installation, rotate=True, at_once=True)
