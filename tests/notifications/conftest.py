"""A notifications service on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notifications.office import Office, open_office


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    """Both journals are empty and nobody has subscribed."""
    with open_office(database_url) as opened:
        yield opened


@pytest.fixture
def tables() -> str | None:
    """The databases of these tests have the service's tables."""
    return "notifications"
