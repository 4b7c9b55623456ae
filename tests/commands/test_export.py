"""`tizilim export` and `import`: the same bytes, root hash and read models come out; or nothing at all."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.cli import main
from services.commands.registry import Installation, database_of, journal_of, log_of
from services.kernel.journal.journal import Journal
from services.kernel.journal.plain_file import ExportHeader, ExportReader, write_export
from services.kernel.migrating import upgrade
from services.proof.checkpoints import Checkpoint
from services.proof.notes import Note, Signer
from tests.commands.halfway import killed_half_way
from tests.register.desk import open_desk
from tests.register.projections.test_rebuilding import lived

BEFORE = "2020-01-01T00:00:00.000000"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The export of a register that lived a little."""
    var, file = tmp_path / "source", tmp_path / "register.ndjson"
    var.mkdir()
    with open_desk(f"sqlite:///{var / 'register.db'}") as desk:
        lived(desk)
    monkeypatch.setenv("VAR", str(var))
    assert main(["export", "register", str(file)]) == 0
    monkeypatch.setenv("VAR", str(tmp_path / "target"))
    return file


@contextmanager
def opened(var: Path) -> Iterator[Journal]:
    database = database_of("register", var)
    yield journal_of("register", database)
    database.close()


def rows_of(journal: Journal, *tables: sa.Table) -> dict[str, list[dict[str, Any]]]:
    wanted = tables or [table for model in journal.projections for table in model.tables]
    with journal.database.read() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    sa.select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in wanted
        }


def test_an_import_has_the_same_records_numbers_and_read_models(
    source: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", database_url)
    assert main(["import", "register", str(source)]) == 0
    with opened(tmp_path / "target") as target:
        found = rows_of(target), rows_of(target, target.tables.events, target.tables.sequences)
        head = target.head()
    monkeypatch.delenv("TIZILIM_REGISTER_DATABASE_URL")
    with opened(tmp_path / "source") as origin:
        assert found[0] == rows_of(origin)
        assert found[1] == rows_of(origin, origin.tables.events, origin.tables.sequences)
        assert head == origin.head() > 20


def test_what_is_exported_again_is_the_same_file(source: Path, tmp_path: Path) -> None:
    packed = tmp_path / "again.ndjson.gz"
    assert main(["import", "register", str(source)]) == 0
    assert main(["export", "register", str(packed)]) == 0
    assert main(["export", "register", str(tmp_path / "plain.ndjson")]) == 0
    assert (tmp_path / "plain.ndjson").read_bytes() == source.read_bytes()
    assert packed.stat().st_size < source.stat().st_size / 3


def test_a_compressed_file_is_imported_and_stdout_is_a_file_too(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path / "source"))
    assert main(["export", "register", str(tmp_path / "packed.gz")]) == 0
    assert main(["export", "register", "-"]) == 0
    assert capfdbinary.readouterr().out == source.read_bytes()
    monkeypatch.setenv("VAR", str(tmp_path / "target"))
    assert main(["import", "register", str(tmp_path / "packed.gz")]) == 0


def test_only_an_empty_database_is_filled(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "register", str(source)]) == 0
    assert main(["import", "register", str(source)]) == 2
    assert "the database of register is not empty" in capsys.readouterr().err


def test_the_export_of_another_service_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "verification", str(source)]) == 2
    assert "is an export of register, not of verification" in capsys.readouterr().err


def test_an_export_overwrites_nothing_and_leaves_nothing_half_written(source: Path, tmp_path: Path) -> None:
    before = source.read_bytes()
    assert main(["export", "register", str(source)]) == 2
    assert source.read_bytes() == before
    note = tmp_path / "checkpoint"
    note.write_text("register\n1\nAAAA\n\n— register AAAA\n")
    assert main(["import", "register", str(source)]) == 0
    assert main(["export", "register", str(tmp_path / "new.ndjson"), "--checkpoint", str(note)]) == 2
    assert not list(tmp_path.glob("new.ndjson*"))


def again(records: list[bytes]) -> bytes:
    """A whole file, right in itself, of other records."""
    file = io.BytesIO()
    header = ExportHeader(format=1, service="register", source="urn:kz:register", records=len(records))
    write_export(file, header, enumerate(records, 1))
    return file.getvalue()


