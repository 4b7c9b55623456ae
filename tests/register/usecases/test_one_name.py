"""One BIN or IIN has one name and one state registration number: order 327 para. 26, Appendices 1 and 2."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.kernel.contract import OfficialText
from services.kernel.journal.events import microseconds
from services.kernel.journal.units import AnswerKey
from services.register.contract.updates import EntryUpdated
from services.register.domain.entry import Entry
from services.register.domain.updating import Given
from services.register.projections.entries import FoundEntry
from services.register.projections.extracts import registration_of
from services.register.projections.moments import Moment, entries_of
from services.register.projections.personal import personal_values
from services.register.usecases.update_entry import UpdateEntry, update_entry
from tests.register.desk import RECTIFIED, Desk
from tests.register.given import BIN, IIN, OTHER_BIN, at
from tests.register.usecases.test_exclusion_and_appeal import _meanwhile, transform

OLD, NEW = "ТОО «Дала»", "ТОО «Дала Плюс»"
RENAMED = OfficialText(kk="«Дала Плюс» ЖШС", ru=NEW)
PLUS = Given(name=RENAMED, registration_number="GU-2026-002", kato="710000000", changed_on=date(2026, 3, 10))


def found(desk: Desk, entry: Entry, valid: str, known_at: int | None = None) -> list[FoundEntry]:
    """All entries of the entry's producer as of a legal day."""
    moment = Moment(microseconds(at(valid)), desk.journal.head() if known_at is None else known_at)
    with desk.journal.database.read() as connection:
        return entries_of(connection, UUID(entry.state.producer.producer_id), moment)


def names(desk: Desk, entry: Entry, valid: str, known_at: int | None = None) -> set[str]:
    shown = found(desk, entry, valid, known_at)
    return {one.producer.name.ru for one in shown if one.producer.name is not None}


def updates(desk: Desk, after: int) -> list[EntryUpdated]:
    return [event for event in desk.events(after) if isinstance(event, EntryUpdated)]


def test_a_new_name_told_for_one_product_stands_in_all_from_the_same_instant(automatic: Desk) -> None:
    first, second = automatic.include(name="А"), automatic.include(name="Б")
    out, other = automatic.exclude(automatic.include(name="В")), automatic.include(OTHER_BIN, "Г")
    automatic.on("2026-03-20")
    before = automatic.journal.head()
    automatic.update(first, PLUS)
    own, *followed = updates(automatic, before)
    assert own.fields == ("name", "registration_number", "kato")
    assert (own.entry_id, own.told_for) == (str(first.id), None)
    assert {(one.entry_id, one.told_for) for one in followed} == {
        (str(entry.id), str(first.id)) for entry in (second, out)
    }
    assert {one.fields for one in followed} == {("name", "registration_number")}
    for day, known_at, name in (
        ("2026-03-09", None, OLD),
        ("2026-03-10", None, NEW),
        ("2026-03-20", None, NEW),
        ("2026-03-20", before, OLD),
    ):
        assert names(automatic, first, day, known_at) == {name}
    states = {one.entry_id: one.state.included for one in found(automatic, first, "2026-03-20")}
    assert {one.registration_number for one in states.values()} == {"GU-2026-002"}
    assert [states[entry.id].activity.kato for entry in (first, second)] == ["710000000", "750000000"]
    assert names(automatic, other, "2026-03-20") == {OLD}


def test_an_entry_that_comes_back_is_called_as_the_others(automatic: Desk) -> None:
    kept, out = automatic.include(name="А"), automatic.exclude(automatic.include(name="Б"))
    wrong = out.state.exclusions[0].notification_id
    automatic.on("2026-03-20")
    automatic.update(kept, PLUS)
    automatic.notify("monitoring", "conforms", out, corrects=wrong)
    assert automatic.journal.load(Entry, out.id).is_included
    assert names(automatic, kept, "2026-03-20") == {NEW}
    assert names(automatic, kept, "2026-03-09") == {OLD}


def test_an_entry_included_later_is_called_otherwise_from_its_inclusion_only(automatic: Desk) -> None:
    first = automatic.include(name="А")
    automatic.on("2026-03-15")
    second = automatic.include(name="Б")
    automatic.on("2026-03-20")
    before = automatic.journal.head()
    automatic.update(first, PLUS)
    assert [one.changed_on for one in updates(automatic, before)] == ["2026-03-10", "2026-03-15"]
    assert names(automatic, second, "2026-03-20") == {NEW}


def test_the_name_a_transformation_gave_for_later_holds_in_all(automatic: Desk) -> None:
    """Art. 51-6: a name told now for a day before it stands up to that day only."""
    first, _ = automatic.include(name="А"), automatic.include(name="Б")
    transform(automatic, new_bin=OTHER_BIN)
    (given,) = names(automatic, first, "2026-03-03")
    automatic.on("2026-03-20")
    automatic.update(first, PLUS, by=OTHER_BIN)
    assert names(automatic, first, "2026-03-20") == {NEW}
    assert names(automatic, first, "2026-03-05") == {given}


