"""Facts that are recorded together have the effects they have one after the other, or none of them."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.kernel.feed.following import Foreign, Upstream
from services.kernel.feed.sinks import Shelf, TableSink
from services.kernel.journal.events import Event, new_stream_id
from services.kernel.journal.units import CursorStep
from services.notifications.channel_tables import DISPATCHES
from services.notifications.delivery_tables import ENDPOINTS
from services.notifications.inbox.handling import Inbox
from services.notifications.projections.contacts import contact_of
from services.notifications.projections.subscriptions import subscription_of
from services.notifications.schema import (
    DELIVERIES,
    FOLLOWING,
    MESSAGES,
    METADATA,
    PRODUCERS,
    RECEIPTS,
    SUBSCRIPTIONS,
    VAULT,
)
from services.notifications.usecases.subscribe import unsubscribe
from services.register.contract.erasures import PersonalDataErased
from services.register.contract.events import (
    ApplicationFiled,
    Excluded,
    ExclusionRequested,
    NotificationReturned,
    NotificationSettled,
    ProducerLiquidated,
    ProducerTransformed,
    Reinstated,
)
from tests.notifications.given import (
    BIN,
    IIN,
    OTHER_BIN,
    REASONS,
    filed,
    included,
    producer,
    received,
    term,
    withdrawn,
)
from tests.notifications.office import Office
from tests.notifications.usecases.trying import answered, claimed, recorded
from tests.personal import keyed

APART: Final = {DELIVERIES, SUBSCRIPTIONS, ENDPOINTS, RECEIPTS}
"""What stands before a run: subscriptions with their challenges; nobody has opened anything."""
COMPARED: Final = [
    table
    for table in METADATA.sorted_tables
    if table not in {*APART, MESSAGES, DISPATCHES, VAULT.table, VAULT.doomed, FOLLOWING.parked_events}
]
"""What is the same to the letter: no id or ciphertext that chance gives stands in it."""
KINDS: Final = (
    "filed",
    "included",
    "excluded",
    "reinstated",
    "withdrawn",
    "received",
    "returned",
    "settled",
    "asked out",
    "transformed",
    "liquidated",
    "erased",
)
PHASES: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example takes too long to be made smaller."""
NOT_YET: Final = {f"{what}_not_known_yet" for what in ("application", "product", "producer", "entry")} | {
    "behind_parked"
}
Choice = tuple[str, int, int]
"""The kind of a fact, and which of the applications and which of two variants it takes."""
CHOICES: Final = st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 1))
FILED: Final[list[Choice]] = [("filed", number, 0) for number in range(4)]


