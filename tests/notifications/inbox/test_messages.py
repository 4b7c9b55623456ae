"""Each legal step puts exactly one message into the account, in Kazakh, Russian and English.

The register's facts are those of its own journal, decided by its own use cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.kernel.contract import OfficialText
from services.kernel.journal.events import new_event_id, new_stream_id
from services.notifications.projections.contacts import contact_of
from services.notifications.schema import FOLLOWING, MESSAGES
from services.register.contract.events import NotificationReturned
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.updating import Given
from services.register.usecases.end_producer import EndProducer, end_producer
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.register.usecases.return_notification import ReturnNotification, return_notification
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from services.verification.contract import events as verification
from tests.notifications.given import (
    BIN,
    IIN,
    OTHER_BIN,
    PRODUCT,
    REASONS,
    filed,
    included,
    producer,
    term,
    updated,
)
from tests.notifications.office import Office, open_office
from tests.register.desk import RECTIFIED, Desk, open_desk
from tests.register.given import AUTOMATIC
from tests.register.given import REASONS as REMARKS


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Desk]:
    """A register where every step waits for an officer."""
    with open_desk(f"sqlite:///{tmp_path / 'register.sqlite'}") as opened:
        yield opened


@pytest.fixture
def automatic(tmp_path: Path) -> Iterator[Desk]:
    """A register where no step waits."""
    with open_desk(f"sqlite:///{tmp_path / 'register.sqlite'}", AUTOMATIC) as opened:
        yield opened


def follow(office: Office, desk: Desk) -> None:
    """Let notifications read the register's journal to its end."""
    after = len(office.register.events)
    for page in desk.journal.replay(after=after):
        for recorded in page:
            office.register.record(recorded.record)
    office.follower().turn()
    assert office.rows(FOLLOWING.parked_events) == []


def told(office: Office) -> list[str]:
    """The templates of all messages in order, each checked to be one, whole, and in three languages."""
    rows = office.rows(MESSAGES)
    assert max(Counter(row["event_id"] for row in rows).values(), default=1) == 1
    for row in rows:
        texts = msgspec.json.decode(bytes(row["texts"]), type=dict[str, dict[str, str]])
        assert set(texts) == {"kk", "ru", "en"}
        for part in ("subject", "body"):
            written = [texts[language][part] for language in ("kk", "ru", "en")]
            assert all(text.strip() for text in written)
            assert len(set(written)) == 3, written
            assert not any("{" in text for text in written)
    return [row["template_id"] for row in rows]


def appeal(desk: Desk, entry: Entry) -> str:
    command = FileAppeal(entry_id=entry.id, by=BIN, grounds="Келіспейміз", language="kk")
    file_appeal(desk.journal, command, desk.act("producer"))
    return desk.journal.load(Entry, entry.id).state.appeals[-1].appeal_id


def test_filing_review_and_inclusion(office: Office, waiting: Desk) -> None:
    waiting.include()
    follow(office, waiting)
    assert told(office) == ["application_filed", "inclusion_notification_received", "included"]
    assert {row["recipient"] for row in office.rows(MESSAGES)} == {BIN}
    due = [row["due_on"] for row in office.rows(MESSAGES)]
    assert due[0] is None
    assert due[1] is not None


def test_a_return_for_rework_tells_the_remarks_and_the_term(office: Office, waiting: Desk) -> None:
    content = waiting.notify("confirmation", "confirmed", waiting.file())
    command = ReturnNotification(notification_id=UUID(content.notification_id), remarks=REMARKS)
    return_notification(waiting.journal, command, waiting.act(), waiting.procedure)
    follow(office, waiting)
    assert told(office)[-1] == "notification_returned"
    row = office.rows(MESSAGES)[-1]
    (returned,) = [event for event in waiting.events() if isinstance(event, NotificationReturned)]
    assert row["due_on"] == returned.rework_term.due_on
    assert REMARKS.ru in bytes(row["texts"]).decode()


def test_withdrawal(office: Office, waiting: Desk) -> None:
    application = waiting.file()
    command = WithdrawApplication(application_id=application.id, by=BIN, reason="Қате")
    withdraw_application(waiting.journal, command, waiting.act("producer"))
    follow(office, waiting)
    assert told(office) == ["application_filed", "application_withdrawn"]
    assert "Қате" not in str([bytes(row["texts"]).decode() for row in office.rows(MESSAGES)])


def test_refusal_and_reapplication(office: Office, automatic: Desk) -> None:
    application = automatic.file()
    automatic.notify("confirmation", "refused", application)
    automatic.file(follows=str(application.id), rectified=RECTIFIED)
    follow(office, automatic)
    assert told(office)[-2:] == ["inclusion_refused", "reapplication_filed"]