def test_the_same_key_tells_it_once(automatic: Desk) -> None:
    first, second = automatic.include(name="А"), automatic.include(name="Б")
    automatic.on("2026-03-20")
    key = AnswerKey(principal="p", operation="update_entry", key="k", body_digest="d", status=201)
    command = UpdateEntry(entry_id=first.id, by=BIN, given=PLUS)
    for _ in range(2):
        update_entry(automatic.journal, command, automatic.act("producer"), automatic.procedure, key)
    assert [automatic.journal.load(Entry, one.id).version for one in (first, second)] == [2, 2]


def test_an_individuals_name_and_number_are_sealed_beside_each_entry(automatic: Desk) -> None:
    """Law 418-V art. 36: the facts hold commitments alone, and every entry opens its own."""
    first, second = automatic.include(IIN, "А"), automatic.include(IIN, "Б")
    automatic.on("2026-03-20")
    automatic.update(first, PLUS, by=IIN)
    assert NEW not in str(automatic.events())
    assert "GU-2026" not in str(automatic.events())
    with automatic.journal.database.read() as connection:
        shown = found(automatic, second, "2026-03-20")
        kept = personal_values(connection, [(one.state, one.filed_by) for one in shown])
    assert {(one["name_ru"], one["registration_number"], one["iin"]) for one in kept} == {
        (NEW, "GU-2026-002", IIN)
    }


def test_an_entry_included_at_the_same_moment_is_called_so_too(
    automatic: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = automatic.include(name="А")
    late: list[Any] = []
    _meanwhile(automatic, monkeypatch, lambda: late.append(automatic.include(name="Б")))
    automatic.update(first, Given(name=RENAMED))
    assert len(late) == 1
    assert {one.producer.name for one in found(automatic, first, "2026-03-03")} == {RENAMED}


def test_what_is_not_the_producers_alone_changes_one_entry(automatic: Desk) -> None:
    """Appendix 1 has the actual address of production and how it is reached: they may differ by product."""
    first, second = automatic.include(name="А"), automatic.include(name="Б")
    before = automatic.journal.head()
    automatic.update(first, Given(address="Алматы, Абай 1", telephone="+77272000000", kato="750000001"))
    assert [one.entry_id for one in updates(automatic, before)] == [str(first.id)]
    assert automatic.journal.load(Entry, second.id).version == 1


@pytest.mark.parametrize("number", [BIN, IIN])
def test_a_filing_without_the_registration_number_hides_no_other_products_number(
    automatic: Desk, number: str
) -> None:
    """Appendix 2: the producer has one, though a later filing stated none; one that states it counts."""
    first = automatic.include(number, "А", registration_number="GU-1")
    for day, name, stated, shown in (
        ("2026-03-10", "Б", None, "GU-1"),
        ("2026-03-12", "В", "GU-2", "GU-2"),
    ):
        automatic.on(day)
        automatic.include(number, name, registration_number=stated)
        with automatic.journal.database.read() as connection:
            assert registration_of(connection, found(automatic, first, day)).number == shown


@pytest.mark.parametrize("number", [BIN, IIN])
@pytest.mark.parametrize("is_anew", [False, True])
def test_a_name_told_while_an_application_waits_stands_in_what_is_included_by_it(
    automatic: Desk, number: str, is_anew: bool
) -> None:
    """Filed under the old name on the 5th, told for another product of the 10th, included on the 12th."""
    first, follows = automatic.include(number, "А"), {}
    if is_anew:
        out = automatic.exclude(automatic.include(number, "Б"))
        follows = {"follows": out.state.included.application_id, "rectified": RECTIFIED}
    automatic.on("2026-03-05")
    application = automatic.file(number, "Б", **follows)
    automatic.on("2026-03-11")
    automatic.update(first, PLUS, by=number)
    automatic.on("2026-03-12")
    before = automatic.journal.head()
    automatic.notify("confirmation", "confirmed", application)
    entry = automatic.entry(application)
    assert {(one.told_for, one.changed_on) for one in updates(automatic, before)} == {
        (str(first.id), "2026-03-12")
    }
    shown = found(automatic, entry, "2026-03-13")
    with automatic.journal.database.read() as connection:
        kept = personal_values(connection, [(one.state, one.filed_by) for one in shown])
        assert registration_of(connection, shown).number == "GU-2026-002"
        if number == IIN:
            assert {one["name_ru"] for one in kept} == {NEW}
    if number == BIN:
        assert names(automatic, entry, "2026-03-13") == {NEW}
