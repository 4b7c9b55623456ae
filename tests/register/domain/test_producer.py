"""Liquidation, reorganisation, transformation: law 86-VII art. 51-6, order 327 para. 30."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.events import Fact, new_stream_id
from services.register.contract.events import ProducerTransformed
from services.register.domain.producer import Producer
from tests.register.given import BIN, IIN, OTHER_BIN, THIRD_BIN, act, at, registered

ON = date(2026, 3, 1)
NAME = OfficialText(kk="«Дала» АҚ", ru="АО «Дала»")


def transformed(
    producer: Producer, new_bin: str | None = OTHER_BIN, name: OfficialText | None = NAME
) -> Fact | None:
    return producer.transform(act(), on=ON, reference="R-2", new_bin=new_bin, new_name=name)


def test_a_liquidation_counts_from_its_own_day() -> None:
    producer = registered()
    assert producer.liquidate(act(), on=ON, reference="R-1")
    (fact,) = producer.collect_events()
    assert fact.effective_at == at("2026-02-28", "19:00")
    assert producer.ceased is not None
    assert producer.ceased.on == "2026-03-01"


def test_a_repeated_report_changes_nothing() -> None:
    producer = registered()
    producer.liquidate(act(), on=ON, reference="R-1")
    assert producer.liquidate(act(), on=ON, reference="R-9") is None
    assert producer.reorganise(act(), form="division", on=ON, reference="R-9") is None
    assert len(producer.collect_events()) == 1


def test_a_report_of_the_future_is_refused() -> None:
    with pytest.raises(Invalid, match="day_in_future"):
        registered().liquidate(act(), on=date(2026, 3, 3), reference="R-1")


def test_only_a_legal_entity_is_liquidated() -> None:
    person = registered(
        ProducerRef(producer_id=str(new_stream_id()), kind="individual_entrepreneur", iin_commitment="c")
    )
    with pytest.raises(Invalid, match="legal_entity_required"):
        person.liquidate(act(), on=ON, reference="R-1")


def test_a_transformation_changes_name_and_bin_and_ends_nothing() -> None:
    producer = registered()
    assert transformed(producer)
    (fact,) = producer.collect_events()
    assert isinstance(fact.data, ProducerTransformed)
    assert (fact.data.former_bin, fact.data.producer.bin) == (BIN, OTHER_BIN)
    assert producer.ceased is None
    assert producer.former_bins == (BIN,)


def test_a_transformation_may_keep_the_bin() -> None:
    producer = registered()
    assert transformed(producer, new_bin=None)
    assert (producer.ref.bin, producer.ref.name, producer.former_bins) == (BIN, NAME, ())


def test_a_repeated_transformation_changes_nothing() -> None:
    producer = registered()
    transformed(producer)
    assert transformed(producer) is None


def test_a_producer_that_ceased_is_not_transformed() -> None:
    producer = registered()
    producer.liquidate(act(), on=ON, reference="R-1")
    with pytest.raises(Conflict, match="producer_ceased"):
        transformed(producer)


def test_facts_after_a_transformation_name_the_producer_anew() -> None:
    producer = registered()
    before = producer.ref
    since = producer.last_event_id or ""
    transformed(producer)
    later = producer.last_event_id or ""
    assert producer.named(before, since=since) == producer.ref
    filed = msgspec.structs.replace(producer.ref, name=before.name)
    assert producer.named(filed, since=later) == filed


def told(producer: Producer, on: date, new_bin: str | None, new_name: OfficialText | None) -> Fact:
    fact = producer.transform(act(at("2026-05-04")), on=on, reference="R", new_bin=new_bin, new_name=new_name)
    assert fact is not None
    return fact


def test_transformations_count_in_the_order_of_their_days_whenever_they_were_told_art_51_6() -> None:
    """What was told first stands from later: it stays what the producer is called, under its BIN."""
    producer = registered()
    first, since = producer.ref, producer.last_event_id or ""
    told(producer, date(2026, 4, 15), OTHER_BIN, NAME)
    earlier = OfficialText(kk="«Дала» ТҚ", ru="ОДО «Дала»")
    late = told(producer, date(2026, 4, 1), THIRD_BIN, earlier).data
    assert isinstance(late, ProducerTransformed)
    assert (late.producer.bin, late.producer.name, late.former_bin) == (THIRD_BIN, earlier, BIN)
    assert (late.fields, late.superseded) == (("bin", "name"), ("bin", "name"))
    assert (producer.ref.bin, producer.ref.name) == (OTHER_BIN, NAME)
    assert producer.former_bins == (BIN, THIRD_BIN)
    days = (
        ("2026-03-31", BIN, first.name),
        ("2026-04-02", THIRD_BIN, earlier),
        ("2026-04-16", OTHER_BIN, NAME),
    )
    for day, number, name in days:
        found = producer.named(first, since=since, at=at(day))
        assert (found.bin, found.name) == (number, name)


def test_a_late_name_leaves_the_bin_of_its_day_and_repeated_it_changes_nothing() -> None:
    producer = registered()
    told(producer, date(2026, 4, 15), OTHER_BIN, None)
    late = told(producer, date(2026, 4, 1), None, NAME).data
    assert isinstance(late, ProducerTransformed)
    assert (late.producer.bin, late.fields, late.superseded) == (BIN, ("name",), ())
    assert (producer.ref.bin, producer.ref.name) == (OTHER_BIN, NAME)
    report = act(at("2026-05-05"))
    for day in (date(2026, 4, 1), date(2026, 4, 15)):
        again = producer.transform(report, on=day, reference="R", new_bin=OTHER_BIN, new_name=NAME)
        assert again is None


def test_an_iin_is_no_new_bin_and_never_enters_an_event_order_327_para_3_1() -> None:
    producer = registered()
    with pytest.raises(Invalid, match="bin_type"):
        transformed(producer, new_bin=IIN)
    assert producer.collect_events() == []


def test_no_event_can_name_a_producer_by_an_iin_as_its_bin() -> None:
    with pytest.raises(ValueError, match="BIN"):
        ProducerRef(producer_id=str(new_stream_id()), kind="legal_entity", bin=IIN)
