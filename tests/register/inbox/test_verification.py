"""The informatization authority's journal, followed: each fact once, what is not known yet waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from services.kernel.contract import CourtRuling, OfficialText, Percentage
from services.kernel.errors import NotFound, Unavailable
from services.kernel.feed.following import Upstream
from services.kernel.journal.events import Event, Fact, Header, Provenance, new_event_id, new_stream_id
from services.kernel.journal.units import CursorStep
from services.kernel.personal_keys import pseudonym
from services.kernel.vault import PersonalValue
from services.register.contract.events import NotificationReceived
from services.register.contract.rulings import CourtRulingRecorded as EntryRuling
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.domain.notification import Notification
from services.register.inbox.verification import in_per_cent, verification_sink
from services.register.projections.trusted_listings import TRUSTED_LISTINGS
from services.register.schema import FOLLOWING
from services.verification.contract.events import (
    VERIFICATION_EVENTS,
    CaseClosed,
    NotificationIssued,
    NotificationResubmitted,
    TrustedSoftwareDelisted,
    TrustedSoftwareListed,
)
from services.verification.contract.officers_work import CourtRulingRecorded
from tests.register.desk import Desk
from tests.register.given import BIN, IIN, NOON, REASONS

NAME = OfficialText(kk="Есеп жүйесі", ru="Система Есеп")


class Neighbour:
    """The informatization authority's journal as the register's sink meets it."""

    def __init__(self, desk: Desk) -> None:
        self.sink = verification_sink(desk.journal, desk.clock, desk.procedure)
        self.position = self.sink.position("verification")
        self._versions: dict[UUID, int] = {}

    def event(self, data: Event, stream: UUID, confidential: dict[str, str] | None = None) -> Upstream:
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        fact = Fact(
            originator_id=stream,
            originator_version=version,
            id=new_event_id(),
            data=data,
            effective_at=NOON,
            legal_basis="x",
            provenance=Provenance(actor="o1", decided_by="officer", correlation_id="r7"),
        )
        record = VERIFICATION_EVENTS.encode(fact)
        opened = {
            field: PersonalValue(value=value, salt="00") for field, value in (confidential or {}).items()
        }
        return Upstream(self.position + 1, msgspec.json.decode(record, type=Header), record, opened)

    def publish(self, data: Event, stream: UUID, confidential: dict[str, str] | None = None) -> Upstream:
        event = self.event(data, stream, confidential)
        self.sink.apply(event, CursorStep("verification", self.position, event.position))
        self.position = event.position
        return event


def issued(application: Application, **changes: Any) -> NotificationIssued:
    values: dict[str, Any] = {
        "notification_id": str(new_stream_id()),
        "revision": 1,
        "kind": "confirmation",
        "result": "confirmed",
        "case_id": str(new_stream_id()),
        "producer": application.filed.producer,
        "product_id": application.filed.product_id,
        "product_name": NAME,
        "reasons": REASONS,
        "application_id": str(application.id),
        "trusted_register_reference": "TS-1",
        "trusted_register_listed_on": "2025-11-10",
        "localisation_share": Percentage(part="73000000.00", whole="78000000.00"),
    }
    return NotificationIssued(**{**values, **changes})


def listed(listing_id: str, **changes: Any) -> TrustedSoftwareListed:
    values: dict[str, Any] = {
        "listing_id": listing_id,
        "reference": "TS-1",
        "product_name": NAME,
        "listed_on": "2025-11-10",
        "holder_bin": BIN,
    }
    return TrustedSoftwareListed(**{**values, **changes})


def test_an_issued_notification_is_received_with_where_it_came_from(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    notification = issued(desk.file())
    event = neighbour.publish(notification, UUID(notification.case_id))
    received = desk.journal.facts_of(UUID(notification.notification_id))[0].fact
    assert isinstance(received.data, NotificationReceived)
    assert received.data.issued_event_id == event.header.id
    assert received.data.localisation_share == "93.59"
    assert received.data.product_name == NAME
    assert received.data.trusted_register_listed_on == "2025-11-10"
    assert received.provenance.causation_id == event.header.id
    assert received.provenance.correlation_id == "r7"
    assert received.provenance.decided_by == "automatic"


def test_effect_and_position_are_one_and_happen_once(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    notification = issued(desk.file())
    event = neighbour.publish(notification, UUID(notification.case_id))
    before = desk.journal.head()
    with pytest.raises(Unavailable):
        neighbour.sink.apply(event, CursorStep("verification", event.position - 1, event.position))
    assert desk.journal.head() == before
    assert neighbour.sink.position("verification") == event.position


def test_a_courts_ruling_is_named_in_the_entrys_history_once(desk: Desk) -> None:
    """Law 86-VII art. 51-5(7): recorded by the informatization authority, whatever follows from it."""
    neighbour = Neighbour(desk)
    entry = desk.include()
    ruled = CourtRulingRecorded(
        case_id=str(new_stream_id()),
        producer=entry.state.producer,
        product_id=str(entry.id),
        entry_id=str(entry.id),
        notification_id=str(new_stream_id()),
        ruling=CourtRuling(court=NAME, number="7119-26", ruled_on="2026-03-02"),
        outcome="upheld",
        reasons=REASONS,
    )
    for _ in range(2):
        neighbour.publish(ruled, new_stream_id())
    (fact,) = [one.fact for one in desk.journal.facts_of(entry.id) if isinstance(one.fact.data, EntryRuling)]
    assert fact.legal_basis == "law-86-VII art. 51-5(7)"
    assert desk.journal.load(Entry, entry.id).is_included


def test_everything_automatic_includes_with_the_position(automatic: Desk) -> None:
    neighbour = Neighbour(automatic)
    application = automatic.file()
    notification = issued(application)
    neighbour.publish(notification, UUID(notification.case_id))
    assert automatic.entry(application).is_included


def test_a_resubmission_starts_the_repeated_review_para_9(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    notification = issued(desk.file())
    neighbour.publish(notification, UUID(notification.case_id))
    again = NotificationResubmitted(
        notification_id=notification.notification_id,
        revision=2,
        case_id=notification.case_id,
        kind="confirmation",
        result="confirmed",
        producer=notification.producer,
        product_id=notification.product_id,
        product_name=NAME,
        reasons=REASONS,
        answer_to_remarks=REASONS,
        application_id=notification.application_id,
    )
    neighbour.publish(again, UUID(notification.case_id))
    state = desk.journal.load(Notification, UUID(notification.notification_id)).state
    assert state.term is not None
    assert (state.content.revision, state.term.name) == (2, "repeated_review")


def test_a_notification_about_something_not_known_yet_is_not_taken(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    stranger = issued(desk.file(), application_id=str(new_stream_id()))
    with pytest.raises(NotFound, match="application_unknown"):
        neighbour.publish(stranger, UUID(stranger.case_id))
    assert neighbour.sink.position("verification") == neighbour.position


def test_a_parked_notification_is_taken_once_its_subject_is_known(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    listing = str(new_stream_id())
    delisted = TrustedSoftwareDelisted(listing_id=listing, delisted_on="2026-03-01", ground=REASONS)
    event = neighbour.event(delisted, UUID(listing))
    step = CursorStep("verification", neighbour.position, event.position)
    with pytest.raises(NotFound, match="listing_unknown"):
        neighbour.sink.apply(event, step)
    neighbour.sink.park(event, step, "listing_unknown")
    neighbour.position = event.position
    neighbour.publish(listed(listing), UUID(listing))
    (parked,) = neighbour.sink.parked("verification")
    neighbour.sink.retry(parked, "verification")
    assert desk.rows(TRUSTED_LISTINGS)[0]["delisted_on"] == "2026-03-01"
    with desk.journal.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(FOLLOWING.parked_events)) == 0


def test_listings_are_kept_with_their_holder_and_position(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    ours, theirs = str(new_stream_id()), str(new_stream_id())
    neighbour.publish(listed(ours), UUID(ours))
    person = listed(theirs, holder_bin=None, holder_iin_commitment="c", reference="TS-2")
    neighbour.publish(person, UUID(theirs), {"holder_iin": IIN})
    rows = {row["listing_id"]: row for row in desk.rows(TRUSTED_LISTINGS)}
    assert (rows[ours]["holder"], rows[ours]["name_ru"], rows[ours]["position"]) == (BIN, "система есеп", 1)
    with desk.journal.database.read() as connection:
        assert rows[theirs]["holder"] == pseudonym(connection, IIN) != IIN


def test_facts_without_effect_here_are_passed_over(desk: Desk) -> None:
    neighbour = Neighbour(desk)
    closed = neighbour.event(CaseClosed(case_id="c", ground="withdrawn"), new_stream_id())
    assert not neighbour.sink.handles(closed.header.type)
    assert neighbour.sink.handles("kz.verification.something.new.v9")


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [("80", "100", "80.00"), ("79.999", "100", "80.00"), ("2", "3", "66.67"), ("0", "5", "0.00")],
)
def test_a_share_is_shown_in_per_cent_to_two_places(part: str, whole: str, shown: str) -> None:
    assert in_per_cent(Percentage(part=part, whole=whole)) == shown


def test_a_share_of_nothing_is_not_shown() -> None:
    assert in_per_cent(None) is None
    assert in_per_cent(Percentage(part="0", whole="0")) is None
