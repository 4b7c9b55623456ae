"""Appeals and reinstatement: law 86-VII art. 51-2(5), order 327 paras. 9 and 31."""

from __future__ import annotations

from typing import Any

import pytest

from services.kernel.errors import Conflict
from services.register.contract.appeals import AppealClosed
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    AppealDismissed,
    AppealFiled,
    NotificationSettled,
    Reinstated,
)
from services.register.domain.dossier import Dossier
from tests.register.given import (
    PROCEDURE,
    act,
    appealed,
    at,
    clean,
    excluded,
    included,
    kinds,
    received,
    then,
    with_application,
)


def file(made: Dossier, when: str) -> AppealFiled:
    made.entry.file_appeal(
        act(at(when), "producer"), producer=made.producer.ref, language="kk", documents=(), commitments={}
    )
    (fact,) = made.entry.collect_events()
    assert isinstance(fact.data, AppealFiled)
    return fact.data


def decide(made: Dossier, result: str, appeal_id: str, when: str = "2026-03-20", **changes: Any) -> list[Any]:
    notification = received(made, "appeal", result, at(when), appeal_id=appeal_id, **changes)
    made.settle(act(at(when)), notification, PROCEDURE)
    return list(then(made))


def test_an_appeal_on_the_thirtieth_day_is_in_time_art_51_2_5() -> None:
    """From 2026-03-02 thirty calendar days end on 2026-04-01; that evening in Almaty is still in time."""
    event = file(excluded(), "2026-04-01")
    assert event.in_time
    assert event.term.due_on == "2026-04-01"


def test_a_late_appeal_is_recorded_as_late() -> None:
    event = file(excluded(), "2026-04-02")
    assert not event.in_time


def test_a_late_appeal_is_dismissed_naming_the_day_the_term_ended() -> None:
    made = excluded()
    late = file(made, "2026-04-20")
    _, dismissed = decide(made, "dismissed", late.appeal_id, "2026-04-20")
    assert isinstance(dismissed, AppealDismissed)
    assert (dismissed.ground, dismissed.term_ended_on) == ("late", "2026-04-01")


def test_an_appeal_dismissed_on_its_merits_leaves_the_entry_excluded() -> None:
    made, appeal_id = appealed()
    settled, dismissed = decide(made, "dismissed", appeal_id)
    assert isinstance(settled, NotificationSettled)
    assert settled.outcome == "appeal_dismissed"
    assert isinstance(dismissed, AppealDismissed)
    assert dismissed.ground == "merits"
    assert made.entry.state.status == "excluded"


def test_an_exclusion_is_appealed_once() -> None:
    made, _ = appealed()
    with pytest.raises(Conflict, match="already_appealed"):
        file(made, "2026-03-10")


def test_an_entry_that_is_included_has_nothing_to_appeal() -> None:
    with pytest.raises(Conflict, match="entry_not_excluded"):
        file(included(), "2026-03-10")


def test_a_reinstatement_counts_from_its_own_date_and_keeps_the_first_inclusion() -> None:
    made, appeal_id = appealed()
    _, reinstated = decide(made, "upheld", appeal_id)
    assert isinstance(reinstated, Reinstated)
    assert (reinstated.reinstated_on, reinstated.annuls_from_start) == ("2026-03-20", False)
    assert made.entry.state.status == "included"
    assert made.entry.state.included.included_on == "2026-03-02"


def test_a_reinstatement_that_annuls_from_the_start_counts_from_the_exclusion() -> None:
    made, appeal_id = appealed()
    _, reinstated = decide(made, "upheld", appeal_id, annuls_from_start=True)
    assert isinstance(reinstated, Reinstated)
    assert reinstated.reinstated_on == "2026-03-02"


def test_an_upheld_appeal_closes_a_pending_reapplication() -> None:
    made, appeal_id = appealed()
    application = with_application(made, at("2026-03-10"))
    waiting = received(
        made, "confirmation", "confirmed", at("2026-03-10"), application_id=str(application.id)
    )
    events = decide(made, "upheld", appeal_id)
    assert kinds(events) == ["NotificationSettled", "NotificationSettled", "ApplicationClosed", "Reinstated"]
    assert application.closed_on_ground == "appeal_upheld"
    assert waiting.state.settled is not None
    assert waiting.state.settled.reason == "application_closed"


def test_an_appeal_decided_after_the_producer_ceased_reinstates_nothing_art_51_6() -> None:
    made, appeal_id = appealed()
    made.producer.liquidate(act(), on=at("2026-03-02").date(), reference="R-1")
    settled, closed = decide(made, "upheld", appeal_id)
    assert settled.reason == "producer_ceased"
    assert closed.ground == "liquidation"
    assert made.entry.state.status == "excluded"


def test_an_appeal_that_nobody_filed_has_no_effect() -> None:
    (settled,) = decide(excluded(), "upheld", "nobodys")
    assert (settled.outcome, settled.reason) == ("no_effect", "appeal_not_pending")


def test_upholding_an_older_appeal_does_not_undo_a_later_exclusion() -> None:
    made, appeal_id = appealed()
    application = with_application(made, at("2026-03-03"))
    confirmed = received(made, "confirmation", "confirmed", application_id=str(application.id))
    made.settle(act(at("2026-03-04")), confirmed, PROCEDURE)
    made.exclude(act(at("2026-03-05")), "own_request")
    clean(made)
    assert kinds(decide(made, "upheld", appeal_id)) == ["NotificationSettled", "AppealClosed"]
    assert made.entry.state.status == "excluded"


