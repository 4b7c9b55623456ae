"""`tizilim backup` and `restore`: a running service's database comes back whole, or is refused by name."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.cli import main
from services.commands import postgres_programs
from services.commands import restore as restoring
from services.commands.copies import Contents
from services.commands.registry import Installation, database_of, journal_of, log_of, signer_of
from services.kernel.clock import SystemClock, set_simulated_clock
from services.kernel.database import Database, RestoreUnfinished, sqlite_url
from services.kernel.journal import rebuilding
from services.kernel.journal.journal import Journal
from services.kernel.journal.rebuilding import ReadersInTheWay, rebuild_read_models
from services.kernel.journal.rows import BulkInsert
from services.kernel.journal.sealing.refusals import SealingRefused
from services.kernel.journal.sealing.sealer import Sealer
from services.kernel.migrating import upgrade
from services.kernel.personal_keys import KEYS
from services.kernel.runtime import ServingLock, personal_keys
from services.kernel.settings import ServiceSettings
from services.notifications.projections.contacts import learn_contacts
from services.notifications.schema import VAULT as CONTACTS
from services.proof.checkpoints import Checkpoint
from services.proof.notes import Note, Signer
from services.register.contract.erasures import PersonalDataErased
from services.register.journal import open_journal
from services.register.projections.producers import producer_of
from services.register.schema import INDIVIDUALS, VAULT
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from tests.commands.halfway import killed_half_way
from tests.postgres import PostgresServer
from tests.register.desk import Desk, open_desk
from tests.register.given import PROCEDURE, THIRD_BIN
from tests.register.projections.test_rebuilding import lived

OTHER_IIN = "971130300020"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The rows of a journal that lived a little."""
    url = f"sqlite:///{tmp_path_factory.mktemp('lived') / 'register.db'}"
    with open_desk(url) as desk:
        lived(desk)
        return desk.rows(desk.journal.tables.events)


class Site:
    """A register's database, its log and its signer, as the commands find them."""

    def __init__(self, var: Path, records: list[dict[str, object]]) -> None:
        self.installation = Installation(var, 8000)
        self.records = records

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        database = database_of("register", self.installation.var)
        try:
            yield journal_of("register", database)
        finally:
            database.close()

    def record(self, first: int, last: int) -> None:
        with self.journal() as journal, journal.database.write() as connection:
            BulkInsert(journal.tables.events)(connection, self.records[first - 1 : last])

    def seal(self, *, anew: bool = False) -> None:
        log, state = log_of(self.installation, "register"), signer_of(self.installation, "register")
        with self.journal() as journal:
            clock = SystemClock()
            signer = Sealer(
                journal, log, state, lambda name: Signer(name, b"k" * 32), first_origin="r.kz", clock=clock
            )
            if anew:
                assert signer.begin_anew().startswith("r.kz/after/")
            signer.seal(again_after=600)

    def head(self) -> int:
        with self.journal() as journal:
            return journal.head()


@pytest.fixture
def site(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[dict[str, object]],
    request: pytest.FixtureRequest,
) -> Site:
    """A migrated register with twenty records, sealed."""
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", database_url)
    if database_url.startswith("postgresql"):
        server: PostgresServer = request.getfixturevalue("postgres_server")
        monkeypatch.setenv("PATH", f"{server.programs}{os.pathsep}{os.environ['PATH']}")
    made = Site(tmp_path, records)
    database = Database(database_url)
    upgrade("register", database)
    database.close()
    made.record(1, 20)
    made.seal()
    return made


def lose(url: str) -> None:
    """The disk with the database is gone; an empty one is there."""
    if url.startswith("sqlite"):
        for file in Path(url.removeprefix("sqlite:///")).parent.glob("test.sqlite*"):
            file.unlink()
        return
    with closing(Database(url)) as database, database.write() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")


def is_empty(url: str) -> bool:
    with closing(Database(url)) as database, database.read() as connection:
        found = not sa.inspect(connection).get_table_names()
    lose(url)
    return found


