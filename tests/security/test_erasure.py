"""Erasing reaches every copy: no table, file or old backup of any service holds a value that was erased."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.database import Database
from services.kernel.errors import Conflict
from services.kernel.feed import serving
from services.kernel.feed.following import FeedAddress, Follower, Sink
from services.kernel.journal.events import Event
from services.kernel.journal.journal import Journal
from services.kernel.migrating import metadata_of
from services.kernel.vault import Vault
from services.notifications import schema as notifications
from services.notifications.projections.contacts import Contact, contact_of
from services.notifications.projections.known import account_holder
from services.notifications.projections.messages import Search, messages_of
from services.register import schema as register
from services.register.contract.events import Excluded
from services.register.domain.application import Application
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.producer import Producer
from services.register.inbox.verification import verification_sink
from services.register.projections.producers import producer_of
from services.register.projections.trusted_listings import TRUSTED_LISTINGS
from services.register.usecases.decide_correction import DecideCorrection, decide_correction
from services.register.usecases.propose_correction import ProposeCorrection, propose_correction
from services.register.usecases.repeat_erasures import repeat_erasures
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.verification import schema as verification
from services.verification.projections import identifiers
from services.verification.usecases.list_software import NewListing, list_software
from tests.notifications.office import Office, open_office
from tests.postgres import PostgresServer
from tests.prepared import copied_postgres
from tests.register.desk import Desk, open_desk
from tests.register.given import AUTOMATIC, IIN
from tests.verification.acting import officer
from tests.verification.authority import Authority

NAME = OfficialText(kk="Дала Есеп", ru="Дала Учёт")
OWN_WORDS = OfficialText(kk="Әсел Оспанова түзетті", ru="Исправила Асель Оспанова", en="Asel O. did it")


@dataclass
class World:
    """The three services as they follow one another, without HTTP between them."""

    desk: Desk
    authority: Authority
    office: Office

    def databases(self) -> dict[str, Database]:
        return {
            "register": self.desk.journal.database,
            "verification": self.authority.database,
            "notifications": self.office.database,
        }

    def follow(self) -> None:
        """Everybody reads everybody to the end, and what runs in the background destroys doomed keys."""
        desk, authority, office = self.desk, self.authority, self.office
        for _ in range(2):
            follow("register", desk.journal, register.VAULT, authority.sink)
            sink = verification_sink(desk.journal, desk.clock, desk.procedure)
            follow("verification", authority.journal, verification.VAULT, sink)
        for name, journal, vault in (
            ("register", desk.journal, register.VAULT),
            ("verification", authority.journal, verification.VAULT),
        ):
            follow(name, journal, vault, office.sink(name))
        verification.VAULT.destroy_doomed(authority.database)
        notifications.VAULT.destroy_doomed(office.database)

    def everything(self) -> dict[str, bytes]:
        """What stands in each table of each service."""
        return {
            f"{service}.{table.name}": content_of(database, table)
            for service, database in self.databases().items()
            for table in metadata_of(service).sorted_tables
        }


def content_of(database: Database, table: sa.Table) -> bytes:
    with database.read() as connection:
        cells = [cell for row in connection.execute(sa.select(table)) for cell in row]
    return b"\x00".join(
        bytes(cell) if isinstance(cell, memoryview | bytes) else str(cell).encode() for cell in cells
    )


def follow(name: str, journal: Journal, vault: Vault, sink: Sink) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        after, limit = (int(request.url.params[name]) for name in ("after", "limit"))
        content, _last = serving._page(journal, vault, after, limit)
        return httpx.Response(200, content=content)

    client = httpx.Client(transport=httpx.MockTransport(answer), trust_env=False)
    follower = Follower("test", FeedAddress(name, "http://feed", lambda: "token"), sink, client=client)
    while follower.turn():
        assert not follower.parked
    assert not follower.parked


@contextmanager
def opened(urls: Callable[[str], str], folder: Path) -> Iterator[World]:
    with ExitStack() as stack:
        desk = stack.enter_context(open_desk(urls("register"), AUTOMATIC))
        office = stack.enter_context(open_office(urls("notifications")))
        office.channels = ("email", "portal")
        authority = Authority(urls("verification"), folder / "documents", frozenset())
        stack.callback(authority.database.close)
        yield World(desk, authority, office)


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    def urls(service: str) -> str:
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path / service}.db"
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = copied_postgres(server, service)
        request.addfinalizer(lambda: server.drop_database(url))
        return url

    with opened(urls, tmp_path) as made:
        yield made


def lived(world: World) -> tuple[UUID, Entry]:
    """An individual's whole life: listed as trusted, refused, included, excluded at its own request."""
    new = NewListing("TS-1", NAME, IIN, date(2026, 1, 12), None)
    world.authority.journal.transact(lambda work: list_software(work, officer(), new))
    refused = world.desk.file(IIN, NAME.kk)
    world.desk.notify("confirmation", "refused", refused)
    entry = world.desk.include(
        IIN, NAME.kk, follows=str(refused.id), rectified=OWN_WORDS, registration_number="ИП-870155"
    )
    world.follow()
    return UUID(entry.state.producer.producer_id), entry


