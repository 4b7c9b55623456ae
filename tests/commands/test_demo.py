"""`make demo` tells its whole story by itself, and hints name the installation that they are about."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services import cli
from services.commands import demo
from services.commands.demo_people import StepFailed, expect
from services.commands.registry import DEFAULT_PORT_BASE, Installation
from services.commands.up import _ready_text, free_installation

TIZILIM = Path(sys.executable).with_name("tizilim")


def test_the_whole_story_is_told_on_services_of_its_own(tmp_path: Path) -> None:
    """What `make demo` runs. It holds every step to its outcome itself, and leaves nothing behind."""
    free = free_installation(tmp_path / "var")
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "VAR": str(free.var), "PORT_BASE": str(free.port_base)}
    environment["TMPDIR"] = str(tmp_path / "tmp")
    ended = subprocess.run(
        [TIZILIM, "demo"], env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
    told = [line.split(":")[0].removeprefix("== ") for line in ended.stdout.splitlines() if line[:3] == "== "]
    assert told == sorted(told, key=demo.ORDER.index) == list(demo.ORDER)
    assert ended.stdout.endswith("\nEvery step ended as it should.\n")
    assert "    1  kz.register.entry.reinstated.v1\n" in ended.stdout
    assert not free.var.exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_step_that_ends_otherwise_is_told_with_what_should_be() -> None:
    with pytest.raises(StepFailed, match="the outcome: found 'included', and it should be 'excluded'"):
        expect("included", "excluded", "the outcome")


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
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err == "\nstopped\n"
