"""`tizilim replay`: any past made anew from the journal, and what the live database says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.cli import main
from services.commands.comparing import compare
from services.kernel.clock import set_simulated_clock
from services.kernel.contract import OfficialText
from services.kernel.journal.events import from_microseconds
from services.kernel.journal.rebuilding import read_models
from services.register.projections.entries import ENTRIES
from services.register.projections.periods import PERIODS
from services.register.projections.producers import PRODUCERS
from services.register.usecases.end_producer import EndProducer, end_producer
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.desk import Desk, open_desk
from tests.register.given import BIN, THIRD_BIN
from tests.register.projections.test_rebuilding import lived
from tests.verification.authority import authority

LAST = UUID(int=2**128 - 1)


@contextmanager
def lived_at(url: str, var: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A register that lived a little, as the commands find it."""
    monkeypatch.setenv("VAR", str(var))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", url)
    with open_desk(url) as opened:
        lived(opened)
        yield opened


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """One on SQLite, for what does not depend on the store."""
    with lived_at(sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["replay", "register", *arguments])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_replayed_equals_live(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lived_at(database_url, tmp_path, monkeypatch) as desk:
        head = desk.journal.head()
        code, told = replayed(capsys)
        assert code == 0, told
        assert f"{head} events replayed, to the head of the journal" in told
        assert "the live read models are what the journal makes" in told
        tables = [table.name for model in desk.journal.projections for table in model.tables]
        assert told.count(" rows  same") == len(tables)
        code, told = replayed(capsys, "--to", str(head - 1))
        assert code == 0, told
        assert f"as known at position {head - 1}:" in told
        assert "the live register says the same of that moment" in told


def test_the_first_difference_is_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    first = desk.rows(ENTRIES)[0]
    with desk.journal.database.write() as connection:
        connection.execute(
            sa.update(ENTRIES).where(ENTRIES.c.entry_id == first["entry_id"]).values(reference="forged")
        )
    code, told = replayed(capsys, "--to", str(desk.journal.head()))
    assert code == 1
    assert f"DIFFERENT: entry_id {first['entry_id']}: reference is 'forged' live, 'TS-1' replayed" in told
    assert "the live read models are NOT what the journal makes" in told
    with desk.journal.database.write() as connection:
        connection.execute(sa.delete(ENTRIES).where(ENTRIES.c.entry_id == first["entry_id"]))
    assert f"live has no row entry_id {first['entry_id']}" in replayed(capsys)[1]
    with desk.journal.database.write() as connection:
        connection.execute(sa.insert(ENTRIES).values([first, {**first, "entry_id": LAST}]))
        connection.execute(sa.update(ENTRIES).values(reference="TS-1"))
    assert f"replayed has no row entry_id {LAST}" in replayed(capsys)[1]


def test_every_past_position_says_what_the_live_register_says_of_it(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    for position in (1, 9, desk.journal.head() - 1):
        code, told = replayed(capsys, "--to", str(position))
        assert code == 0, told
        assert f"as known at position {position}:" in told
        assert "the live register says the same of that moment" in told


def test_a_legal_instant_as_known_then(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    last = from_microseconds(desk.journal.after(desk.journal.head() - 1, 1)[0].recorded_at)
    code, told = replayed(capsys, "--to", "2026-03-02T12:00:00+05:00", "--known-at", last.isoformat())
    assert code == 0, told
    assert "the register at 2026-03-02T07:00:00+00:00, as known at position" in told
    assert "included" in told


def test_a_live_register_that_tells_another_past_is_found(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk.journal.database.write() as connection:
        connection.execute(sa.delete(PERIODS))
        connection.exec_driver_sql("DELETE FROM entry_status_facts")
    code, told = replayed(capsys, "--to", str(desk.journal.head() - 1))
    assert code == 1
    assert "DIFFERENT" in told


def test_whatever_column_was_altered_is_found_and_named(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each column of each read model in turn, and a row that is gone."""
    assert replayed(capsys, "--into", str(tmp_path / "past.db"))[0] == 0
    tried: set[str] = set()
    with sa.create_engine(f"sqlite:///{tmp_path / 'past.db'}").connect() as ours:
        for table in read_models(desk.journal):
            for column in [None, *table.columns] if desk.rows(table) else []:
                with desk.journal.database.engine.connect() as theirs:
                    alter(theirs, table, column)
                    found = compare(theirs, ours, table)
                    theirs.rollback()
                assert found.difference is not None, column
                assert column is None or column.primary_key or f": {column.name} is " in found.difference
                tried.add(table.name)
    assert tried >= {"entries", "entry_periods", "producers", "applications", "product_names", "open_terms"}


def alter(theirs: sa.Connection, table: sa.Table, column: sa.Column[Any] | None) -> None:
    """Alter a row, or take it away."""
    row = theirs.execute(sa.select(table)).mappings().first()
    assert row is not None
    own = [key == row[key.name] for key in table.primary_key]
    if column is None:
        theirs.execute(sa.delete(table).where(*own))
        return
    other: dict[type, object] = {int: 99, bytes: b"{}", UUID: LAST, bool: False}
    new = 99 if isinstance(column.type, sa.Integer) else other.get(type(row[column.name]), "forged")
    theirs.execute(sa.update(table).where(*own).values({column: new}))


def test_how_a_producer_was_called_at_that_moment_is_compared(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The live register says of that moment that it had its first name and BIN."""
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", sqlite_url)
    with open_desk(sqlite_url) as desk:
        entry = desk.include()
        command = TransformProducer(bin=BIN, on=date(2026, 3, 2), reference="R", new_bin=THIRD_BIN)
        transform_producer(desk.journal, command, desk.act())
        past = desk.journal.head()
        end_producer(desk.journal, EndProducer(bin=THIRD_BIN, on=date(2026, 3, 2), reference="R"), desk.act())
        code, told = replayed(capsys, "--to", str(past))
        assert code == 0, told
        with desk.journal.database.write() as connection:
            connection.execute(sa.update(PRODUCERS).values(transformed_by=None))
    code, told = replayed(capsys, "--to", str(past))
    assert code == 1
    assert f"DIFFERENT: entry {entry.id}: producer is ProducerRef(" in told
    assert (
        "not compared, as the journal does not make it: cursors, extract_contents, idempotency_keys" in told
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "999"], "there is no position 999: the journal has 1 to "),
        (["--to", "0"], "there is no position 0"),
        (["--to=-1"], "there is no position -1"),
        (["--to", "2020-01-01T00:00:00Z"], "by 2020-01-01T00:00:00Z: the first event is of 2"),
        (["--to", "2999-01-01T00:00:00Z"], "2999-01-01T00:00:00Z is in the future"),
        (["--to", "2026-03-02T07:00:00Z", "--known-at", "2999-01-01T00:00:00Z"], "is in the future"),
        (["--to", "2026-03-02T07:00:00Z", "--known-at", "999"], "there is no position 999"),
        (["--to", "2026-03-02T07:00:00"], "names no time zone"),
        (["--to", "yesterday"], "neither a position nor an instant"),
    ],
)  # fmt: skip
def test_a_moment_with_nothing_to_replay_is_named(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", sqlite_url)
    with open_desk(sqlite_url) as desk:
        set_simulated_clock(tmp_path / "clock.json", desk.clock.now())
        desk.file()
        desk.later(hours=-1)
    code, said = replayed(capsys, *arguments)
    assert code == 2
    assert told in said


def test_the_replayed_database_can_be_kept(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", sqlite_url)
    with open_desk(sqlite_url) as desk:
        entry = desk.include()
    kept = tmp_path / "kept.db"
    assert replayed(capsys, "--into", str(kept))[0] == 0
    with sa.create_engine(f"sqlite:///{kept}").connect() as connection:
        assert connection.execute(sa.select(ENTRIES.c.entry_id)).scalar_one() == entry.id
    assert "exists already" in replayed(capsys, "--into", str(kept))[1]
    assert "is not empty" in replayed(capsys, "--into", f"sqlite:///{kept}")[1]


def test_an_interrupted_replay_keeps_no_database(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", sqlite_url)
    with open_desk(sqlite_url) as desk:
        desk.file()
    before = set(tmp_path.iterdir())
    monkeypatch.setattr("services.commands.replay.compare", interrupted)
    assert replayed(capsys, "--into", str(tmp_path / "kept.db"))[0] == 130
    assert set(tmp_path.iterdir()) == before


def test_the_authoritys_read_models_are_replayed_too(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIZILIM_VERIFICATION_DATABASE_URL", sqlite_url)
    with authority(sqlite_url, tmp_path, "confirmation") as here:
        here.list_product()
        here.file()
        here.list_product(name=OfficialText(kk="Басқа", ru="Другое"))
        head = here.journal.head()
    assert main(["replay", "verification"]) == 0
    assert main(["replay", "verification", "--to", str(head - 1)]) == 0
    told = capsys.readouterr().out
    assert "cases                        1 rows  same" in told
    assert "the live read models are what the journal makes" in told
    assert "not compared, as the journal does not make it: cursors, document_filings" in told
    with sa.create_engine(sqlite_url).begin() as connection:
        connection.exec_driver_sql("UPDATE listings SET valid_until = '2031-01-01'")
    assert main(["replay", "verification", "--to", str(head - 1)]) == 1
    assert "valid_until is '2031-01-01' live, None replayed" in capsys.readouterr().out
