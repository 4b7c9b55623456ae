"""What waits, and who is reminded of it, in whatever order facts are handled.

A fact that cannot be handled yet parks, and only its own stream waits: what it opens may have ended by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import ALMATY
from services.kernel.feed.following import Foreign, decoded
from services.kernel.journal.events import Event, new_event_id
from services.notifications.inbox.matters import MATTERS_OF
from services.notifications.projections.known import Known
from services.notifications.projections.matters import MATTERS, Matters, to_remind
from services.notifications.schema import MESSAGES
from services.notifications.usecases.remind import remind
from services.register.contract import corrections
from services.register.contract import events as register
from services.register.contract.events import REGISTER_EVENTS, ApplicationFiled
from tests.notifications.given import (
    BIN,
    OTHER_BIN,
    PRODUCT,
    REASONS,
    appealed,
    filed,
    included,
    producer,
    received,
    term,
)
from tests.notifications.inbox.test_overtaken import Told, overtaken
from tests.notifications.office import Office, Publisher

PHASES: Final = (Phase.explicit, Phase.reuse, Phase.generate)
DAYS_LOOKED_AT: Final = (date(2026, 3, 8), date(2026, 3, 30))


def facts_of(application: ApplicationFiled) -> dict[str, Event]:
    """All that begins or ends a matter of the register about one product."""
    entry, of = application.product_id, application.producer
    exclusion: dict[str, Any] = {"entry_id": entry, "producer": of, "reasons": REASONS}
    notification = received(application, notification_id=f"n-{application.number}")
    return {
        "received": notification,
        "returned": register.NotificationReturned(
            notification_id=notification.notification_id,
            revision=1,
            case_id=notification.case_id,
            application_id=application.application_id,
            producer_id=of.producer_id,
            remarks=REASONS,
            rework_term=term("rework", "2026-03-09"),
        ),
        "settled": register.NotificationSettled(
            notification_id=notification.notification_id, outcome="included"
        ),
        "asked out": register.ExclusionRequested(
            entry_id=entry, producer_id=of.producer_id, term=term("exclusion_request", "2026-03-09")
        ),
        "excluded": register.Excluded(
            ground="software_monitoring",
            excluded_on="2026-03-02",
            appeal_term=term("appeal", "2026-04-01"),
            **exclusion,
        ),
        "reinstated": register.Reinstated(
            notification_id=notification.notification_id,
            annuls_from_start=False,
            exclusion_event_id=new_event_id(),
            reinstated_on="2026-03-20",
            **exclusion,
        ),
        "included": included(application),
        "corrected": corrections.EntryCorrected(
            corrected_event_id=new_event_id(), status="annulled", **exclusion
        ),
        "liquidated": register.ProducerLiquidated(producer=of, liquidated_on="2026-03-02", reference="r-1"),
    }


LIVES: Final = [
    facts_of(filed(producer(number), number=f"{place:010}"))
    for place, number in enumerate((BIN, OTHER_BIN, OTHER_BIN))
]
FACTS: Final = st.tuples(st.sampled_from(LIVES), st.sampled_from(sorted(LIVES[0]))).map(
    lambda told: told[0][told[1]]
)


def journal_of(facts: Sequence[Event]) -> list[Foreign]:
    register_journal = Publisher("register")
    return [decoded(register_journal.publish(fact), REGISTER_EVENTS) for fact in facts]


def handled(connection: sa.Connection, facts: Sequence[Foreign], sizes: int) -> dict[str, Any]:
    """What waits after facts were handled in this order, so many at once, and of what is reminded then."""
    known = Known(connection)
    for number in range(0, len(facts), sizes):
        some = facts[number : number + sizes]
        matters = Matters(connection)
        matters.expect([foreign.fact.data for foreign in some])
        for foreign in some:
            MATTERS_OF[type(foreign.fact.data)](matters, known, foreign)
        matters.write()
    left = connection.execute(sa.select(MATTERS).order_by(MATTERS.c.matter_id)).mappings().all()
    reminded = [
        to_remind(connection, day, 7, authorities=authorities, limit=100)
        for day in DAYS_LOOKED_AT
        for authorities in (True, False)
    ]
    return {"left": [dict(row) for row in left], "reminded": reminded}


@settings(max_examples=25, phases=PHASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), facts=st.lists(FACTS, min_size=2, max_size=9), sizes=st.integers(1, 4))
def test_in_whatever_order_facts_are_handled_the_same_waits_and_is_reminded_of(
    office: Office, data: st.DataObject, facts: list[Event], sizes: int
) -> None:
    journal = journal_of(facts)
    order = data.draw(st.permutations(journal))
    with office.database.write() as connection:
        known = Known(connection)
        for life in LIVES:
            application = life["received"]
            assert isinstance(application, register.NotificationReceived)
            known.learn_product(application.product_id, application.producer.producer_id, PRODUCT.name, 0)
            known.learn_application(application.application_id or "", application.product_id, "1")
        known.write()
        outer = connection.begin_nested()
        in_order = handled(connection, journal, 1)
        outer.rollback()
        outer = connection.begin_nested()
        assert handled(connection, order, sizes) == in_order
        outer.rollback()


def test_an_exclusion_handled_after_its_appeal_opens_no_term_again(office: Office) -> None:
    """Law 86-VII art. 51-2(5): nobody is reminded to file what was filed."""
    application = filed(producer())
    out = facts_of(application)["excluded"]
    overtaken(
        office, [(application, {}), (included(application), {})], (out, {}), [(appealed(application), {})]
    )
    assert office.rows(MATTERS) == []
    assert len(office.rows(MESSAGES, template_id="excluded_by_monitoring")) == 1, "it is told all the same"
    noon = datetime(2026, 3, 25, 12, tzinfo=ALMATY)
    assert remind(office.database, (7,), authorities=False, now=noon) == 0


def test_a_later_exclusion_has_a_term_though_an_earlier_one_is_handled_after_it(office: Office) -> None:
    application = filed(producer())
    facts = facts_of(application)
    again = msgspec.structs.replace(facts["excluded"], appeal_term=term("appeal", "2026-05-01"))
    begun: list[Told] = [(application, {}), (included(application), {})]
    overtaken(office, begun, (facts["excluded"], {}), [(facts["reinstated"], {}), (again, {})])
    assert [row["due_on"] for row in office.rows(MATTERS)] == ["2026-05-01"]
