"""`tizilim clock`: an instant has its offset, for a legal day begins in Asia/Almaty."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import cli


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-03-02", "2026-03-02T10:00:00", "2026-02-30T10:00:00+05:00", ""]
)
def test_what_is_no_instant_moves_no_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    assert cli.main(["clock", text]) == 2
    assert "such as 2026-03-02T10:00:00+05:00" in capsys.readouterr().err
    assert not (tmp_path / "clock.json").exists()


def test_the_clock_is_set_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    assert cli.main(["clock", "2026-03-02T10:00:00+05:00"]) == 0
    assert capsys.readouterr().out.startswith("2026-03-02T05:00:00")
    assert cli.main(["clock", "real"]) == 0
    assert "(real)" in capsys.readouterr().out
