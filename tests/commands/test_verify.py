"""`tizilim verify` on what a register published and stored; `begin-log` after a restore."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from services.cli import main
from services.commands.registry import database_of, journal_of, settings_of
from services.kernel.journal.sealing.running import sealer_of
from services.kernel.journal.sealing.settings import SealedSettings
from tests.register.desk import open_desk
from tests.register.projections.test_rebuilding import lived


def sealed(var: Path) -> int:
    """Seal the register of a data folder as its sealer would; gives the journal's head."""
    settings = settings_of("register", var=var, _env_file=None)
    assert isinstance(settings, SealedSettings)
    database = database_of("register", var)
    try:
        journal = journal_of("register", database)
        sealer_of("register", journal, settings).seal(again_after=600)
        return journal.head()
    finally:
        database.close()


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a register that lived a little and was sealed."""
    folder = tmp_path / "var"
    folder.mkdir()
    with open_desk(f"sqlite:///{folder / 'register.db'}") as desk:
        lived(desk)
    monkeypatch.setenv("VAR", str(folder))
    sealed(folder)
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(each) for each in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def changed(var: Path, statement: str) -> None:
    database = database_of("register", var)
    with database.write() as connection:
        for guard in ("events_no_update", "events_no_delete"):
            connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {guard}"))
        connection.execute(sa.text(statement))
    database.close()


def test_a_stored_journal_verifies_row_by_row(var: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "verify", "journal", "register")
    assert code == 0
    assert said.startswith("ok: localhost/register with ")

    changed(var, "UPDATE events SET type = 'kz.register.entry.excluded.v1' WHERE position = 3")
    code, said = told(capsys, "verify", "journal", "register")
    assert (code, said) == (
        1,
        "REFUSED record_altered: the columns name another type than the record (first bad position 3)\n",
    )


def test_an_exported_journal_verifies_with_the_key_alone(
    var: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, file = var / "transparency/register", tmp_path / "register.ndjson"
    assert told(capsys, "export", "register", file, "--checkpoint", log / "checkpoint")[0] == 0
    code, said = told(capsys, "verify", "export", file, "--key", log / "key", "--log", log)
    assert (code, said.startswith("ok: ")) == (0, True)

    file.write_bytes(file.read_bytes()[:-40])
    assert told(capsys, "verify", "export", file, "--key", log / "key")[0] == 1


def test_what_was_imported_is_what_was_sealed(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other = tmp_path / "register.ndjson", tmp_path / "other"
    told(capsys, "export", "register", file)
    monkeypatch.setenv("VAR", str(other))
    assert told(capsys, "import", "register", file)[0] == 0
    (other / "transparency").symlink_to(var / "transparency")

    assert told(capsys, "verify", "journal", "register")[0] == 0


def test_before_anything_was_sealed_nothing_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))

    code, said = told(capsys, "verify", "journal", "register")
    assert (code, said.startswith("REFUSED tile_missing")) == (1, True)


def test_after_a_restore_a_log_begins_that_names_the_old_ones_end(
    var: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "begin-log", "register") == (
        2,
        "tizilim: the journal holds what was signed: the log goes on as it is\n",
    )
    changed(var, "DELETE FROM events WHERE position > 3")
    code, said = told(capsys, "begin-log", "register")
    assert (code, said.startswith("register: the next log is localhost/register/after/")) == (0, True)

    assert sealed(var) == 3
    assert told(capsys, "verify", "journal", "register")[0] == 0
