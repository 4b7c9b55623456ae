"""What an older fact tells does not replace what a later one told, though the older is handled after it.

A fact that cannot be handled yet parks, and only its own stream waits: a filing is tried again when its
producer's and its entry's facts have long gone on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest
import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.feed.following import Foreign
from services.kernel.journal.events import Event, new_event_id
from services.notifications.inbox.handling import Inbox
from services.notifications.projections.contacts import Contact, contact_of
from services.notifications.projections.known import account_holder
from services.notifications.schema import FORMER_BINS, MESSAGES, PRODUCERS, PRODUCTS, VAULT
from services.register.contract.corrections import EntryCorrected
from services.register.contract.erasures import PersonalDataErased
from services.register.contract.events import Activity, ApplicationFiled, Product
from tests.notifications.given import (
    BIN,
    IIN,
    PRODUCT,
    REASONS,
    filed,
    included,
    producer,
    transformed,
    updated,
)
from tests.notifications.office import Office

NEW_BIN: Final = "151040025562"
LAST_BIN: Final = "081140010218"
NAME: Final = OfficialText(kk="Жаңа атау", ru="Новое название")
ELSEWHERE: Final = Activity(oked_primary="62010", kato="710000000")
RENAMED: Final = Product(
    name=NAME, tn_ved=PRODUCT.tn_ved, kpved=PRODUCT.kpved, ens_tru=PRODUCT.ens_tru, capacity_per_year="1000"
)
Told = tuple[Event, dict[str, str]]


def overtaken(office: Office, first: Sequence[Told], late: Told, later: Sequence[Told]) -> None:
    """Follow facts of which one parks, and is handled when those after it are."""

    def publish(told: Sequence[Told]) -> None:
        for data, confidential in told:
            office.register.publish(data, confidential=confidential)

    inbox = office.inbox("register")

    def failing(connection: sa.Connection, facts: Sequence[Foreign]) -> None:
        inbox.handle(connection, facts)
        if any(foreign.fact.data == late[0] for foreign in facts):
            raise RuntimeError("not yet")

    publish(first)
    publish([late])
    publish(later)
    sink = office.sink(inbox=Inbox(inbox.registry, inbox.kinds, failing))
    follower = office.follower(sink=sink)
    follower.turn()
    assert follower.parked == 1
    office.follow()


def corrected(application: ApplicationFiled, **given: Any) -> EntryCorrected:
    return EntryCorrected(
        entry_id=application.product_id,
        producer=application.producer,
        corrected_event_id=new_event_id(),
        reasons=REASONS,
        kind="restatement",
        corrected="inclusion",
        status="included",
        **given,
    )


def test_a_filing_under_the_former_bin_leaves_the_account_with_the_new_one(office: Office) -> None:
    """Law 86-VII art. 51-6: the producer goes on under its new BIN, and so does its account."""
    ref = producer(BIN)
    overtaken(office, [(filed(ref), {})], (filed(ref), {}), [(transformed(ref, NEW_BIN), {})])
    assert office.row(PRODUCERS)["identifier"] == NEW_BIN
    assert [row["recipient"] for row in office.rows(MESSAGES)] == [NEW_BIN] * 3


def test_a_transformation_handled_after_a_filing_under_the_new_bin_adds_the_former_one(
    office: Office,
) -> None:
    ref = producer(BIN)
    change = transformed(ref, NEW_BIN)
    again = transformed(change.producer, LAST_BIN)
    overtaken(office, [(filed(ref), {})], (change, {}), [(filed(again.producer), {})])
    assert office.row(PRODUCERS)["identifier"] == LAST_BIN
    assert office.row(FORMER_BINS)["bin"] == BIN
    assert {row["recipient"] for row in office.rows(MESSAGES)} == {LAST_BIN}


@pytest.mark.parametrize("by_update", [False, True])
def test_the_language_and_the_address_told_last_hold(office: Office, by_update: bool) -> None:
    office.channels = ("email",)
    ref = producer()
    first, late, last = filed(ref), filed(ref, language="en"), filed(ref, language="ru")
    new = {"email": "new@example.kz"}
    later: list[Told] = [(last, {}), (updated(first), new)] if by_update else [(last, new)]
    overtaken(office, [(first, {}), (included(first), {})], (late, {"email": "old@example.kz"}), later)
    assert office.row(PRODUCERS)["language"] == "ru"
    with office.database.read() as connection:
        assert contact_of(connection, ref.producer_id).email == "new@example.kz"


def test_what_only_the_older_filing_told_is_learnt_from_it(office: Office) -> None:
    """A later fact about something else does not stand in its way."""
    office.channels = ("email",)
    ref = producer()
    first = filed(ref)
    late = filed(ref, product_id=first.product_id, product=RENAMED, language="ru")
    moved = updated(first, fields=("kato",), activity=ELSEWHERE)
    overtaken(
        office, [(first, {}), (included(first), {})], (late, {"email": "told@example.kz"}), [(moved, {})]
    )
    assert office.row(PRODUCERS)["language"] == "ru"
    product = office.row(PRODUCTS)
    assert (product["name_kk"], product["region"]) == (NAME.kk, ELSEWHERE.kato)
    with office.database.read() as connection:
        assert contact_of(connection, ref.producer_id).email == "told@example.kz"


def test_a_name_and_a_region_that_were_corrected_hold(office: Office) -> None:
    first = filed()
    late = filed(first.producer, product_id=first.product_id)
    later = corrected(first, product=RENAMED, activity=ELSEWHERE)
    overtaken(office, [(first, {}), (included(first), {})], (late, {}), [(later, {})])
    product = office.row(PRODUCTS)
    assert (product["name_ru"], product["region"]) == (NAME.ru, ELSEWHERE.kato)


def test_what_was_told_before_an_erasure_is_not_learnt_after_it(office: Office) -> None:
    """Law 418-V art. 36: nobody finds an erased individual's account by its IIN any more."""
    office.channels = ("email", "portal")
    ref = producer(None, iin_commitment="c0")
    erased = PersonalDataErased(producer_id=ref.producer_id, fields=("email",), reason="purpose_reached")
    told = {"iin": IIN, "email": "old@example.kz"}
    overtaken(office, [(filed(ref), told)], (filed(ref), told), [(erased, {})])
    assert {row["recipient"] for row in office.rows(MESSAGES)} == {f"erased:{ref.producer_id}"}
    with office.database.read() as connection:
        assert contact_of(connection, ref.producer_id) == Contact()


