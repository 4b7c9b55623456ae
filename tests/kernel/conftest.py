"""The test service of the kernel, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.ledger_service import LedgerService, ledger_service


@pytest.fixture
def service(database_url: str) -> Iterator[LedgerService]:
    """The ledger over HTTP on each database, alone with it."""
    with ledger_service(database_url) as made:
        yield made


@pytest.fixture
def edge(sqlite_url: str) -> Iterator[LedgerService]:
    """The ledger over HTTP on SQLite, for what does not depend on the store."""
    with ledger_service(sqlite_url) as made:
        yield made
