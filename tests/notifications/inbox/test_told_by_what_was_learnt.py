"""What a fact concerns that names neither product nor producer, and a producer under its former BIN."""

from __future__ import annotations

from typing import Any, Final

import pytest

from services.notifications.schema import LISTINGS, MESSAGES
from services.register.contract.events import NotificationSettled, TermMissed
from services.verification.contract.events import TrustedSoftwareDelisted, TrustedSoftwareListed
from tests.notifications.given import (
    BIN,
    OTHER_BIN,
    PRODUCT,
    filed,
    included,
    producer,
    received,
    term,
    transformed,
)
from tests.notifications.inbox.test_filters import heard
from tests.notifications.office import Office
from tests.notifications.usecases.redelivering import all_delivered, replayed, run

NEW_BIN: Final = "151040025562"
WANTED: Final = ("kz.register.notification.settled.v1", "kz.register.term.missed.v1")


def settle(office: Office, number: str) -> str:
    """A filing whose notification is late (order 327 para. 9) and comes to nothing; returns the product."""
    application = filed(producer(number))
    notification = received(application)
    office.register.publish(application)
    office.register.publish(notification)
    subject = notification.notification_id
    late = term("review", "2026-03-16")
    office.register.publish(TermMissed(term=late, subject_id=subject, missed_by="industry_authority"))
    office.register.publish(NotificationSettled(notification_id=subject, outcome="no_effect", reason="x"))
    return application.product_id


@pytest.mark.parametrize(
    "bound", [{"bin": BIN}, {"region": "75", "bin": BIN}, {"track": "confirmation", "bin": BIN}, {}]
)
def test_a_settled_notification_and_a_missed_term_meet_bounds_on_their_product(
    office: Office, bound: dict[str, Any]
) -> None:
    own = settle(office, BIN)
    settle(office, OTHER_BIN)
    subscription = office.subscribe(event_types=WANTED, **(bound or {"product_id": own}))
    stranger = office.subscribe(event_types=WANTED, track="appeal")
    office.follow()
    assert heard(office, subscription) == ["term.missed.v1", "notification.settled.v1"]
    assert heard(office, stranger) == []
    all_delivered(office)
    replayed(office, subscription)
    run(office)
    assert all_delivered(office) == [3, 4]


def test_a_missed_term_of_an_entry_meets_bounds_on_it(office: Office) -> None:
    application = filed()
    entry = application.product_id
    subscription = office.subscribe(event_types=WANTED, product_id=entry, status="included")
    office.register.publish(application)
    office.register.publish(included(application))
    late = term("exclusion", "2026-03-05")
    office.register.publish(TermMissed(term=late, subject_id=entry, missed_by="industry_authority"))
    office.follow()
    assert heard(office, subscription) == ["term.missed.v1"]


def test_whoever_follows_a_bin_hears_its_producer_before_and_after_a_transformation(office: Office) -> None:
    """Law 86-VII art. 51-6: the producer stays in the register under its new BIN."""
    ref = producer(BIN)
    before, after = office.subscribe(bin=BIN), office.subscribe(bin=NEW_BIN)
    stranger = office.subscribe(bin=OTHER_BIN)
    application, change = filed(ref), transformed(ref, NEW_BIN)
    office.register.publish(application)
    office.register.publish(change)
    office.register.publish(included(application, producer=change.producer))
    office.follow()
    life = ["application.filed.v2", "producer.transformed.v1", "entry.included.v1"]
    assert (heard(office, before), heard(office, after)) == (life, life[1:])
    assert heard(office, stranger) == []
    all_delivered(office)
    replayed(office, after)
    run(office)
    assert all_delivered(office) == [1, 2, 3]


def test_what_concerns_a_holder_by_its_former_bin_reaches_its_account(office: Office) -> None:
    ref = producer(BIN)
    office.register.publish(filed(ref))
    listing = TrustedSoftwareListed(
        listing_id="l-1", reference="T-1", product_name=PRODUCT.name, holder_bin=BIN, listed_on="2026-03-02"
    )
    office.verification.publish(listing)
    office.follow()
    office.register.publish(transformed(ref, NEW_BIN))
    office.follow()
    delisted = TrustedSoftwareDelisted(listing_id="l-1", ground=PRODUCT.name, delisted_on="2026-03-03")
    office.verification.publish(delisted)
    office.follow()
    assert office.row(LISTINGS)["holder"] == BIN
    assert {row["recipient"] for row in office.rows(MESSAGES)} == {NEW_BIN}
    assert "trusted_software_delisted" in {row["template_id"] for row in office.rows(MESSAGES)}
