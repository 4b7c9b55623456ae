"""Tests of a service find its tables made."""

from __future__ import annotations

import pytest


@pytest.fixture
def tables() -> str | None:
    """The databases of these tests have the service's tables."""
    return "verification"
