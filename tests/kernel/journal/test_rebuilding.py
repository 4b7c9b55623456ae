"""A rebuild of read models: reads go on throughout, one at a time, and killed it leaves all as it was."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.kernel.database import sqlite_url
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.rebuilding import RebuildUnderWay, rebuild_read_models
from tests.kernel.journal.ledger import LEDGERS, ledger_journal, open_ledger, write_line

ROOT = Path(__file__).parents[3]
OWNERS = 15


@pytest.fixture
def journal(database_url: str) -> Iterator[Journal]:
    """Fifteen ledgers with a line each, and read models that show them."""
    with ledger_journal(database_url) as opened:
        for number in range(OWNERS):
            stream = new_stream_id()
            opened.transact(lambda work, n=number, s=stream: open_ledger(work, s, f"owner {n}"))  # type: ignore[misc]
            opened.transact(lambda work, s=stream: write_line(work, s, "a line"))  # type: ignore[misc]
        yield opened


def shown(journal: Journal) -> list[dict[str, Any]]:
    with journal.database.read() as connection:
        query = sa.select(LEDGERS).order_by(LEDGERS.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


@contextmanager
def half_way(journal: Journal, stage: str = "folding") -> Iterator[subprocess.Popen[str]]:
    """Another process that has rebuilt half of the ledgers and waits."""
    url = journal.database.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.kernel.journal.halfway", url, stage],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half way\n"
        try:
            yield process
        finally:
            process.kill()


def test_reads_go_on_and_a_second_rebuild_is_refused(journal: Journal) -> None:
    live = shown(journal)
    with half_way(journal) as process:
        assert shown(journal) == live
        with pytest.raises(RebuildUnderWay, match="is being rebuilt already"):
            rebuild_read_models(journal)
        journal.transact(lambda work: open_ledger(work, new_stream_id(), "came meanwhile"))
        live = shown(journal)  # writers, too, go on, and what they record meanwhile is not lost
        told, _ = process.communicate("go on\n", timeout=60)
        assert int(told) == journal.head()
    assert shown(journal) == live
    journal.transact(lambda work: open_ledger(work, new_stream_id(), "came later"))
    assert len(shown(journal)) == len(live) + 1


def test_killed_half_way_it_leaves_the_old_read_models_in_place(journal: Journal) -> None:
    live = shown(journal)
    with half_way(journal) as process:
        process.kill()
        process.wait()
        assert shown(journal) == live
    with journal.database.write() as connection:
        connection.execute(sa.update(LEDGERS).values(lines=7))
    assert rebuild_read_models(journal) == journal.head()
    assert shown(journal) == live


def test_killed_while_rows_are_put_in_place_it_leaves_the_old_ones(tmp_path: Path) -> None:
    """Whatever the folder is called; readers see the old rows all the while."""
    folder = tmp_path / "a folder? #1 100%"
    folder.mkdir()
    with ledger_journal(sqlite_url(folder / "ledger.db")) as journal:
        for number in range(OWNERS):
            journal.transact(lambda work, n=number: open_ledger(work, new_stream_id(), f"owner {n}"))  # type: ignore[misc]
        live = shown(journal)
        with half_way(journal, "placing") as process:
            assert shown(journal) == live
            process.kill()
            process.wait()
        assert shown(journal) == live
        journal.transact(lambda work: open_ledger(work, new_stream_id(), "came after"))
        live = shown(journal)
        assert rebuild_read_models(journal) == journal.head()
        assert shown(journal) == live
        sound(journal)


def sound(journal: Journal) -> None:
    """Every page and every entry of an index is where SQLite says it is; no file was left."""
    with journal.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
    file = Path(journal.database.url.database or "")
    assert [one.name for one in file.parent.glob(f"{file.name}.next*")] == []


def test_a_rebuild_leaves_indexes_and_constraints_as_they_were(journal: Journal) -> None:
    def looks() -> Any:
        found = sa.inspect(journal.database.engine)
        name = LEDGERS.name
        return found.get_indexes(name), found.get_unique_constraints(name), found.get_pk_constraint(name)

    before = looks()
    rebuild_read_models(journal)
    assert looks() == before


def test_a_snapshot_from_before_never_sees_empty_read_models(fresh_postgres: str) -> None:
    with ledger_journal(fresh_postgres) as journal:
        journal.transact(lambda work: open_ledger(work, new_stream_id(), "owner"))
        rebuild = threading.Thread(target=rebuild_read_models, args=(journal,))
        waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'")
        with journal.database.snapshot() as connection:
            rebuild.start()
            while True:
                with journal.database.read() as another:
                    if another.execute(waits).scalar_one():
                        break
            assert connection.execute(sa.select(LEDGERS.c.owner)).scalars().all() == ["owner"]
        rebuild.join(60)
        assert not rebuild.is_alive()
        assert [row["owner"] for row in shown(journal)] == ["owner"]


def test_a_journal_with_a_gap_is_not_replayed(sqlite_url: str) -> None:
    with ledger_journal(sqlite_url) as journal:
        for owner in "abc":
            journal.transact(lambda work, name=owner: open_ledger(work, new_stream_id(), name))  # type: ignore[misc]
        with journal.database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER events_no_delete")
            connection.exec_driver_sql("DELETE FROM events WHERE position = 2")
        live = shown(journal)
        with pytest.raises(ValueError, match="lacks a position between 0 and 3"):
            rebuild_read_models(journal)
        assert shown(journal) == live
