"""Former versions of an event are read as the present one, for ever (ARCHITECTURE "The journal")."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import pytest
import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.journal.events import Event, EventRegistry, new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from tests.kernel.journal.ledger import LEDGERS, NOON, TABLES, Ledger, act, new_journal

THEN = EventRegistry(source="urn:kz:ledger", prefix="kz.ledger")
NOW = EventRegistry(source="urn:kz:ledger", prefix="kz.ledger")


@THEN.published("ledger.opened.v1")
class OpenedThen(Event, frozen=True, kw_only=True):
    """The owner was one text."""

    owner: str


@NOW.published("ledger.opened.v3")
class OpenedNow(Event, frozen=True, kw_only=True):
    """The owner is a name and a kind of owner."""

    owner_name: str
    owner_kind: str


@NOW.upcast("ledger.opened.v2", "ledger.opened.v3")
def kind_of_owner(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "owner_kind": "legal_entity"}


@NOW.upcast("ledger.opened.v1", "ledger.opened.v2")
def name_of_owner(data: dict[str, Any]) -> dict[str, Any]:
    return {"owner_name": data["owner"]}


class Owners(RowFold):
    """Folds the present version alone."""

    def __init__(self) -> None:
        super().__init__(LEDGERS)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        return (recorded.fact.originator_id,)

    def begins(self, recorded: Recorded) -> bool:
        return True

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        assert isinstance(recorded.fact.data, OpenedNow)
        return {"id": key, "owner": recorded.fact.data.owner_name, "lines": 0, "number": ""}


def test_what_was_recorded_in_a_former_version_is_read_in_the_present_one(database_url: str) -> None:
    database = Database(database_url)
    new_journal(database, FixedClock(NOON))
    stream = new_stream_id()

    def record(work: Work) -> None:
        ledger = Ledger(stream)
        ledger.when = lambda *_: None  # only the record matters
        ledger.record(act(), OpenedThen(owner="Ақжол"))
        work.save(ledger)

    Journal(database, THEN, TABLES, clock=FixedClock(NOON)).transact(record)
    journal = Journal(database, NOW, TABLES, clock=FixedClock(NOON), projections=[Owners()])
    (recorded,) = journal.facts_of(stream)
    assert recorded.fact.data == OpenedNow(owner_name="Ақжол", owner_kind="legal_entity")
    assert b'"owner"' in recorded.record  # the bytes stay as they were published
    with database.write() as connection:
        journal.projections[0].fold([recorded], connection)
        assert connection.execute(sa.select(LEDGERS.c.owner)).scalar_one() == "Ақжол"
    database.close()


def test_a_class_is_stored_under_its_former_names_too() -> None:
    expected = {f"kz.ledger.ledger.opened.v{version}" for version in (1, 2, 3)}
    assert set(NOW.names_of(OpenedNow)) == set(NOW.readable()) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ledger.opened.v3", "ledger.opened.v2"),
        ("ledger.opened.v1", "ledger.opened.v3"),
        ("ledger.opened.v0", "ledger.closed.v1"),
    ],
)
def test_a_version_is_read_in_one_way_and_as_one_that_exists(old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"kz\.ledger"):
        NOW.upcast(old, new)