def changed(record: bytes, **values: object) -> bytes:
    document = json.loads(record) | values
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def test_of_a_damaged_export_nothing_is_imported(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = source.read_bytes()
    lines = file.splitlines(keepends=True)
    with source.open("rb") as whole:
        first, second, *rest = (record for _, record in ExportReader(whole).records())
    altered = lines[5].replace(b'"actor":"', b'"actor":"x')
    damaged = tmp_path / "damaged.ndjson"
    for told, bad in (
        ("the file is truncated", file[: len(file) // 2]),
        ("positions 3 to 4 are missing", b"".join(lines[:3] + lines[5:])),
        ("position 5 was altered", b"".join([*lines[:5], altered, *lines[6:]])),
        (
            "position 2 cannot be read: kz.never.v1",
            again([first, changed(second, type="kz.never.v1"), *rest]),
        ),
        ("position 2 is of urn:kz:other", again([first, changed(second, source="urn:kz:other"), *rest])),
        ("position 2 was recorded at 2020-", again([first, changed(second, time=f"{BEFORE}Z"), *rest])),
        ("a stream has one version twice", again([first, changed(second, **stream(first)), *rest])),
        ("has a gap in its versions", again([first, changed(second, streamversion=7), *rest])),
        ("position 2 cannot be read", again([first, changed(second, time="yesterday"), *rest])),
        ("position 2 cannot be read", again([first, b'{"x":' + b"[" * 30_000, *rest])),
        ("has a gap in its versions", again([changed(first, streamversion=0), second, *rest])),
    ):
        damaged.write_bytes(bad)
        assert main(["import", "register", str(damaged)]) == 2
        assert told in capsys.readouterr().err
        with opened(tmp_path / "target") as target:
            assert target.head() == 0
            assert not any(rows_of(target).values())
    assert main(["import", "register", str(source)]) == 0


def stream(record: bytes) -> dict[str, Any]:
    document = json.loads(record)
    return {"subject": document["subject"], "streamversion": document["streamversion"]}


def test_an_empty_journal_is_exported_and_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    database = database_of("register", tmp_path)
    upgrade("register", database)
    database.close()
    assert main(["export", "register", str(tmp_path / "empty.ndjson")]) == 0
    monkeypatch.setenv("VAR", str(tmp_path / "target"))
    assert main(["import", "register", str(tmp_path / "empty.ndjson")]) == 0


def test_an_import_killed_half_way_imported_nothing_and_is_done_again(
    source: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", database_url)
    killed_half_way("services.kernel.journal.filling.Filling.finish", "import", "register", str(source))
    with opened(tmp_path / "target") as target:
        assert target.head() == 0
        assert not any(rows_of(target).values())
    assert main(["import", "register", str(source)]) == 0


def test_an_export_killed_half_way_is_no_file_and_is_done_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path / "source"))
    file = tmp_path / "second.ndjson"
    killed_half_way("services.commands.whole_files.settle", "export", "register", str(file))
    assert not file.exists()
    assert main(["export", "register", str(file)]) == 0
    assert file.read_bytes() == source.read_bytes()


def test_an_export_goes_where_a_file_has_one_name_only_and_replaces_nothing_there(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick's file system has no links."""

    def no_links(_from: Path, to: Path) -> None:
        if to.name == "taken":
            to.write_text("came meanwhile")
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setenv("VAR", str(tmp_path / "source"))
    monkeypatch.setattr(os, "link", no_links)
    assert main(["export", "register", str(tmp_path / "stick")]) == 0
    assert (tmp_path / "stick").read_bytes() == source.read_bytes()
    assert main(["export", "register", str(tmp_path / "taken")]) == 2
    assert (tmp_path / "taken").read_text() == "came meanwhile"
    assert not list(tmp_path.glob("*.unfinished"))


def test_an_export_is_held_against_the_key_that_is_given_or_known(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with source.open("rb") as whole:
        reader = ExportReader(whole)
        records = [record for _, record in reader.records()]
    right, wrong = Signer("r.kz", b"k" * 32), Signer("r.kz", b"o" * 32)
    head = Checkpoint("r.kz", len(records), base64.b64decode(reader.root))
    note = tmp_path / "note"
    note.write_text(str(Note(head.text, (right.sign(head.text),))))
    monkeypatch.setenv("VAR", str(tmp_path / "source"))
    given = ["--checkpoint", str(note), "--key"]
    file = str(tmp_path / "signed.ndjson")
    assert main(["export", "register", file, *given, str(wrong.key)]) == 2
    assert "the checkpoint is refused: not_signed" in capsys.readouterr().err
    assert not Path(file).exists()
    assert main(["export", "register", file, *given, str(right.key)]) == 0
    monkeypatch.setenv("VAR", str(tmp_path / "target"))
    log_of(Installation(tmp_path / "target", 8000), "register").publish("key", str(wrong.key).encode())
    assert main(["import", "register", file]) == 2
    assert "the checkpoint is refused: not_signed" in capsys.readouterr().err
    assert main(["import", "register", str(source), "--key", str(right.key)]) == 2
    assert "nothing signs it" in capsys.readouterr().err
    assert main(["import", "register", file, "--key", str(right.key)]) == 0
    assert "no signature was verified" not in capsys.readouterr().err
