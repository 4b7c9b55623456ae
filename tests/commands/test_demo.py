"""The stories stay away from anyone's data, and hints name the installation that they are about."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services import cli
from services.commands import demo
from services.commands.registry import DEFAULT_PORT_BASE, Installation
from services.commands.up import _ready_text, free_installation, running
from services.kernel.identity.tokens import development_issuer

LISTING = {
    "reference": "ДПО-2025-900",
    "listed_on": "2025-11-10",
    "holder": "181240006529",
    "product_name": {"kk": "Қойма", "ru": "Склад"},
}


def test_the_demo_tells_nothing_on_services_that_hold_facts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would move their legal clock and decide their cases: it starts services of its own instead."""
    users = free_installation(tmp_path / "var")
    with running(users):
        with demo._stage(users) as stage:
            assert stage == users, "nothing is recorded there yet"
        token = development_issuer(users.var).token(subject="o", roles=["informatization_officer"])
        listed = httpx.post(
            f"{users.url('verification')}/v1/trusted-software",
            json=LISTING,
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex},
            trust_env=False,
        )
        assert listed.status_code == 201, listed.text
        with demo._stage(users) as stage:
            assert stage.var != users.var
            assert stage.port_base != users.port_base
        assert not (users.var / "clock.json").exists()
    assert "hold facts already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("var", "base", "before"),
    [
        ("var", DEFAULT_PORT_BASE, ""),
        ("other", DEFAULT_PORT_BASE, "VAR=other "),
        ("var", 9_000, "PORT_BASE=9000 "),
        ("other", 9_000, "VAR=other PORT_BASE=9000 "),
        ("my data", DEFAULT_PORT_BASE, "VAR='my data' "),
    ],
)
def test_hints_speak_to_the_installation_that_gives_them(var: str, base: int, before: str) -> None:
    text = _ready_text(Installation(Path(var), base))
    assert f" {before}make token ROLE=industry_officer\n" in text
    assert f" {before}make demo\n" in text


def test_a_command_that_is_interrupted_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err == "\nstopped\n"