def test_monitoring_exclusion_appeal_and_reinstatement(office: Office, automatic: Desk) -> None:
    entry = automatic.include()
    automatic.notify("monitoring", "conforms", entry, quarter="2026-Q1")
    automatic.exclude(entry)
    appeal_id = appeal(automatic, entry)
    automatic.notify("appeal", "upheld", entry, appeal_id=appeal_id)
    follow(office, automatic)
    steps = told(office)
    assert steps[steps.index("included") + 1 :][0] == "monitoring_conforms"
    for step in ("excluded_by_monitoring", "appeal_filed", "reinstated"):
        assert steps.count(step) == 1
    excluded = office.row(MESSAGES, template_id="excluded_by_monitoring")
    assert excluded["due_on"] is not None


def test_a_dismissed_appeal(office: Office, automatic: Desk) -> None:
    entry = automatic.exclude(automatic.include())
    appeal_id = appeal(automatic, entry)
    automatic.notify("appeal", "dismissed", entry, appeal_id=appeal_id)
    follow(office, automatic)
    assert told(office)[-2:] == ["appeal_notification_received", "appeal_dismissed"]


def test_a_late_appeal_is_told_as_late(office: Office, automatic: Desk) -> None:
    entry = automatic.exclude(automatic.include())
    automatic.later(days=60)
    appeal(automatic, entry)
    follow(office, automatic)
    assert told(office)[-1] == "appeal_filed_late"


def test_own_request(office: Office, automatic: Desk) -> None:
    entry = automatic.include()
    command = RequestExclusion(entry_id=entry.id, by=BIN, reason="Өнім тоқтатылды")
    request_exclusion(automatic.journal, command, automatic.act("producer"), automatic.procedure)
    follow(office, automatic)
    assert told(office)[-2:] == ["exclusion_requested", "excluded_on_request"]


@pytest.mark.parametrize(("form", "template"), [(None, "liquidation"), ("merger", "reorganisation")])
def test_the_end_of_a_producer(office: Office, automatic: Desk, form: Any, template: str) -> None:
    automatic.include(name="А")
    automatic.file(name="Б")
    command = EndProducer(bin=BIN, on=date(2026, 3, 2), reference="R-1", form=form)
    end_producer(automatic.journal, command, automatic.act())
    follow(office, automatic)
    assert sorted(told(office)[-2:]) == ["application_closed", f"excluded_on_{template}"]


def test_a_transformed_producer_reads_on_under_its_new_bin(office: Office, automatic: Desk) -> None:
    automatic.include()
    command = TransformProducer(
        bin=BIN, on=date(2026, 3, 2), reference="R-2", new_bin=OTHER_BIN, new_name=REASONS
    )
    transform_producer(automatic.journal, command, automatic.act())
    follow(office, automatic)
    assert told(office)[-1] == "producer_transformed"
    assert {row["recipient"] for row in office.rows(MESSAGES)} == {OTHER_BIN}, "the whole history"
    before = told(office)
    office.follower().turn()
    follow(office, automatic)
    assert told(office) == before


def test_reading_the_whole_journal_again_puts_nothing_more(office: Office, automatic: Desk) -> None:
    automatic.exclude(automatic.include())
    follow(office, automatic)
    before = told(office)
    office.follower().turn()
    follow(office, automatic)
    assert told(office) == before


def case(kind: str, **given: Any) -> verification.CaseOpened:
    application = given.pop("application")
    values: dict[str, Any] = {
        "case_id": str(new_stream_id()),
        "kind": kind,
        "producer": application.producer,
        "product_id": application.product_id,
        "product_name": PRODUCT.name,
        "legal_date": "2026-03-02",
        "language": "kk",
        **given,
    }
    return verification.CaseOpened(**values)


def test_the_informatization_authoritys_steps(office: Office) -> None:
    application = filed()
    office.register.publish(application)
    office.register.publish(included(application))
    office.follow()
    shared: dict[str, Any] = {
        "notification_id": str(new_stream_id()),
        "case_id": str(new_stream_id()),
        "kind": "confirmation",
        "result": "confirmed",
        "producer": application.producer,
        "product_id": application.product_id,
        "product_name": PRODUCT.name,
        "reasons": REASONS,
    }
    listing_id = str(new_stream_id())
    steps = {
        "confirmation_case_opened": case("confirmation", application=application),
        "monitoring_case_opened": case("monitoring", application=application, quarter="2026-Q1"),
        "unscheduled_monitoring_case_opened": case("monitoring", application=application),
        "appeal_case_opened": case("appeal", application=application),
        "notification_issued": verification.NotificationIssued(revision=1, **shared),
        "notification_resubmitted": verification.NotificationResubmitted(
            revision=2, answer_to_remarks=REASONS, **shared
        ),
        "trusted_software_listed": verification.TrustedSoftwareListed(
            listing_id=listing_id,
            reference="TS-1",
            product_name=PRODUCT.name,
            listed_on="2026-03-01",
            holder_bin=BIN,
        ),
        "trusted_software_delisted": verification.TrustedSoftwareDelisted(
            listing_id=listing_id, delisted_on="2026-03-02", ground=REASONS
        ),
    }
    before = len(told(office))
    for data in steps.values():
        office.verification.publish(data)
    office.follow()
    assert office.rows(FOLLOWING.parked_events) == []
    assert told(office)[before:] == list(steps)


