"""docs/operations.md names every setting of each service, every automatic step, and none besides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, get_args

import pytest

from services.commands.registry import SERVICES
from services.kernel.settings import ServiceSettings
from services.notifications.settings import NotificationsSettings
from services.register.domain import procedure
from services.register.settings import RegisterSettings
from services.verification.settings import VerificationSettings
from services.verification.usecases import practice

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
SETTINGS: Final[dict[str, type[ServiceSettings]]] = {
    "register": RegisterSettings,
    "verification": VerificationSettings,
    "notifications": NotificationsSettings,
}
NAMED: Final = set(re.findall(r"`((?!TIZILIM_)[A-Z][A-Z0-9_]*[A-Z0-9])`", PAGE))
PREFIXED: Final = re.findall(r"\bTIZILIM_([A-Z]+)_([A-Z][A-Z0-9_]*[A-Z0-9])", PAGE)
OTHERS: Final = {
    *("VAR", "PORT_BASE", "FILE", "URL", "FOLDER", "SERVICE"),  # of the command line
    *("DEBUG", "INFO", "WARNING", "ERROR"),  # levels
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"),  # of the store's client
}


def names_of(service: str) -> set[str]:
    return {name.upper() for name in SETTINGS[service].model_fields}


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_named(service: str) -> None:
    told = NAMED | {name for owner, name in PREFIXED if owner.lower() == service}
    assert sorted(names_of(service) - told) == []


def test_no_setting_is_named_that_is_none() -> None:
    known = set().union(*map(names_of, SERVICES))
    assert sorted(NAMED - known - OTHERS) == []
    assert [f"{owner}_{name}" for owner, name in PREFIXED if name not in names_of(owner.lower())] == []


def test_every_step_that_may_be_automatic_is_named() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| `AUTOMATIC`"))
    told = set(re.findall(r"`([a-z_]+)`", row))
    assert told >= {*get_args(procedure.Step), *get_args(practice.Step)}
