"""Sealing in the background: within a second of a write, by one elected process, with a key of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.kernel.database import Database
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.keys import development_seed, signing_seed
from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.sealing.running import Sealing, sealer_of
from services.kernel.journal.sealing.settings import SealedSettings
from tests.kernel.journal.ledger import ledger_journal, new_journal, open_ledger

PATIENCE = 20


def settings_in(var: Path, **given: Any) -> SealedSettings:
    return SealedSettings(var=var, _env_file=None, **given)


def append(journal: Journal, owner: str) -> None:
    journal.transact(partial(open_ledger, stream_id=new_stream_id(), owner=owner))


def await_sealed(log: PublishedLog, size: int) -> float:
    """Wait until so many records are sealed; gives the seconds that took."""
    started = time.monotonic()
    tick = threading.Event()
    while (head := log.head()) is None or head.size < size:
        assert time.monotonic() - started < PATIENCE, f"{size} records were never sealed"
        tick.wait(0.005)
    return time.monotonic() - started


@contextmanager
def sealing(journal: Journal, settings: SealedSettings) -> Iterator[Sealing]:
    task = Sealing("ledger", journal, settings)
    task.start()
    try:
        yield task
    finally:
        task.stop()


def test_a_write_is_sealed_within_a_second(database_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    log = settings.published_log("ledger")
    with ledger_journal(database_url) as journal, sealing(journal, settings) as task:
        journal.start()
        await_sealed(log, 0)
        waits = []
        for number in range(1, 4):
            append(journal, f"owner-{number}")
            waits.append(await_sealed(log, number))
        assert min(waits) < 1, "one of them met no other work"
        assert task.trouble() is None
        journal.watcher.stop()


def test_of_two_processes_one_is_elected_and_the_other_takes_over(
    fresh_postgres: str, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path)
    log = settings.published_log("ledger")
    second = Database(fresh_postgres)
    try:
        with (
            ledger_journal(fresh_postgres) as journal,
            sealing(new_journal(second, journal.recorder._clock), settings),
        ):
            with sealing(journal, settings):
                append(journal, "first")
                await_sealed(log, 1)
            append(journal, "second")
            await_sealed(log, 2)
    finally:
        second.close()


def test_trouble_names_what_was_refused(sqlite_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with ledger_journal(sqlite_url) as journal:
        append(journal, "first")
        sealer_of("ledger", journal, settings).seal(again_after=600)
        (settings.signer_folder("ledger") / "checkpoint").unlink()
        task = Sealing("ledger", journal, settings)

        assert task._run() > 0
        assert task.trouble() == (
            "signer_state_lost: a checkpoint is published, but the signer remembers none"
        )


def test_a_disk_that_takes_nothing_is_told(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with ledger_journal(sqlite_url) as journal:
        append(journal, "first")
        task = Sealing("ledger", journal, settings_in(tmp_path))
        with monkeypatch.context() as patched:
            patched.setattr(PublishedLog, "put_tiles", full)
            with pytest.raises(OSError, match="No space"):
                task._run()
        assert task.trouble() == "nothing is sealed: OSError"
        task._run()
        assert task.trouble() is None


def test_a_development_key_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "signer" / "signing.key"
    seed = development_seed(path)

    assert development_seed(path) == seed
    assert signing_seed(path) == seed
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "xyz", "00" * 31, "ключ"])
def test_a_key_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)

    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        signing_seed(path)


def test_production_seals_only_with_a_name_and_a_key_of_its_own(sqlite_url: str, tmp_path: Path) -> None:
    production = {
        "environment": "production",
        "trusted_issuers": tmp_path / "issuers",
        "client_key": tmp_path / "client",
        "idempotency_secret_file": tmp_path / "secret",
        "personal_wrapping_key_file": tmp_path / "wrapping",
        "personal_keys_url": "sqlite:////keys/personal.db",
        "database_url": "postgresql+psycopg://u@db/x",
    }
    with pytest.raises(ValidationError, match="production needs log_origin"):
        settings_in(tmp_path, **production)
    settings = settings_in(tmp_path, log_origin="ledger.example.kz/log", **production)
    with ledger_journal(sqlite_url) as journal, pytest.raises(ValueError, match="needs log_signing_key"):
        sealer_of("ledger", journal, settings)


@pytest.mark.parametrize("origin", ["two words", "a+b", "", "/path", "cosignature/v1", "x" * 161])
def test_a_name_that_no_log_may_have_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValidationError, match="log_origin"):
        settings_in(tmp_path, log_origin=origin)


def test_a_quorum_needs_witnesses(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="needs log_witnesses"):
        settings_in(tmp_path, log_witness_quorum=2)


def test_under_load_it_rests_between_two_checkpoints(sqlite_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with ledger_journal(sqlite_url) as journal:
        append(journal, "first")
        task = Sealing("ledger", journal, settings)
        journal.signal.announce(1_000)  # as if many had been recorded meanwhile

        assert task._run() == settings.log_seal_seconds
        assert settings.published_log("ledger").proved() == 1