def test_a_backup_of_a_running_service_comes_back_whole_and_works(
    site: Site, tmp_path: Path, database_url: str
) -> None:
    with site.journal() as journal, journal.database.read() as reading:  # a service at work
        reading.execute(sa.select(journal.tables.events.c.position))
        assert main(["backup", "register", str(tmp_path / "copy")]) == 0
        site.record(21, 22)
    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert (manifest["service"], manifest["head"]) == ("register", 20)
    assert manifest["checkpoint"].startswith("r.kz\n20\n")
    lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 0
    assert site.head() == 20
    with site.journal() as journal:
        assert [row.record for row in journal.after(0, 99)] == [row["record"] for row in site.records[:20]]
        with pytest.raises(sa.exc.DatabaseError), journal.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM events")  # the guards came along
    site.record(21, 29)
    site.seal()


def test_a_backup_stands_under_any_name(
    site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "100% of 2026? #1"
    assert main(["backup", "register", str(copy)]) == 0, capsys.readouterr().err
    lose(database_url)
    assert main(["restore", str(copy)]) == 0
    assert site.head() == 20


def test_a_stale_backup_is_refused_unless_a_new_log_is_to_begin(
    site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    site.record(21, 25)
    site.seal()
    lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "at position 20, and 25 records were signed (the log's checkpoint)" in capsys.readouterr().err
    assert is_empty(database_url)
    log_of(site.installation, "register").publish("checkpoint", b"no note")
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "the log's checkpoint is none" in capsys.readouterr().err
    (log_of(site.installation, "register").folder / "checkpoint").unlink()
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "25 records were signed (the signer's memory)" in capsys.readouterr().err
    assert is_empty(database_url)
    assert main(["restore", str(tmp_path / "copy"), "--new-log"]) == 0
    assert site.head() == 20


def test_a_restore_that_is_interrupted_leaves_nothing_unchecked(
    site: Site, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that was loaded and not yet held against its checkpoints is no register to serve."""

    def interrupted(*_: object, **__: object) -> Contents:
        raise KeyboardInterrupt

    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    lose(database_url)
    with monkeypatch.context() as patched:
        for name in ("contents_of", "contents_in"):
            patched.setattr(restoring, name, interrupted)
        assert main(["restore", str(tmp_path / "copy")]) == 130
    assert is_empty(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 0


def signed(seed: bytes, origin: str = "r.kz") -> str:
    """A checkpoint over twenty other records than those recorded."""
    head = Checkpoint(origin, 20, b"\x00" * 32)
    return str(Note(head.text, (Signer(origin, seed).sign(head.text),)))


def test_an_altered_backup_is_refused(
    site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    assert main(["backup", "register", str(copy)]) == 0
    manifest = json.loads((copy / "manifest.json").read_text())
    file = copy / manifest["file"]
    whole = file.read_bytes()
    lose(database_url)

    def refused(told: str, key: str | None = None, **changed: object) -> None:
        (copy / "manifest.json").write_text(json.dumps({**manifest, **changed}))
        capsys.readouterr()
        assert main(["restore", str(copy), *(["--key", key] if key else [])]) == 2
        assert told in capsys.readouterr().err
        assert is_empty(database_url)

    altered = bytearray(whole)
    altered[len(altered) // 2] ^= 1
    file.write_bytes(altered)
    refused("was altered: its SHA-256 is not the manifest's")
    file.write_bytes(whole[:-1_000])
    refused("was altered")
    file.write_bytes(whole)
    refused("its manifest says 19", head=19)
    refused("its manifest says 20 and 00", root="00")
    lines = manifest["checkpoint"].split("\n")
    forged = "\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]])
    refused("the backup's checkpoint is refused: signature_wrong", checkpoint=forged)
    refused("the backup's checkpoint is refused: not_signed", checkpoint=signed(b"o" * 32))
    refused("the backup's checkpoint is refused: other_log", checkpoint=signed(b"k" * 32, "other.kz"))
    told = "up to position 20 are not those signed (the backup's checkpoint)"
    refused(told, checkpoint=signed(b"k" * 32))
    refused("the backup's checkpoint is refused: not_signed", key=str(Signer("r.kz", b"o" * 32).key))
    refused("the log's key cannot be read: key_malformed", key="r.kz+00000000+AAAA")
    refused("there is no service registry", service="registry")
    refused("format is 9", format=9)
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[manifest["kind"]]
    refused(f"it is a copy of a {other} database", kind=other)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main(["restore", str(copy)]) == 0
    assert main(["restore", str(copy)]) == 2
    told = capsys.readouterr().err
    assert "exists" in told or "not empty" in told


def test_a_journal_that_was_rewritten_is_not_backed_up(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[dict[str, object]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", sqlite_url)
    made = Site(tmp_path, records)
    with closing(Database(sqlite_url)) as database:
        upgrade("register", database)
    made.record(1, 20)
    made.seal()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as forging:
        forging.execute("DROP TRIGGER events_no_update")
        forging.execute("UPDATE events SET record = CAST(replace(record, 'officer', 'oficcer') AS BLOB)")
        forging.commit()
    assert main(["backup", "register", str(tmp_path / "copy")]) == 2
    assert "up to position 20 are not those signed (the log's checkpoint)" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_without_its_program_a_postgresql_backup_is_a_clear_error(
    fresh_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", fresh_postgres)
    with closing(Database(fresh_postgres)) as database:
        upgrade("register", database)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["backup", "register", str(tmp_path / "copy")]) == 2
    assert "pg_dump is not installed" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_what_is_no_backup_is_refused_and_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    assert main(["restore", str(tmp_path)]) == 2
    assert "is no backup" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text('{"format":1}')
    assert main(["restore", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["backup", "notifications", str(tmp_path / "copy")]) == 2
    assert "is not migrated" in capsys.readouterr().err
    with closing(database_of("notifications", tmp_path)) as database:
        upgrade("notifications", database)
    assert main(["backup", "notifications", str(tmp_path / "copy")]) == 0
    assert main(["backup", "notifications", str(tmp_path / "copy")]) == 2
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "move it away first" in capsys.readouterr().err


def test_a_backup_of_the_log_before_this_one_is_believed_under_the_same_key(
    site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log that began after a restore bears another name, and the same key signs it."""
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    log = log_of(site.installation, "register")
    log.publish("key", str(Signer("r.kz/after/20-ab", b"k" * 32).key).encode())
    assert main(["backup", "register", str(tmp_path / "second")]) == 0
    lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 0
    (log.folder / "key").unlink()
    lose(database_url)
    assert "no signature was verified" not in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "copy")]) == 0
    assert "no signature was verified: no key of the log is known here" in capsys.readouterr().err