def leave(world: World, entry: Entry) -> None:
    asked = RequestExclusion(entry_id=entry.id, by=IIN, reason="Жеке себеп: 8 701 555 01 01")
    request_exclusion(world.desk.journal, asked, world.desk.act("producer"), world.desk.procedure)
    world.follow()


def erase(world: World, producer_id: UUID) -> None:
    world.desk.erase(producer_id)


def values_of(world: World, producer_id: UUID) -> set[bytes]:
    with world.desk.journal.database.read() as connection:
        events = [recorded.fact.id for page in world.desk.journal.replay() for recorded in page]
        kept = register.VAULT.of_events(connection, events).values()
    return {value.value.encode() for fields in kept for value in fields.values()} | {IIN.encode()}


def test_what_was_erased_stands_nowhere_and_what_was_not_is_found_until_then(
    world: World, tmp_path: Path
) -> None:
    """Law 418-V art. 36; order 327 para. 5: not while the product is in the register."""
    producer_id, entry = lived(world)
    with pytest.raises(Conflict, match="erasure_while_published"):
        erase(world, producer_id)
    leave(world, entry)
    values, id_ = values_of(world, producer_id), str(producer_id)
    assert values >= {text.encode() for text in (OWN_WORDS.kk, OWN_WORDS.ru, OWN_WORDS.en or "", "ИП-870155")}
    for place, content in world.everything().items():
        assert not [value for value in values if value in content], f"in clear in {place}"
    with world.desk.journal.database.read() as connection:
        assert producer_of(connection, IIN) == producer_id
    with world.authority.database.read() as connection:
        assert identifiers.producer_of(connection, IIN) == id_
    with world.office.database.read() as connection:
        assert messages_of(connection, IIN, Search(), before=None, limit=10)
        assert account_holder(connection, IIN) == id_
        assert contact_of(connection, id_).iin == IIN
    assert [row["holder"] for row in world.desk.rows(TRUSTED_LISTINGS)] != [None]
    backups = backed_up(world, tmp_path)

    erase(world, producer_id)
    world.follow()

    for place, content in world.everything().items():
        assert not [value for value in values if value in content], f"still in {place}"
        assert b"iin:" not in content or "events" in place, f"a pseudonym is left in {place}"
    with world.desk.journal.database.read() as connection:
        assert producer_of(connection, IIN) is None
    with world.authority.database.read() as connection:
        assert identifiers.producer_of(connection, IIN) is None
    with world.office.database.read() as connection:
        assert messages_of(connection, IIN, Search(), before=None, limit=10) == []
        assert contact_of(connection, id_).iin is None
    assert [row["holder"] for row in world.desk.rows(TRUSTED_LISTINGS)] == [None]
    assert world.desk.kinds()[-1] == "PersonalDataErased"
    for file in tmp_path.rglob("*.db*"):
        assert not [value for value in values if value in file.read_bytes()], file
    for service, backup in backups.items():
        assert not readable_in(backup, world.databases()[service]), f"the backup of {service} can be read"
    with pytest.raises(Conflict, match="nothing_to_erase"):
        erase(world, producer_id)


def backed_up(world: World, tmp_path: Path) -> dict[str, str]:
    """Copies of the SQLite files from before the erasure, which can be read while the keys are there."""
    found = {}
    for service, database in world.databases().items():
        if database.is_postgresql:
            continue
        database.forget_deleted()
        copy = tmp_path / f"{service}.backup"
        shutil.copyfile(str(database.url.database), copy)
        found[service] = f"sqlite:///{copy}"
        assert readable_in(found[service], database)
    return found