def test_an_erasure_handled_late_leaves_what_was_told_after_it(office: Office) -> None:
    """Law 418-V art. 36: it reaches what stood there then, and a filing since is not of that."""
    office.channels = ("email", "portal")
    ref = producer(None, iin_commitment="c0")
    erased = PersonalDataErased(producer_id=ref.producer_id, fields=("email",), reason="purpose_reached")
    old, new = ({"iin": IIN, "email": email} for email in ("old@example.kz", "new@example.kz"))
    overtaken(office, [(filed(ref), old)], (erased, {}), [(filed(ref), new)])
    row = office.row(PRODUCERS)
    assert (row["email_told_at"], row["identifier_told_at"]) == (3, 3)
    with office.database.read() as connection:
        assert contact_of(connection, ref.producer_id) == Contact(IIN, "new@example.kz")
        assert account_holder(connection, IIN) == ref.producer_id


def test_of_who_filed_anew_only_what_was_not_filed_since_is_erased(office: Office) -> None:
    """A repeated erasure (law 418-V art. 36): one key opened both values, and it goes."""
    office.channels = ("email", "portal")
    ref = producer(None, iin_commitment="c0")
    filing = office.register.publish(filed(ref), confidential={"iin": IIN, "email": "old@example.kz"})
    office.follow()
    (before,) = {row["key_id"] for row in office.rows(VAULT.table)}
    erased = PersonalDataErased(
        producer_id=ref.producer_id,
        fields=("email",),
        reason="erased_before",
        kept=("iin",),
        told_in=(filing.header.id,),
    )
    office.register.publish(erased)
    office.follow()
    with office.database.read() as connection:
        assert contact_of(connection, ref.producer_id) == Contact(iin=IIN)
        assert account_holder(connection, IIN) == ref.producer_id
    assert [row["key_id"] for row in office.rows(VAULT.doomed)] == [before]
