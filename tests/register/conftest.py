"""A register on each kind of database, where every step waits for an officer and where none does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.register.desk import Desk, open_desk
from tests.register.given import AUTOMATIC


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """Every step waits for an officer."""
    with open_desk(database_url) as opened:
        yield opened


@pytest.fixture
def automatic(database_url: str) -> Iterator[Desk]:
    """No step waits for an officer."""
    with open_desk(database_url, AUTOMATIC) as opened:
        yield opened


@pytest.fixture
def tables() -> str | None:
    """The databases of these tests have the service's tables."""
    return "register"
