"""The watcher: a term that ended unmet is recorded once, for its stream, term and due day."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.kernel.journal.rebuilding import rebuild_read_models
from services.register.contract.events import TermMissed
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.projections.open_terms import OPEN_TERMS
from services.register.usecases.grant_exclusion import GrantExclusion, grant_exclusion
from services.register.usecases.record_missed_terms import record_missed_terms
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.register.usecases.return_notification import ReturnNotification, return_notification
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from tests.register.desk import Desk
from tests.register.given import BIN, REASONS, at


def watch(desk: Desk) -> int:
    return record_missed_terms(desk.journal, desk.clock)


def missed(desk: Desk) -> list[TermMissed]:
    return [event for event in desk.events() if isinstance(event, TermMissed)]


def test_a_review_still_open_after_its_last_day_is_missed_para_9(desk: Desk) -> None:
    content = desk.notify("confirmation", "confirmed", desk.file())
    desk.on("2026-03-17", "18:59")
    assert watch(desk) == 0
    desk.on("2026-03-17", "19:00")
    assert watch(desk) == 1
    (event,) = missed(desk)
    assert (event.term.name, event.term.due_on, event.missed_by) == (
        "review",
        "2026-03-17",
        "industry_authority",
    )
    assert event.subject_id == content.notification_id


def test_it_is_recorded_once(desk: Desk) -> None:
    desk.notify("confirmation", "confirmed", desk.file())
    desk.on("2026-04-01")
    assert [watch(desk), watch(desk)] == [1, 0]


def test_what_is_done_late_is_still_done(desk: Desk) -> None:
    application = desk.file()
    content = desk.notify("confirmation", "confirmed", application)
    desk.on("2026-04-01")
    watch(desk)
    desk.accept(content)
    assert desk.entry(application).is_included


def test_an_exclusion_not_done_in_three_working_days_is_missed_para_31(desk: Desk) -> None:
    desk.notify("monitoring", "exclude", desk.include())
    desk.on("2026-03-06")
    watch(desk)
    assert [event.term.name for event in missed(desk)] == ["exclusion"]


@pytest.mark.parametrize("missed_before", [False, True])
def test_a_request_that_waits_again_has_a_term_from_then_and_misses_it_once(
    desk: Desk, missed_before: bool
) -> None:
    """An exclusion that overtook the request was annulled from the start (art. 51-6(3))."""
    entry = desk.include()
    request_exclusion(
        desk.journal, RequestExclusion(entry_id=entry.id, by=BIN), desk.act("producer"), desk.procedure
    )
    desk.on("2026-03-06" if missed_before else "2026-03-03")
    watch(desk)
    out = desk.exclude(entry).state.exclusions[0]
    assert desk.rows(OPEN_TERMS) == []
    desk.accept(desk.notify("monitoring", "conforms", entry, corrects=out.notification_id))
    assert len(desk.rows(OPEN_TERMS)) == 1
    before = len(missed(desk))
    watch(desk)
    assert len(missed(desk)) == before == int(missed_before), "nobody missed what had an end meanwhile"
    live = desk.rows(OPEN_TERMS)
    rebuild_read_models(desk.journal)
    assert desk.rows(OPEN_TERMS) == live
    desk.on("2026-03-20")
    watch(desk)
    watch(desk)
    assert [event.term.name for event in missed(desk)] == ["own_request"] * (before + 1)
    grant_exclusion(desk.journal, GrantExclusion(entry_id=entry.id), desk.act(), None)
    assert not desk.journal.load(Entry, entry.id).is_included


def test_a_request_of_the_producer_left_waiting_is_missed_and_not_called_statutory(desk: Desk) -> None:
    entry = desk.include()
    command = RequestExclusion(entry_id=entry.id, by=BIN)
    request_exclusion(desk.journal, command, desk.act("producer"), desk.procedure)
    desk.on("2026-03-06")
    watch(desk)
    (event,) = missed(desk)
    assert (event.term.name, event.term.statutory, event.subject_id) == ("own_request", False, str(entry.id))
    assert desk.journal.load(Entry, entry.id).state.missed == (event.term,)


def test_a_term_that_was_met_or_handed_on_is_not_missed(desk: Desk) -> None:
    desk.include(name="А")
    content = desk.notify("confirmation", "confirmed", desk.file(name="Б"))
    command = ReturnNotification(notification_id=UUID(content.notification_id), remarks=REASONS)
    return_notification(desk.journal, command, desk.act(), desk.procedure)
    assert desk.rows(OPEN_TERMS) == []
    desk.on("2027-01-01")
    assert watch(desk) == 0


def test_silence_never_includes(automatic: Desk) -> None:
    """However long nobody notifies or decides, an application stays an application."""
    application = automatic.file()
    automatic.on("2027-03-01")
    watch(automatic)
    assert automatic.journal.load(Application, application.id).status == "filed"
    assert "Included" not in automatic.kinds()


def test_a_review_that_nobody_ends_includes_nothing_para_9(desk: Desk) -> None:
    desk.notify("confirmation", "confirmed", desk.file())
    desk.on("2027-03-01")
    assert watch(desk) == 1
    assert "Included" not in desk.kinds()


def test_a_missed_term_counts_from_the_end_of_its_last_day_whenever_it_is_seen_para_9(desk: Desk) -> None:
    """From 2 March 2026 ten working days end on the 17th: missed from midnight in Almaty, 19:00Z."""
    desk.notify("confirmation", "confirmed", desk.file())
    request_exclusion(
        desk.journal,
        RequestExclusion(entry_id=desk.include(name="Б").id, by=BIN),
        desk.act("producer"),
        desk.procedure,
    )
    desk.on("2026-05-04")
    watch(desk)
    counted = {
        one.fact.data.term.name: one.fact.effective_at
        for page in desk.journal.replay()
        for one in page
        if isinstance(one.fact.data, TermMissed)
    }
    assert counted == {"review": at("2026-03-17", "19:00"), "own_request": at("2026-03-05", "19:00")}


def test_what_is_done_late_before_anyone_watched_was_missed_all_the_same_paras_9_31(desk: Desk) -> None:
    """Each late act: acceptance, exclusion, own request granted, withdrawal. A missed term is never lost."""
    review = desk.notify("confirmation", "confirmed", desk.file(name="А"))
    withdrawn = desk.file(name="Б")
    desk.notify("confirmation", "confirmed", withdrawn)
    excluding = desk.notify("monitoring", "exclude", desk.include(name="В"))
    asked = desk.include(name="Г")
    command = RequestExclusion(entry_id=asked.id, by=BIN)
    request_exclusion(desk.journal, command, desk.act("producer"), desk.procedure)
    desk.on("2026-05-04")
    desk.accept(review)
    desk.accept(excluding)
    grant_exclusion(desk.journal, GrantExclusion(entry_id=asked.id), desk.act())
    withdrawal = WithdrawApplication(application_id=withdrawn.id, by=BIN)
    withdraw_application(desk.journal, withdrawal, desk.act("producer"))
    assert watch(desk) == 0
    assert [event.term.name for event in missed(desk)] == ["review", "exclusion", "own_request", "review"]
    late = [one for page in desk.journal.replay() for one in page if isinstance(one.fact.data, TermMissed)]
    assert {one.fact.provenance.decided_by for one in late} == {"automatic"}


def test_what_is_done_on_the_last_day_misses_nothing(desk: Desk) -> None:
    review = desk.notify("confirmation", "confirmed", desk.file())
    desk.on("2026-03-17", "18:59")
    desk.accept(review)
    desk.on("2026-05-04")
    assert (watch(desk), missed(desk)) == (0, [])
