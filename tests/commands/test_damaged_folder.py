"""A data folder that is damaged stops the start with one clear line, and changes nothing in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services import cli
from services.commands.up import CannotStart, free_installation, running
from services.kernel.clock import ClockUnreadable, LegalClock
from services.kernel.identity.tokens import development_issuer
from services.kernel.readiness import ClockReads

GARBAGE = b"\x00\xff no database, no key, no clock"
PUBLIC = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def refusal(var: Path) -> str:
    with pytest.raises(CannotStart) as refused, running(free_installation(var)):
        pytest.fail("it started")
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("register.db", "the database of register cannot be used"),
        ("development-issuer.jwk", "holds no key; move it away"),
        ("clock.json", "holds no instant; set it with `tizilim clock`"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_bytes(GARBAGE)
    text = refusal(tmp_path)
    assert told in text
    assert str(tmp_path / name) in text
    assert "\n" not in text
    assert (tmp_path / name).read_bytes() == GARBAGE


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.write_text("a file")
    assert refusal(var) == f"{var} cannot be used as the data folder: File exists"


def test_a_key_file_with_a_public_key_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "development-issuer.jwk").write_text(json.dumps(PUBLIC))
    with pytest.raises(ValueError, match="holds a public key only"):
        development_issuer(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"set_to": 1, "at": 2}', '{"set_to": "x", "at": "y"}'])
def test_a_service_whose_clock_file_breaks_is_not_ready(tmp_path: Path, content: str) -> None:
    clock = LegalClock(tmp_path / "clock.json")
    assert ClockReads(clock)() is None
    (tmp_path / "clock.json").write_text(content)
    assert ClockReads(clock)() == "the simulated clock cannot be read"
    with pytest.raises(ClockUnreadable):
        clock.now()


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        (["token", "--role", "auditor"], {"VAR": "{file}"}, "{file}"),
        (["token", "--role", "auditor"], {"PORT_BASE": "abc"}, "PORT_BASE must be a number"),
        (["migrate", "register"], {"VAR": "{folder}"}, "the database cannot be used: file is not a database"),
        (["clock"], {"VAR": "{folder}"}, "holds no instant"),
    ],
)
def test_a_command_says_in_one_line_what_is_damaged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    settings: dict[str, str],
    told: str,
) -> None:
    places = {"file": tmp_path / "file", "folder": tmp_path / "folder"}
    places["file"].write_text("a file")
    places["folder"].mkdir()
    for name in ("register.db", "clock.json"):
        (places["folder"] / name).write_bytes(GARBAGE)
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(**places))
    assert cli.main(arguments) == 2
    written = capsys.readouterr().err
    assert written.startswith("tizilim: ")
    assert told.format(**places) in written
    assert written.count("\n") == 1
