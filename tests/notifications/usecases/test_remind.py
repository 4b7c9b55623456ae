"""Reminders before a term ends: by setting, once each, and not after the act was done."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
import pytest

from services.kernel.calendar import ALMATY
from services.kernel.contract import OfficialText
from services.kernel.journal.events import Event, new_event_id, new_stream_id
from services.notifications.projections.matters import MATTERS
from services.notifications.schema import MESSAGES, PRODUCERS
from services.notifications.usecases import remind as reminding
from services.notifications.usecases.remind import remind
from services.register.contract import events as register
from services.register.contract.corrections import EntryCorrected
from services.verification.contract import events as verification
from services.verification.contract import officers_work
from tests.notifications.given import BIN, REASONS, appealed, filed, included, producer, received, term
from tests.notifications.office import Office

DAYS: Final = (7, 1)


def noon(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00").replace(tzinfo=ALMATY)


def reminded(office: Office, day: str, *, authorities: bool = False, days: tuple[int, ...] = DAYS) -> int:
    return remind(office.database, days, authorities=authorities, now=noon(day))


def told(office: Office, template: str = "term_ends_soon") -> list[dict[str, Any]]:
    return office.rows(MESSAGES, template_id=template)


def excluded(office: Office) -> register.ApplicationFiled:
    """Excluded on 2 March 2026; the appeal's thirty days end on 1 April (order 327 para. 31)."""
    application = filed(producer())
    out = register.Excluded(
        entry_id=application.product_id,
        producer=application.producer,
        ground="software_monitoring",
        excluded_on="2026-03-02",
        reasons=REASONS,
        appeal_term=term("appeal", "2026-04-01"),
    )
    for fact in (application, included(application), out):
        office.register.publish(fact)
    office.follow()
    return application


def test_the_appeals_term_is_reminded_of_seven_days_and_one_day_before_its_end(office: Office) -> None:
    """Law 86-VII art. 51-2(5)."""
    excluded(office)
    put = {day: reminded(office, day) for day in ("2026-03-24", "2026-03-25", "2026-03-26", "2026-03-31")}
    assert put == {"2026-03-24": 0, "2026-03-25": 1, "2026-03-26": 0, "2026-03-31": 1}
    first, last = told(office)
    assert (first["recipient"], first["due_on"]) == (BIN, "2026-04-01")
    texts = [msgspec.json.decode(bytes(one["texts"]))["ru"]["body"] for one in (first, last)]
    assert "До окончания срока: 7 дней." in texts[0]
    assert "До окончания срока: 1 день." in texts[1]
    assert reminded(office, "2026-04-01") == 0


def test_a_day_missed_is_made_up_once_and_never_after_the_end(office: Office) -> None:
    excluded(office)
    assert reminded(office, "2026-03-28") == 1
    assert "4 days" in bytes(told(office)[0]["texts"]).decode()
    assert reminded(office, "2026-03-28") == 0
    assert reminded(office, "2026-04-02") == 0


def test_a_service_that_slept_through_both_days_reminds_of_the_nearest_alone(office: Office) -> None:
    excluded(office)
    assert reminded(office, "2026-03-31") == 1
    assert reminded(office, "2026-03-31") == 0


@pytest.mark.parametrize("ending", ["appeal", "reinstatement", "liquidation"])
def test_nobody_is_reminded_of_what_was_done(office: Office, ending: str) -> None:
    application = excluded(office)
    shared: dict[str, Any] = {"entry_id": application.product_id, "producer": application.producer}
    facts: dict[str, Event] = {
        "appeal": appealed(application),
        "reinstatement": register.Reinstated(
            notification_id=str(new_stream_id()),
            annuls_from_start=False,
            exclusion_event_id=new_event_id(),
            reinstated_on="2026-03-10",
            reasons=REASONS,
            **shared,
        ),
        "liquidation": register.ProducerLiquidated(
            producer=application.producer, liquidated_on="2026-03-10", reference="R-1"
        ),
    }
    office.register.publish(facts[ending])
    office.follow()
    assert office.rows(MATTERS) == []
    assert reminded(office, "2026-03-31") == 0


def test_a_redated_exclusion_is_told_with_its_later_term_and_reminded_of_before_that(office: Office) -> None:
    """Art. 51-2(5): the thirty days run from the day on which the exclusion counts."""
    application = excluded(office)
    office.register.publish(
        EntryCorrected(
            entry_id=application.product_id,
            producer=application.producer,
            corrected_event_id=new_event_id(),
            reasons=REASONS,
            kind="redating",
            counts_from="2026-03-11T20:00:00.000000Z",
            status="excluded",
            appeal_term=term("appeal", "2026-04-13"),
        )
    )
    office.follow()
    (message,) = told(office, "exclusion_redated")
    assert message["due_on"] == "2026-04-13"
    (body, *_) = [msgspec.json.decode(bytes(message["texts"]))["ru"]["body"]]
    assert "исключённым из реестра 12 марта 2026" in body
    assert "по 13 апреля 2026" in body
    assert [row["due_on"] for row in office.rows(MATTERS)] == ["2026-04-13"]
    assert reminded(office, "2026-03-31") == 0
    assert reminded(office, "2026-04-06") == 1


