"""Each followed fact has its effect exactly once, whatever is read twice, dies between, or is broken."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from services.kernel.errors import Unavailable
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event, new_stream_id
from services.kernel.journal.units import CursorStep
from services.notifications.inbox.handling import Inbox
from services.notifications.schema import DELIVERIES, EVENTS, FOLLOWING, MESSAGES, PRODUCERS
from services.register.contract.erasures import PersonalDataErased
from services.register.contract.events import ApplicationFiled
from tests.notifications.given import BIN, IIN, filed, included, producer, received, withdrawn
from tests.notifications.office import Office


def broken(inbox: Inbox, kind: type[Event]) -> Inbox:
    """The inbox with one kind of event that fails after it has had its effect."""

    def failing(connection: sa.Connection, facts: Sequence[Foreign]) -> None:
        inbox.handle(connection, facts)
        if any(type(foreign.fact.data) is kind for foreign in facts):
            raise RuntimeError("the process dies here")

    return Inbox(inbox.registry, inbox.kinds, failing)


def effects(office: Office) -> tuple[int, int, int, int]:
    """Messages, deliveries, kept bodies, and the position."""
    counted = [len(office.rows(table)) for table in (MESSAGES, DELIVERIES, EVENTS)]
    return counted[0], counted[1], counted[2], office.position()


def test_a_fact_read_once_puts_one_message_and_one_delivery_for_each_subscription(office: Office) -> None:
    office.subscribe("a")
    office.subscribe("b")
    office.register.publish(filed())
    office.follow()
    assert effects(office) == (1, 2 + 2, 2 + 1, 1)  # two challenges stand beside


def test_a_fact_read_twice_has_its_effect_once(office: Office) -> None:
    office.subscribe()
    event = office.register.publish(filed())
    sink = office.sink()
    step = CursorStep("register", sink.position("register"), event.position)
    sink.apply(event, step)
    before = effects(office)
    with pytest.raises(Unavailable, match="position_moved"):
        sink.apply(event, step)
    office.follower().turn()
    assert effects(office) == before == (1, 2, 2, 1)


def test_a_second_follower_of_the_same_journal_adds_nothing(office: Office) -> None:
    office.subscribe()
    for _ in range(3):
        office.register.publish(filed())
    office.follower().turn()
    before = effects(office)
    office.follower().turn()
    assert effects(office) == before
    assert before[3] == 3


def test_what_dies_before_the_commit_leaves_neither_effect_nor_position(office: Office) -> None:
    office.subscribe()
    event = office.register.publish(filed())
    sink = office.sink(inbox=broken(office.inbox("register"), ApplicationFiled))
    with pytest.raises(RuntimeError, match="dies here"):
        sink.apply(event, CursorStep("register", sink.position("register"), 1))
    assert effects(office) == (0, 1, 1, 0)
    assert office.rows(PRODUCERS) == []
    office.follower().turn()
    assert effects(office) == (1, 2, 2, 1)


def test_a_broken_handler_parks_its_stream_only_and_is_tried_again_in_order(office: Office) -> None:
    office.subscribe()
    poisoned, healthy = new_stream_id(), new_stream_id()
    application = filed(application_id=str(poisoned))
    office.register.publish(application, poisoned)
    office.register.publish(withdrawn(application), poisoned)
    office.register.publish(received(application), healthy)
    failing = office.sink(inbox=broken(office.inbox("register"), ApplicationFiled))
    office.follower(sink=failing).turn()
    parked = office.rows(FOLLOWING.parked_events)
    assert [(row["position"], row["reason"], row["tries"]) for row in parked] == [
        (1, "RuntimeError", 1),
        (2, "behind_parked", 1),
        (3, "product_not_known_yet", 1),
    ]
    assert office.position() == 3
    assert office.rows(MESSAGES) == []

    office.follower().turn()
    assert office.rows(FOLLOWING.parked_events) == []
    assert [row["template_id"] for row in office.rows(MESSAGES)] == [
        "application_filed",
        "application_withdrawn",
        "inclusion_notification_received",
    ]
    assert len(office.rows(DELIVERIES, kind="event")) == 3


def test_other_streams_go_on_while_one_is_parked(office: Office) -> None:
    first, second = filed(), filed()
    office.register.publish(withdrawn(first), UUID(first.application_id))
    office.register.publish(second, UUID(second.application_id))
    office.follower().turn()
    assert [row["reason"] for row in office.rows(FOLLOWING.parked_events)] == ["application_not_known_yet"]
    assert [row["template_id"] for row in office.rows(MESSAGES)] == ["application_filed"]


def test_each_failed_try_of_a_parked_event_is_counted(office: Office) -> None:
    office.register.publish(withdrawn(filed()))
    for _ in range(3):
        office.follower().turn()
    assert office.row(FOLLOWING.parked_events)["tries"] == 3


def test_an_event_of_a_type_this_version_lacks_is_parked_with_its_bytes(office: Office) -> None:
    known = office.register.publish(filed())
    changed = {**msgspec.json.decode(known.record), "type": "kz.register.entry.renamed.v1", "id": "e2"}
    record = msgspec.json.encode({**changed, "subject": str(new_stream_id())}, order="sorted")
    office.register.record(record)
    office.register.publish(filed())
    office.follower().turn()
    parked = office.row(FOLLOWING.parked_events)
    assert (parked["position"], parked["type"]) == (2, "kz.register.entry.renamed.v1")
    assert bytes(parked["record"]) == record
    assert (office.position(), len(office.rows(MESSAGES))) == (3, 2)


def test_a_parked_individual_keeps_what_was_told_in_confidence(office: Office) -> None:
    whose = producer(None, iin_commitment="c0")
    event = office.register.publish(filed(whose), confidential={"iin": IIN})
    failing = office.sink(inbox=broken(office.inbox("register"), ApplicationFiled))
    office.follower(sink=failing).turn()
    assert office.rows(PRODUCERS) == []
    office.follower().turn()
    assert office.row(MESSAGES)["recipient"] == office.pseudonym(IIN)
    assert IIN.encode() not in event.record


def test_the_filing_of_an_individual_erased_since_does_not_stay_parked(office: Office) -> None:
    """A service that follows from the beginning anew: the confidence in which the IIN was told is gone."""
    whose = producer(None, iin_commitment="c0")
    office.register.publish(filed(whose))
    erased = PersonalDataErased(producer_id=whose.producer_id, fields=("iin",), reason="purpose_reached")
    follower = office.follower()
    follower.turn()
    assert follower.parked == 1
    office.register.publish(erased)
    follower.turn()
    follower.turn()
    assert follower.parked == 0
    assert office.row(MESSAGES)["recipient"] == f"erased:{whose.producer_id}"


def test_a_subscription_gets_the_types_and_the_producer_it_asked_for(office: Office) -> None:
    inclusions = office.subscribe("a", event_types=("kz.register.entry.included.v1",))
    others = office.subscribe("b", bin="971240001315")
    everything = office.subscribe("c", bin=BIN)
    application = filed()
    for data in (application, included(application), withdrawn(application)):
        office.register.publish(data)
    office.follow()
    events = {
        one: len(office.rows(DELIVERIES, subscription_id=one, kind="event"))
        for one in (inclusions, others, everything)
    }
    assert events == {inclusions: 1, others: 0, everything: 3}


def test_the_body_kept_for_posting_is_the_journals_record_byte_for_byte(office: Office) -> None:
    office.subscribe()
    event = office.register.publish(filed())
    office.follow()
    kept = office.row(EVENTS, event_id=event.header.id)
    assert bytes(kept["body"]) == event.record
    assert (kept["position"], kept["type"]) == (1, "kz.register.application.filed.v2")