def included_anew() -> tuple[Dossier, str]:
    """Excluded and appealed on 2 March 2026, reapplied for and included anew on 5 March."""
    made, appeal_id = appealed()
    application = with_application(made, at("2026-03-03"))
    confirmed = received(made, "confirmation", "confirmed", application_id=str(application.id))
    made.settle(act(at("2026-03-05")), confirmed, PROCEDURE)
    return clean(made), appeal_id


def test_an_appeal_upheld_from_its_own_date_reinstates_nothing_that_is_in_order_327_para_9() -> None:
    made, appeal_id = included_anew()
    settled, closed = decide(made, "upheld", appeal_id)
    assert (settled.outcome, settled.reason) == ("no_effect", "included_anew")
    assert isinstance(closed, AppealClosed)
    assert closed.ground == "included_anew"
    assert [appeal.outcome for appeal in made.entry.state.appeals] == ["upheld"]
    assert made.entry.state.reinstated_on is None


def test_an_appeal_upheld_from_the_start_annuls_the_exclusion_of_a_product_included_anew() -> None:
    made, appeal_id = included_anew()
    settled, closed, corrected = decide(made, "upheld", appeal_id, annuls_from_start=True)
    assert settled.outcome == "exclusion_corrected"
    assert isinstance(corrected, EntryCorrected)
    assert isinstance(closed, AppealClosed)
    state = made.entry.state
    assert (state.status, state.reinstated_on) == ("included", None)
    assert [exclusion.undone for exclusion in state.exclusions] == [True]
    assert [appeal.outcome for appeal in state.appeals] == ["upheld"]


def test_an_upheld_appeal_that_waits_while_its_product_is_included_anew_is_settled_with_it() -> None:
    made, appeal_id = appealed()
    waiting = received(made, "appeal", "upheld", at("2026-03-04"), appeal_id=appeal_id)
    application = with_application(made, at("2026-03-03"))
    confirmed = received(made, "confirmation", "confirmed", application_id=str(application.id))
    made.settle(act(at("2026-03-05")), confirmed, PROCEDURE)
    assert waiting.state.settled is not None
    assert waiting.state.settled.reason == "included_anew"
    assert [appeal.outcome for appeal in made.entry.state.appeals] == ["upheld"]


def test_a_new_exclusion_can_be_appealed_anew() -> None:
    made, appeal_id = appealed()
    decide(made, "upheld", appeal_id)
    again = received(made, "monitoring", "exclude", at("2026-07-10"))
    made.settle(act(at("2026-07-10")), again, PROCEDURE)
    clean(made)
    assert file(made, "2026-07-20").in_time


def test_a_correction_ends_the_appeal_of_the_exclusion_it_leaves_out() -> None:
    made, _ = appealed()
    wrong = made.entry.state.exclusions[0].notification_id
    correction = received(made, "monitoring", "conforms", corrects=wrong)
    made.settle(act(), correction, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled", "EntryCorrected", "AppealClosed"]
    (appeal,) = made.entry.state.appeals
    assert appeal.outcome == "closed"


def test_the_end_of_the_producer_ends_its_appeals_art_51_6() -> None:
    made, appeal_id = appealed()
    made.producer.liquidate(act(), on=at("2026-03-02").date(), reference="R-1")
    made.clear(act())
    (closed,) = then(made)
    assert isinstance(closed, AppealClosed)
    assert (closed.appeal_id, closed.ground) == (appeal_id, "liquidation")


def test_a_correction_after_an_earlier_upheld_appeal_closes_a_reapplication_as_a_correction() -> None:
    made, appeal_id = appealed()
    decide(made, "upheld", appeal_id)
    again = received(made, "monitoring", "exclude", at("2026-03-23"))
    made.settle(act(at("2026-03-23")), again, PROCEDURE)
    application = with_application(made, at("2026-03-24"))
    correction = received(made, "monitoring", "conforms", at("2026-03-25"), corrects=str(again.id))
    made.settle(act(at("2026-03-25")), correction, PROCEDURE)
    assert application.closed_on_ground == "exclusion_corrected"


def test_a_correction_leaves_out_an_older_exclusion_of_a_product_included_anew_art_51_2_4() -> None:
    made, _ = included_anew()
    wrong = made.entry.state.exclusions[0].notification_id
    correction = received(made, "monitoring", "conforms", at("2026-03-06"), corrects=wrong)
    made.settle(act(at("2026-03-06")), correction, PROCEDURE)
    assert correction.state.settled is not None
    assert correction.state.settled.outcome == "exclusion_corrected"
    (exclusion,) = made.entry.state.exclusions
    assert (exclusion.undone, exclusion.annulled) == (True, True)
    assert made.entry.is_included


def test_a_correction_leaves_out_from_the_start_what_an_appeal_undid_from_its_own_date() -> None:
    made, appeal_id = appealed()
    decide(made, "upheld", appeal_id)
    wrong = made.entry.state.exclusions[0].notification_id
    for expected in ("exclusion_corrected", "monitoring_recorded"):
        correction = received(made, "monitoring", "conforms", at("2026-03-23"), corrects=wrong)
        made.settle(act(at("2026-03-23")), correction, PROCEDURE)
        assert correction.state.settled is not None
        assert correction.state.settled.outcome == expected
