"""`tizilim token`: for all three services, or for those that are named."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from services import cli

ALL = ["urn:tizilim:register", "urn:tizilim:verification", "urn:tizilim:notifications"]


@pytest.mark.parametrize(
    ("narrowed", "audience"),
    [
        ([], ALL),
        (["--audience", "register"], ALL[:1]),
        (["--audience", "verification", "--audience", "notifications"], ALL[1:]),
    ],
)
def test_a_token_names_every_service_or_those_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    narrowed: list[str],
    audience: list[str],
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    assert cli.main(["token", "--role", "auditor", *narrowed]) == 0
    payload = capsys.readouterr().out.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["aud"] == audience


def test_a_service_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["token", "--role", "auditor", "--audience", "registry"])
    assert "registry" in capsys.readouterr().err