@pytest.fixture
def person(site: Site, database_url: str) -> Iterator[Desk]:
    """A register in which an individual filed and withdrew, with its keys where the commands find them."""
    keys = personal_keys("register", ServiceSettings(var=site.installation.var, _env_file=None))
    keys.prepare()
    journal = open_journal(Database(database_url, personal=keys), SystemClock())
    try:
        yield Desk(journal, PROCEDURE)
    finally:
        journal.database.close()


def test_what_was_erased_since_a_backup_is_erased_again_with_its_restore(
    person: Desk, site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law 418-V art. 36: the keys are gone; tables and journal say so too, and followers are told."""
    application = person.file(OTHER_IIN, "Жоба")
    producer_id = application.filed.producer.producer_id
    withdraw_application(
        person.journal,
        WithdrawApplication(application_id=application.id, by=OTHER_IIN),
        person.act("producer"),
    )
    kept = person.file(THIRD_BIN, "Басқа")
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    person.erase(UUID(producer_id))
    person.journal.database.engine.dispose()
    site.seal()
    lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "records were signed" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "copy"), "--new-log"]) == 0
    assert "the values of 1 producers that were erased before are erased again" in capsys.readouterr().out
    (last,) = person.events(after=person.journal.head() - 1)
    assert isinstance(last, PersonalDataErased)
    assert (last.producer_id, last.reason) == (producer_id, "erased_before")
    assert {"iin", "name_kk", "email"} <= set(last.fields)
    assert {row["subject_id"] for row in person.rows(VAULT.table)} == {kept.filed.producer.producer_id}
    assert str(producer_id) not in {str(row["producer_id"]) for row in person.rows(INDIVIDUALS)}
    assert person.file(OTHER_IIN, "Жоба").filed.producer.producer_id != producer_id
    assert main(["keys", "repeat-erasures", "register"]) == 0
    assert capsys.readouterr().out == ""
    with pytest.raises(SealingRefused):
        site.seal()
    site.seal(anew=True)
    head = log_of(site.installation, "register").head()
    assert head is not None
    assert head.size == person.journal.head()


def filed_anew(person: Desk) -> tuple[str, list[dict[str, Any]], set[str]]:
    """Restored by other means and served before the erasures were repeated.

    The producer, its new rows, and the fields that were erased.
    """
    application = person.file(OTHER_IIN, "Жоба")
    personal = person.journal.database.personal
    assert personal is not None
    withdrawal = WithdrawApplication(application_id=application.id, by=OTHER_IIN, reason="Жеке себеп")
    withdraw_application(person.journal, withdrawal, person.act("producer"))
    before = person.rows(VAULT.table)
    personal.destroy({row["key_id"] for row in before})
    person.file(OTHER_IIN, "Басқа")
    new = [row for row in person.rows(VAULT.table) if row not in before]
    return application.filed.producer.producer_id, new, {row["field"] for row in before}


def test_who_filed_anew_after_an_erasure_that_a_restore_lost_keeps_that_alone(
    person: Desk, site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law 418-V art. 36: what stands under destroyed keys goes, by name; it counts by the legal clock."""
    producer_id, new, erased = filed_anew(person)
    head = person.journal.head()
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    set_simulated_clock(tmp_path / "clock.json", datetime(2027, 5, 4, 9, tzinfo=UTC))
    told = (
        "register: the values of 1 producers that were erased before are erased again\n"
        "register: 1 of them filed anew: what they filed since stays\n"
    )

    def is_erased_again() -> None:
        assert told in capsys.readouterr().out
        ((recorded,),) = person.journal.replay(after=head)
        data = recorded.fact.data
        assert isinstance(data, PersonalDataErased)
        assert (set(data.fields), data.reason) == (erased, "erased_before")
        assert (data.kept, len(data.told_in)) == (tuple(sorted(row["field"] for row in new)), 3)
        assert recorded.fact.effective_at.isoformat().startswith("2027-05-04T09:")
        assert person.rows(VAULT.table) == new
        with person.journal.database.read() as connection:
            assert str(producer_of(connection, OTHER_IIN)) == producer_id

    capsys.readouterr()
    assert main(["keys", "repeat-erasures", "register"]) == 0
    is_erased_again()
    assert main(["keys", "repeat-erasures", "register"]) == 0
    assert capsys.readouterr().out == ""
    assert person.journal.head() == head + 1
    person.journal.database.engine.dispose()
    lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 0
    is_erased_again()


def test_what_was_filed_anew_stays_when_the_store_of_keys_is_an_older_copy(
    person: Desk, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """It knows what was destroyed and not the key made since: a lost key may come back and is no erasure."""
    producer_id, new, _erased = filed_anew(person)
    (since,) = {row["key_id"] for row in new}
    file = sqlite_url(site.installation.var / "keys" / "register.db")
    with closing(Database(file)) as store, store.write() as connection:
        assert connection.execute(sa.delete(KEYS).where(KEYS.c.key_id == since)).rowcount == 1
    capsys.readouterr()
    assert main(["keys", "repeat-erasures", "register"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "register: the values of 1 producers that were erased before are erased again",
        "register: what stands under 1 keys can never be read: the keys are lost",
    ]
    assert person.rows(VAULT.table) == new
    assert producer_id in {str(row["producer_id"]) for row in person.rows(INDIVIDUALS)}


def test_whose_number_was_erased_is_found_by_it_only_if_it_filed_one_since(person: Desk) -> None:
    """A withdrawal's reason told since is no number: the pseudonym goes, the reason stays."""
    application = person.file(OTHER_IIN, "Жоба")
    personal = person.journal.database.personal
    assert personal is not None
    personal.destroy({row["key_id"] for row in person.rows(VAULT.table)})
    withdrawal = WithdrawApplication(application_id=application.id, by=OTHER_IIN, reason="Жеке себеп")
    withdraw_application(person.journal, withdrawal, person.act("producer"))
    assert main(["keys", "repeat-erasures", "register"]) == 0
    assert [row["field"] for row in person.rows(VAULT.table)] == ["reason"]
    assert person.rows(INDIVIDUALS) == []


def test_erasures_are_not_repeated_beside_a_running_service(
    person: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """On SQLite one process alone records; on PostgreSQL any number does."""
    _producer_id, new, _erased = filed_anew(person)
    serving = ServingLock(person.journal.database)
    serving.acquire()
    refused = 0 if person.journal.database.is_postgresql else 2
    assert main(["keys", "repeat-erasures", "register"]) == refused
    serving.release()
    if refused:
        assert "is already served by another process: stop the service first" in capsys.readouterr().err
        assert person.rows(VAULT.table) != new
        assert main(["keys", "repeat-erasures", "register"]) == 0
    assert person.rows(VAULT.table) == new


def test_a_value_that_notifications_replaced_is_not_told_as_filed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its key is destroyed too; a restored database holds the row until it follows the register again."""
    monkeypatch.setenv("VAR", str(tmp_path))
    keys = personal_keys("notifications", ServiceSettings(var=tmp_path, _env_file=None))
    keys.prepare()
    with closing(Database(sqlite_url(tmp_path / "notifications.db"), personal=keys)) as database:
        upgrade("notifications", database)
        with database.write() as connection:
            learn_contacts(connection, {"one": {"email": "one@dala.example"}, "two": {"email": "two@a.kz"}})
            replaced = CONTACTS.keys_of(connection, "one") | CONTACTS.keys_of(connection, "two")
            learn_contacts(connection, {"two": {"iin": OTHER_IIN}})
        keys.destroy(replaced)
        with database.read() as connection:
            before = connection.execute(sa.select(CONTACTS.table)).all()
    assert main(["keys", "repeat-erasures", "notifications"]) == 0
    with closing(Database(sqlite_url(tmp_path / "notifications.db"))) as database, database.read() as reading:
        assert reading.execute(sa.select(CONTACTS.table)).all() == before
    held = "it holds erased or replaced values of 2"
    assert capsys.readouterr().out == f"notifications: {held}; they go as it follows the register\n"


def test_keys_that_are_neither_there_nor_destroyed_are_lost_and_no_erasure(
    person: Desk, site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    person.file(OTHER_IIN, "Жоба")
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    head = person.journal.head()
    person.journal.database.engine.dispose()
    lose(database_url)
    store = site.installation.var / "keys" / "register.db"
    store.rename(store.with_suffix(".away"))
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert (
        "keys of its personal values are neither in the store of keys nor destroyed"
        in capsys.readouterr().err
    )
    assert is_empty(database_url)
    assert main(["restore", str(tmp_path / "copy"), "--keys-lost"]) == 0
    assert "can never be read: the keys are lost" in capsys.readouterr().out
    assert person.journal.head() == head
    assert main(["keys", "repeat-erasures", "register"]) == 1
    store.with_suffix(".away").rename(store)


def test_a_restore_killed_half_way_is_served_by_nobody_and_done_again(
    site: Site, tmp_path: Path, database_url: str
) -> None:
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    lose(database_url)
    killed_half_way("services.commands.restore._erased_again", "restore", str(tmp_path / "copy"))
    with closing(Database(database_url)) as database, database.read() as connection:
        tables = sa.inspect(connection).get_table_names()
    if database.is_postgresql:
        with closing(Database(database_url)) as database, pytest.raises(RestoreUnfinished):
            database.open()
    else:
        assert not tables
        lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 0
    with closing(Database(database_url)) as database:
        database.open()
    assert site.head() == 20


def test_two_restores_and_a_restore_under_a_service_exclude_one_another(
    site: Site, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
    lose(database_url)
    with closing(Database(database_url)) as database, restoring._alone(database):
        assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "already" in capsys.readouterr().err
    if database_url.startswith("sqlite"):
        lose(database_url)
    assert main(["restore", str(tmp_path / "copy")]) == 0


def test_a_backup_killed_half_way_is_none(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_half_way("services.commands.backup.settle", "backup", "register", str(tmp_path / "copy"))
    assert main(["restore", str(tmp_path / "copy")]) == 2
    assert "is no backup: it has no manifest.json" in capsys.readouterr().err


def test_no_rebuild_puts_its_tables_in_place_under_a_backup(
    fresh_postgres: str,
    postgres_server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[dict[str, object]],
) -> None:
    """The dump's snapshot would see the new tables, and none of their rows (decision 9)."""
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("TIZILIM_REGISTER_DATABASE_URL", fresh_postgres)
    monkeypatch.setenv("PATH", f"{postgres_server.programs}{os.pathsep}{os.environ['PATH']}")
    made = Site(tmp_path, records)
    with closing(Database(fresh_postgres)) as database:
        upgrade("register", database)
    made.record(1, 20)
    dumped = postgres_programs.dump

    def dump_while_rebuilding(*given: Any) -> None:
        monkeypatch.setattr(rebuilding, "SWAP_TRIES", 1)
        with made.journal() as journal, pytest.raises(ReadersInTheWay):
            rebuild_read_models(journal)
        dumped(*given)

    monkeypatch.setattr(postgres_programs, "dump", dump_while_rebuilding)
    assert main(["backup", "register", str(tmp_path / "copy")]) == 0
