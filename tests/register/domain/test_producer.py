"""Liquidation, reorganisation, transformation: law 86-VII art. 51-6, order 327 para. 30."""

from __future__ import annotations

from datetime import date

import pytest

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.events import Fact, new_stream_id
from services.register.contract.events import ProducerTransformed
from services.register.domain.producer import Producer
from tests.register.given import BIN, IIN, OTHER_BIN, act, at, registered

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
    assert producer.named(before, since=later) == before


def test_an_iin_is_no_new_bin_and_never_enters_an_event_order_327_para_3_1() -> None:
    producer = registered()
    with pytest.raises(Invalid, match="bin_type"):
        transformed(producer, new_bin=IIN)
    assert producer.collect_events() == []


def test_no_event_can_name_a_producer_by_an_iin_as_its_bin() -> None:
    with pytest.raises(ValueError, match="BIN"):
        ProducerRef(producer_id=str(new_stream_id()), kind="legal_entity", bin=IIN)