def test_a_missed_term_is_told_to_the_authority_that_missed_it(office: Office) -> None:
    missed = verification.TermMissed(
        term=term("rework", "2026-03-09"), subject_id=new_event_id(), missed_by="informatization_authority"
    )
    office.verification.publish(missed)
    office.follow()
    assert told(office) == ["term_missed"]
    assert office.row(MESSAGES)["recipient"] == "informatization_authority"


def test_an_individual_reads_under_its_iin_which_stands_in_no_event(office: Office) -> None:
    event = office.register.publish(filed(producer(None, iin_commitment="c")), confidential={"iin": IIN})
    office.follow()
    assert told(office) == ["application_filed"]
    assert office.row(MESSAGES)["recipient"] == office.pseudonym(IIN)
    assert IIN not in bytes(office.row(MESSAGES)["texts"]).decode()
    assert IIN.encode() not in event.record


def test_the_message_of_a_case_that_came_before_its_filing_waits_for_it(office: Office) -> None:
    application = filed()
    office.verification.publish(case("confirmation", application=application))
    office.follow()
    assert [row["reason"] for row in office.rows(FOLLOWING.parked_events)] == ["producer_not_known_yet"]
    office.register.publish(application)
    office.follow()
    assert sorted(told(office)) == ["application_filed", "confirmation_case_opened"]


def test_a_listing_of_somebody_without_an_account_tells_nobody(office: Office) -> None:
    office.verification.publish(
        verification.TrustedSoftwareListed(
            listing_id=str(new_stream_id()),
            reference="TS-1",
            product_name=PRODUCT.name,
            listed_on="2026-03-01",
            holder_bin=OTHER_BIN,
        )
    )
    office.follow()
    assert told(office) == []
    assert office.position("verification") == 1


def test_a_correction_by_two_officers_is_told_with_what_was_wrong(office: Office, automatic: Desk) -> None:
    """Order 327 para. 5: the history keeps both; the producer learns of it."""
    entry = automatic.include()
    wrong = automatic.journal.facts_of(entry.id)[0].fact
    proposed = Proposed(
        entry_id=str(entry.id),
        event_id=wrong.id,
        kind="redating",
        reasons=REMARKS,
        legal_basis="order-327 para. 9",
        counts_from=wrong.effective_at - timedelta(days=1),
    )
    follow(office, automatic)
    before = len(office.rows(MESSAGES))
    automatic.correct(proposed)
    follow(office, automatic)
    assert told(office)[before:] == ["entry_corrected"]


def test_an_update_is_confirmed_and_a_late_one_called_late_para_26(office: Office, automatic: Desk) -> None:
    entry = automatic.include()
    follow(office, automatic)
    before = len(told(office))
    automatic.update(entry, Given(telephone="+77272000000", kato="710000000"))
    automatic.on("2026-04-07")
    automatic.update(entry, Given(email="late@dala.example", changed_on=date(2026, 3, 10)))
    follow(office, automatic)
    assert told(office)[before:] == ["entry_updated", "entry_updated_late"]
    first, late = (bytes(row["texts"]).decode() for row in office.rows(MESSAGES)[before:])
    for text in ("телефон, регион", "телефон, өңір", "the telephone, the region"):
        assert text in first
    for text in ("2026 жылғы 10 наурыздан", "10 марта 2026 года", "6 апреля 2026 года", "I квартал 2026"):
        assert text in late
    assert "late@dala" not in late


def test_a_new_name_of_the_producer_is_told_once_however_many_entries_it_has(
    office: Office, automatic: Desk
) -> None:
    first = automatic.include(name="А")
    automatic.include(name="Б")
    follow(office, automatic)
    before = len(told(office))
    automatic.update(first, Given(name=OfficialText(kk="«Жаңа» ЖШС", ru="ТОО «Новое»")))
    follow(office, automatic)
    assert told(office)[before:] == ["entry_updated"]


def test_messages_go_to_the_address_that_holds_now_and_not_to_one_told_of_later(tmp_path: Path) -> None:
    with open_office(f"sqlite:///{tmp_path / 'office.sqlite'}") as office:
        office.channels = ("email",)
        application = filed()
        office.register.publish(application, confidential={"email": "info@dala.example"})
        office.register.publish(included(application))
        new = updated(application)
        office.register.publish(new, confidential={"email": "new@dala.example"})
        earlier = msgspec.structs.replace(new, superseded=("email",))
        office.register.publish(earlier, confidential={"email": "old@dala.example"})
        office.follow()
        with office.database.read() as connection:
            found = contact_of(connection, application.producer.producer_id)
    assert found.email == "new@dala.example"