def test_a_request_that_an_annulled_exclusion_had_overtaken_waits_for_the_authority_again(
    office: Office,
) -> None:
    """Art. 51-6(3): from when the exclusion is left out, at its own term."""
    application = excluded(office)
    entry_id, own = application.product_id, term("own_request", "2026-03-05")
    back = register.Reinstated(
        entry_id=entry_id,
        producer=application.producer,
        notification_id=str(new_stream_id()),
        annuls_from_start=True,
        exclusion_event_id=new_event_id(),
        reinstated_on="2026-03-02",
        reasons=REASONS,
        request_term=own,
    )
    office.register.publish(back)
    office.follow()
    (matter,) = office.rows(MATTERS)
    assert (matter["kind"], matter["holder"], matter["due_on"]) == (
        "exclusion_request",
        "industry_authority",
        "2026-03-05",
    )


def documents_requested(
    application: register.ApplicationFiled, due_on: str
) -> officers_work.DocumentsRequested:
    return officers_work.DocumentsRequested(
        case_id=str(new_stream_id()),
        request_id=str(new_stream_id()),
        producer_id=application.producer.producer_id,
        product_name=application.product.name,
        asked=REASONS,
        kinds=("contracts",),
        term=term("document_request", due_on),
    )


def test_a_request_for_documents_is_reminded_of_until_they_are_supplied(office: Office) -> None:
    application = filed(producer())
    office.register.publish(application)
    request = documents_requested(application, "2026-03-17")
    office.verification.publish(request)
    office.follow()
    assert reminded(office, "2026-03-10") == 1
    supplied = officers_work.DocumentsSupplied(
        case_id=request.case_id,
        request_id=request.request_id,
        producer_id=request.producer_id,
        product_name=request.product_name,
        documents=(),
    )
    office.verification.publish(supplied)
    office.follow()
    assert reminded(office, "2026-03-16") == 0


def test_a_short_term_is_not_reminded_of_on_the_day_it_began(office: Office) -> None:
    application = filed(producer())
    office.register.publish(application)
    office.verification.publish(documents_requested(application, "2026-03-06"))
    office.follow()
    assert reminded(office, "2026-03-02") == 0, "four days are left from the first day on"
    assert reminded(office, "2026-03-05") == 1, "but one day before is reminded of"


def test_an_authority_is_reminded_of_rework_and_review(office: Office) -> None:
    """Order 327 para. 9."""
    application = filed(producer())
    first = received(application, term=term("review", "2026-03-16"))
    returned = register.NotificationReturned(
        notification_id=first.notification_id,
        revision=1,
        case_id=first.case_id,
        application_id=application.application_id,
        producer_id=application.producer.producer_id,
        remarks=REASONS,
        rework_term=term("rework", "2026-03-11"),
    )
    for fact in (application, first):
        office.register.publish(fact)
    office.follow()
    assert reminded(office, "2026-03-15", authorities=True, days=(1,)) == 1
    office.register.publish(returned)
    office.follow()
    assert reminded(office, "2026-03-10", authorities=True, days=(1,)) == 1
    recipients = [row["recipient"] for row in told(office, "authority_term_ends")]
    assert recipients == ["industry_authority", "informatization_authority"]
    again = received(
        application,
        notification_id=first.notification_id,
        revision=2,
        term=term("repeated_review", "2026-03-18"),
    )
    office.register.publish(again)
    office.follow()
    assert [row["kind"] for row in office.rows(MATTERS)] == ["repeated_review"]
    office.register.publish(
        register.NotificationSettled(notification_id=first.notification_id, outcome="included")
    )
    office.follow()
    assert office.rows(MATTERS) == []


def test_many_terms_are_reminded_of_in_bounded_units(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminding, "BATCH", 2)
    for number in range(5):
        application = filed(producer(), product_id=str(new_stream_id()), number=f"{number:010}")
        office.register.publish(application)
        office.verification.publish(documents_requested(application, "2026-03-17"))
    office.follow()
    assert reminded(office, "2026-03-16") == 5
    assert reminded(office, "2026-03-16") == 0


def test_nobody_is_reminded_in_an_account_that_is_no_more(office: Office) -> None:
    """An erased producer has no account; its terms stop no other's reminder."""
    excluded(office)
    with office.database.write() as connection:
        connection.execute(PRODUCERS.delete())
    assert reminded(office, "2026-03-25") == 0
    assert told(office) == []


def case_opened(application: register.ApplicationFiled) -> verification.CaseOpened:
    return verification.CaseOpened(
        case_id=str(new_stream_id()),
        kind="confirmation",
        producer=application.producer,
        product_id=application.product_id,
        product_name=OfficialText(kk="А", ru="Б"),
        legal_date="2026-03-02",
        language="kk",
        application_id=application.application_id,
    )


def test_a_proposal_waits_for_a_second_officer_until_the_case_ends(office: Office) -> None:
    application = filed(producer())
    case = case_opened(application)
    office.register.publish(application)
    office.verification.publish(case)
    office.verification.publish(officers_work.ConclusionProposed(case_id=case.case_id))
    office.follow()
    assert sorted(row["kind"] for row in office.rows(MATTERS)) == ["approval", "confirmation"]
    office.verification.publish(officers_work.ProposalReturned(case_id=case.case_id, remarks=REASONS))
    office.follow()
    assert [row["kind"] for row in office.rows(MATTERS)] == ["confirmation"]
    concluded = verification.CaseConcluded(case_id=case.case_id, result="confirmed", reasons=REASONS)
    office.verification.publish(concluded)
    office.follow()
    assert office.rows(MATTERS) == []
