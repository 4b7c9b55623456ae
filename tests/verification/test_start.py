"""What stops the service from starting with wrong rule files, and `tizilim simulate` beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import main
from services.verification.domain.rule_sets import RULE_SETS
from tests.verification.authority import authority, report
from tests.verification.drafts import content, with_threshold

ROOT = Path(__file__).resolve().parents[2]


def test_the_service_does_not_start_with_overlapping_rule_files_and_names_the_file(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    for file in RULE_SETS.glob("*.json"):
        (rules / file.name).write_bytes(file.read_bytes())
    (rules / "z.json").write_text(json.dumps(content(id="another", in_force_from="2026-06-01")))
    environment = {
        **os.environ,
        "TIZILIM_VERIFICATION_VAR": str(tmp_path),
        "TIZILIM_VERIFICATION_RULE_SETS": str(rules),
        "PYTHONPATH": str(ROOT),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.verification.main"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "verification does not start: z.json: another version 1 is in force on the same" in ended.stderr


@pytest.fixture
def decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which one product with a share of 85 per cent was confirmed."""
    with authority(
        f"sqlite:///{tmp_path / 'verification'}.db", tmp_path / "documents", "confirmation"
    ) as here:
        here.list_product()
        here.file(here.package(report("15.00")))
    monkeypatch.setenv("VAR", str(tmp_path))
    return tmp_path


def simulate(folder: Path, draft: str, first: str = "2026-01-01", last: str = "2026-03-31") -> int:
    file = folder / "draft.json"
    file.write_text(draft)
    return main(["simulate", str(file), "--from", first, "--to", last])


def test_simulate_prints_counts_without_a_server(decided: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(decided, json.dumps(with_threshold("localisation_share", "minimum", "90"))) == 0
    told = capsys.readouterr().out
    assert "would become unfavourable  1" in told
    assert "localisation_share: now met 0, now not met 1" in told
    assert "not looser than software-confirmation-2026@1" in told


def test_simulate_flags_a_looser_draft(decided: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(decided, json.dumps(with_threshold("localisation_share", "minimum", "79.999"))) == 0
    told = capsys.readouterr().out
    assert "LOOSER than software-confirmation-2026@1" in told
    assert "minimum_lowered localisation_share 80 -> 79.999" in told


@pytest.mark.parametrize(
    ("draft", "first", "last", "reason"),
    [
        ("{", "2026-01-01", "2026-03-31", "draft_refused"),
        (json.dumps(content()), "2026-03-31", "2026-01-01", "period_backwards"),
        (json.dumps(content()), "2026-01-01", "2099-12-31", "day_in_future"),
    ],
)
def test_simulate_refuses_a_bad_draft_or_period_in_one_line(
    decided: Path, capsys: pytest.CaptureFixture[str], draft: str, first: str, last: str, reason: str
) -> None:
    assert simulate(decided, draft, first, last) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("tizilim: ")
    assert reason in told.err