class Life:
    """Four applications of two producers for three products, and what is published about them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        legal, individual = producer(BIN), producer(None, iin_commitment="c0")
        firsts = [filed(legal), filed(individual), filed(legal)]
        again = filed(individual, product_id=firsts[1].product_id, follows=firsts[1].application_id)
        self.applications: list[ApplicationFiled] = [*firsts, again]
        self.last: dict[int, str] = {}

    def publish(self, choices: Sequence[Choice]) -> None:
        """A journal of just these facts."""
        self.office.register.events.clear()
        self.last.clear()
        for kind, number, variant in choices:
            fact = self.fact(kind, number, variant)
            names = [getattr(fact, name, None) for name in ("application_id", "entry_id", "producer_id")]
            whose = self.applications[number].producer
            stream = UUID(next((name for name in names if name is not None), whose.producer_id))
            confidential = {"email": f"{variant}@example.kz", **({} if whose.bin else {"iin": IIN})}
            told = confidential if kind == "filed" else None
            event = self.office.register.publish(fact, stream, told)
            if kind == "excluded":
                self.last[number] = event.header.id

    def fact(self, kind: str, number: int, variant: int) -> Event:
        application = self.applications[number]
        of, entry, notification = application.producer, application.product_id, f"n-{number}-{variant}"
        facts: dict[str, Event] = {
            "filed": application,
            "included": included(application, notification_id=notification),
            "withdrawn": withdrawn(application),
            "received": received(application, notification_id=notification),
            "excluded": Excluded(
                entry_id=entry,
                producer=of,
                ground="software_monitoring",
                excluded_on="2026-03-02",
                reasons=REASONS,
                notification_id=notification,
                appeal_term=term("appeal", "2026-04-01"),
            ),
            "reinstated": Reinstated(
                entry_id=entry,
                producer=of,
                notification_id=notification,
                annuls_from_start=False,
                exclusion_event_id=self.last.get(number, "none"),
                reinstated_on="2026-03-20",
                reasons=REASONS,
                appeal_id="a-1",
            ),
            "returned": NotificationReturned(
                notification_id=notification,
                revision=1,
                case_id="c-1",
                application_id=application.application_id,
                producer_id=of.producer_id,
                remarks=REASONS,
                rework_term=term("rework", "2026-03-09"),
            ),
            "settled": NotificationSettled(notification_id=notification, outcome="included"),
            "asked out": ExclusionRequested(entry_id=entry, producer_id=of.producer_id),
            "transformed": ProducerTransformed(
                producer=producer((BIN, OTHER_BIN)[variant], producer_id=of.producer_id),
                former_bin=BIN,
                transformed_on="2026-03-02",
                reference="r-1",
            ),
            "liquidated": ProducerLiquidated(producer=of, liquidated_on="2026-03-02", reference="r-1"),
            "erased": PersonalDataErased(
                producer_id=of.producer_id, fields=("email",), reason="purpose_reached"
            ),
        }
        return facts[kind]


class Split(TableSink):
    """Takes as many events at once as it is told, anew for each transaction."""

    sizes: Iterator[int]

    def apply_all(self, events: Sequence[Upstream], step: CursorStep) -> None:
        super().apply_all(events, step)
        self.at_once = next(self.sizes)


def follow(office: Office, sizes: Sequence[int]) -> None:
    """Read the journal to its end from nothing, and once more for what was parked."""
    with office.database.write() as connection:
        connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.kind == "event"))
        for table in METADATA.sorted_tables:
            if table not in APART:
                connection.execute(sa.delete(table))
    inbox, shelf = office.inbox("register"), Shelf(office.database, FOLLOWING, clock=office.clock)
    sink = Split(office.database, FOLLOWING, shelf, inbox.registry, inbox.kinds, inbox.handle)
    sink.sizes = itertools.cycle(sizes)
    sink.at_once = next(sink.sizes)
    for _ in range(2):
        office.follower(sink=sink).turn()


def left(office: Office, life: Life) -> dict[str, Any]:
    """All that was written, without the ids and ciphertexts that chance gives."""
    messages = office.rows(MESSAGES)
    occasions = {row["message_id"]: row["occasion"] for row in messages}
    lines = defaultdict(list)
    for row in office.rows(DELIVERIES, kind="event"):
        lines[row["subscription_id"]].append({**row, "delivery_id": None})
    producers = {one.producer.producer_id for one in life.applications}
    with office.database.read() as connection:
        contacts = {one: contact_of(connection, one) for one in producers}
    return {
        "messages": [{**row, "message_id": None} for row in messages],
        "dispatches": sorted(
            (occasions[row["message_id"]], row["channel"], row["state"]) for row in office.rows(DISPATCHES)
        ),
        "deliveries": dict(lines),
        "contacts": contacts,
        "parked": [
            (row["position"], row["reason"], row["tries"]) for row in office.rows(FOLLOWING.parked_events)
        ],
        "position": office.position(),
        **{table.name: office.rows(table) for table in COMPARED},
    }


@settings(
    max_examples=12,
    phases=PHASES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    begins=st.sampled_from([FILED, FILED, []]),
    goes_on=st.lists(CHOICES, min_size=4, max_size=16),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
)
def test_however_facts_are_split_into_batches_they_leave_the_same(
    settled: tuple[Office, Life], begins: list[Choice], goes_on: list[Choice], sizes: list[int]
) -> None:
    """Among them are facts for which no account or product is known: they park, and are tried again."""
    office, life = settled
    life.publish(begins + goes_on)
    follow(office, [1])
    one_by_one = left(office, life)
    assert {reason for _position, reason, _tries in one_by_one["parked"]} <= NOT_YET
    follow(office, sizes)
    assert left(office, life) == one_by_one


@pytest.fixture
def settled(office: Office) -> tuple[Office, Life]:
    """Subscriptions with every kind of filter, two of them in order; messages go out by e-mail too."""
    office.channels = ("email",)
    with office.database.write() as connection:  # each example begins with no message
        if office.database.is_postgresql:
            connection.exec_driver_sql("DROP TRIGGER messages_stay ON messages")
        else:
            connection.exec_driver_sql("DROP TRIGGER messages_no_delete")
    life = Life(office)
    office.subscribe("all")
    office.subscribe("in order", ordering="fifo")
    office.subscribe("waiting", active=False)
    office.subscribe("a producer's", bin=BIN)
    office.subscribe("the later bin's", bin=OTHER_BIN, state="paused")
    office.subscribe("excluded", status="excluded", ordering="fifo")
    office.subscribe("a product's", product_id=life.applications[1].product_id)
    office.subscribe("a region's", region="75", event_types=("kz.register.entry.*",))
    return office, life


def test_a_fact_that_cannot_be_handled_parks_alone_and_those_beside_it_have_their_effect(
    office: Office,
) -> None:
    subscription = office.subscribe()
    unknown = filed()
    for fact in (filed(), filed(), withdrawn(unknown), filed(), included(unknown), filed()):
        office.register.publish(fact)
    office.follower().turn()
    parked = [(row["position"], row["reason"]) for row in office.rows(FOLLOWING.parked_events)]
    assert parked == [(3, "application_not_known_yet"), (5, "product_not_known_yet")]
    assert (len(office.rows(MESSAGES)), office.position()) == (4, 6)
    assert len(office.rows(DELIVERIES, subscription_id=subscription, kind="event")) == 4


def test_one_subjects_facts_stand_in_line_behind_each_other_and_behind_what_waits(office: Office) -> None:
    in_order, free = office.subscribe("a", ordering="fifo"), office.subscribe("b")
    subject, other = new_stream_id(), new_stream_id()
    application = filed()

    def states(subscription: str) -> list[tuple[str, str | None]]:
        rows = office.rows(DELIVERIES, subscription_id=subscription, kind="event")
        return [(row["state"], row["subject"]) for row in rows]

    office.register.publish(application, subject)
    office.register.publish(included(application), subject)
    office.register.publish(filed(), other)
    office.follow()
    first, second = str(subject), str(other)
    assert states(in_order) == [("pending", first), ("waiting", first), ("pending", second)]
    assert states(free) == [("pending", None)] * 3
    office.register.publish(withdrawn(application), subject)
    office.follow()
    assert states(in_order)[-1] == ("waiting", first)
    for _ in range(3):
        for one in claimed(office):
            recorded(office, one, answered(200))
    assert {state for state, _subject in states(in_order)} == {"delivered"}
    rows = office.rows(DELIVERIES, subscription_id=in_order, subject=first)
    assert [row["event_id"] for row in rows] == [
        event.header.id for event in office.register.events if event.stream_id == subject
    ]


def test_a_process_that_dies_before_the_commit_leaves_nothing_of_a_batch(
    office: Office, database_url: str
) -> None:
    office.subscribe()
    whose = producer()
    for _ in range(5):
        office.register.publish(filed(whose))

    def dying() -> None:
        inner = Office(keyed(database_url), office.clock, register=office.register)
        inbox = inner.inbox("register")

        def handle(connection: sa.Connection, facts: Sequence[Foreign]) -> None:
            inbox.handle(connection, facts)
            os.kill(os.getpid(), signal.SIGKILL)

        sink = inner.sink(inbox=Inbox(inbox.registry, inbox.kinds, handle))
        sink.position("register")
        sink.apply_all(office.register.events, CursorStep("register", 0, 5))

    process = multiprocessing.get_context("fork").Process(target=dying)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (office.rows(MESSAGES), office.rows(PRODUCERS), office.position()) == ([], [], 0)
    assert office.rows(DELIVERIES, kind="event") == []
    office.follow()
    assert (len(office.rows(MESSAGES)), office.position()) == (5, 5)
    assert len(office.rows(DELIVERIES, kind="event")) == 5


def test_an_owners_command_waits_for_what_is_being_queued_and_a_delivery_does_not(
    office: Office, database_url: str
) -> None:
    """So whoever ends a subscription cancels all that was queued for it."""
    subscription = office.subscribe()
    office.register.publish(filed())
    office.follow()
    (posted,) = claimed(office)
    event = office.register.publish(filed())
    inbox = office.inbox("register")

    def handle(connection: sa.Connection, facts: Sequence[Foreign]) -> None:
        inbox.handle(connection, facts)
        if connection.dialect.name != "postgresql":  # nobody else writes meanwhile
            return
        assert recorded(office, posted, answered(200)) == "delivered"
        with office.database.write() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                subscription_of(other, "owner", subscription, to_change=True)

    sink = office.sink(inbox=Inbox(inbox.registry, inbox.kinds, handle))
    sink.apply(event, CursorStep("register", 1, 2))
    with office.database.write() as connection:
        subscription_of(connection, "owner", subscription, to_change=True)
        unsubscribe(connection, subscription, now=office.now())
    assert {row["state"] for row in office.rows(DELIVERIES, kind="event")} <= {"delivered", "cancelled"}
    office.register.publish(filed())
    office.follow()
    assert len(office.rows(DELIVERIES, kind="event")) == 2