def readable_in(url: str, live: Database) -> bool:
    """Whether the keys of now open anything of a copy."""
    keys = live.personal
    assert keys is not None
    copy = Database(url)
    with copy.read() as connection:
        query = sa.text("SELECT DISTINCT key_id FROM personal_values")
        named = list(connection.execute(query).scalars())
    copy.close()
    assert named
    return bool(keys.of(named))


def test_every_commitment_and_earlier_fact_stays_as_it_was(world: World) -> None:
    producer_id, entry = lived(world)
    leave(world, entry)
    before = [row.record for row in world.desk.journal.after(0, 1_000)]
    erase(world, producer_id)
    after = [row.record for row in world.desk.journal.after(0, 1_000)]
    assert after[: len(before)] == before
    assert world.desk.kinds(len(before)) == ["ErasureProposed", "ErasureApproved", "PersonalDataErased"]


def test_an_erasure_cut_short_after_its_fact_is_ended_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values are deleted with the fact; their keys are in another store and go once it is committed."""
    producer_id, entry = lived(world)
    leave(world, entry)
    with world.desk.journal.database.read() as connection:
        keys = list(connection.execute(sa.select(register.VAULT.table.c.key_id)).scalars())
    personal = world.desk.journal.database.personal
    assert personal is not None
    assert personal.of(keys)

    def killed(_database: Database) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(register.VAULT, "destroy_doomed", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(world, producer_id)
    assert personal.of(keys)
    assert register.VAULT.destroy_doomed(world.desk.journal.database) == len(set(keys))
    assert not personal.of(keys)
    assert register.VAULT.destroy_doomed(world.desk.journal.database) == 0


def test_values_are_not_erased_while_a_decision_waits_for_them(world: World) -> None:
    application = world.desk.file(IIN, "Басқа")
    with pytest.raises(Conflict, match="erasure_while_pending"):
        erase(world, UUID(application.filed.producer.producer_id))


def correction_of(world: World, entry: Entry, event: type[Event] = Excluded) -> ProposeCorrection:
    """An officer's proposal to annul the entry's latest event of a kind, naming the person in its reasons."""
    facts = world.desk.journal.facts_of(entry.id)
    (target,) = [one.fact for one in facts if isinstance(one.fact.data, event)]
    reasons = OfficialText(kk=f"{NAME.kk} сұрады", ru=f"Просьба {NAME.ru}")
    return ProposeCorrection(
        proposed=Proposed(
            entry_id=str(entry.id),
            event_id=target.id,
            kind="annulment",
            reasons=reasons,
            legal_basis="order-327 para. 5",
        )
    )


def test_a_correction_that_waits_is_decided_before_an_erasure_and_goes_with_it(world: World) -> None:
    """Else its approval would bring an entry back whose producer nobody knows (order 327 para. 5)."""
    producer_id, entry = lived(world)
    leave(world, entry)
    desk = world.desk
    erasure = desk.propose_erasure(producer_id)
    proposed = propose_correction(desk.journal, correction_of(world, entry), desk.act()).result
    assert proposed is not None
    with pytest.raises(Conflict, match="erasure_while_pending"):
        desk.approve_erasure(erasure)
    declining = DecideCorrection(correction_id=proposed.id, declined_for=OfficialText(kk="Жоқ", ru="Нет"))
    decide_correction(desk.journal, declining, desk.second(), desk.procedure)
    values = values_of(world, producer_id)
    assert any(NAME.ru.encode() in value for value in values)

    desk.approve_erasure(erasure)

    assert not [value for value in values_of(world, producer_id) if NAME.ru.encode() in value]
    again = propose_correction(desk.journal, correction_of(world, entry), desk.act()).result
    assert again is not None
    decide_correction(desk.journal, DecideCorrection(correction_id=again.id), desk.second(), desk.procedure)
    assert desk.journal.load(Entry, entry.id).is_included
    with desk.journal.database.read() as connection:
        kept = register.VAULT.of_subjects(connection, [str(producer_id)])[str(producer_id)]
    assert kept.keys() == {"content"}, "a correction brings nothing back of what was erased"


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, kind: type[object], decision: str, happens: Callable[[], object]
) -> None:
    """Let something happen once while an aggregate is about to take a decision."""
    decide = getattr(kind, decision)

    def after_it(*given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        happens()
        return decide(*given, **named)

    monkeypatch.setattr(kind, decision, after_it)


def test_an_erasure_and_a_proposal_at_the_same_moment_never_pass_each_other_by(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the erasure saw is looked at again under the ordering lock."""
    producer_id, entry = lived(world)
    leave(world, entry)
    desk = world.desk
    erasure = desk.propose_erasure(producer_id)
    meanwhile(
        monkeypatch,
        Producer,
        "erase",
        lambda: propose_correction(desk.journal, correction_of(world, entry), desk.act()),
    )
    with pytest.raises(Conflict, match="erasure_while_pending"):
        desk.approve_erasure(erasure)
    assert desk.kinds()[-1] == "CorrectionProposed"


def test_a_filing_at_the_moment_of_an_erasure_is_a_new_producers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it stood under a producer that its IIN does not name any more."""
    producer_id, entry = lived(world)
    leave(world, entry)
    desk = world.desk
    erasure = desk.propose_erasure(producer_id)
    meanwhile(monkeypatch, Application, "file", lambda: desk.approve_erasure(erasure))
    new = UUID(desk.file(IIN, "Басқа").filed.producer.producer_id)
    assert new != producer_id
    with desk.journal.database.read() as connection:
        assert producer_of(connection, IIN) == new


def test_who_filed_anew_before_an_erasure_was_repeated_keeps_that_alone_everywhere(world: World) -> None:
    """Law 418-V art. 36. All three were brought back by other means and served before it was repeated.

    The authority had destroyed one key only by then, of a listing.
    """
    producer_id, entry = lived(world)
    leave(world, entry)
    desk, authority, office, id_ = world.desk, world.authority, world.office, str(producer_id)
    with desk.journal.database.read() as connection:
        erased = register.VAULT.keys_of(connection, id_)
    with authority.database.read() as connection:
        number = identifiers.number_of(connection, id_)
        assert number is not None
        (listing,) = verification.VAULT.subjects_with(connection, [number]) - {id_}
        told_before = set(verification.VAULT.kept_of(connection, id_))
        assert authority.database.personal is not None
        authority.database.personal.destroy(verification.VAULT.keys_of(connection, listing))
    assert desk.journal.database.personal is not None
    desk.journal.database.personal.destroy(erased)
    desk.file(IIN, "Басқа")
    world.follow()

    assert repeat_erasures(desk.journal, desk.clock, {id_: erased}) == 1
    world.follow()

    with desk.journal.database.read() as connection:
        left = register.VAULT.kept_of(connection, id_)
        assert {one.field for one in left} >= {"iin", "email"}
        assert not {one.key_id for one in left} & erased
        assert producer_of(connection, IIN) == producer_id
    with authority.database.read() as connection:
        left = verification.VAULT.kept_of(connection, id_)
        assert [one.field for one in left] == ["iin"]
        assert told_before
        assert not told_before & set(left)
        assert verification.VAULT.kept_of(connection, listing) == ()
        assert identifiers.producer_of(connection, IIN) == id_
    assert [row["holder"] for row in desk.rows(TRUSTED_LISTINGS)] == [None]
    with office.database.read() as connection:
        assert contact_of(connection, id_) == Contact(IIN, "info@dala.example")
        assert account_holder(connection, IIN) == id_
    assert repeat_erasures(desk.journal, desk.clock, {id_: erased}) == 0


def test_a_neighbour_restored_from_before_an_erasure_follows_it_again(tmp_path: Path) -> None:
    """Its values open to nobody meanwhile; its tables are right once it has followed."""
    with opened(lambda service: f"sqlite:///{tmp_path / service}.db", tmp_path) as world:
        producer_id, entry = lived(world)
        leave(world, entry)
        database = world.authority.database
        file = Path(str(database.url.database))
        database.forget_deleted()
        shutil.copyfile(file, tmp_path / "before")
        erase(world, producer_id)
        world.follow()
        database.engine.dispose()
        shutil.copyfile(tmp_path / "before", file)
        with database.read() as connection:
            subjects = [str(producer_id)]
            assert verification.VAULT.fields_of(connection, str(producer_id))
            assert verification.VAULT.of_subjects(connection, subjects) == {}
        world.follow()
        with database.read() as connection:
            assert verification.VAULT.fields_of(connection, str(producer_id)) == ()
            assert identifiers.producer_of(connection, IIN) is None
