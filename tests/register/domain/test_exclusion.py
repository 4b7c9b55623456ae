"""Monitoring, exclusion, own request, the end of a producer: art. 51-6, order 327 paras. 29-31."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest

from services.kernel.errors import Conflict, NotFound
from services.register.contract.events import Excluded, NotificationSettled
from services.register.domain.entry import Entry
from tests.register.given import (
    PROCEDURE,
    act,
    at,
    dossier,
    excluded,
    included,
    kinds,
    received,
    then,
    with_application,
)


def test_monitoring_that_conforms_is_recorded_para_29() -> None:
    made = included()
    notification = received(made, "monitoring", "conforms", quarter="2026-Q1")
    made.settle(act(), notification, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled", "MonitoringRecorded"]
    assert made.entry.state.monitored_quarter == "2026-Q1"


def test_an_exclusion_notification_excludes_and_opens_thirty_calendar_days_of_appeal_para_31() -> None:
    made = excluded(on=at("2026-03-02", "20:00"))
    exclusion = made.entry.state.exclusion
    assert exclusion is not None
    assert exclusion.excluded_on == "2026-03-03"
    assert exclusion.appeal_term is not None
    assert exclusion.appeal_term.due_on == "2026-04-02"


def test_exclude_after_an_exclusion_is_recorded_without_a_second_one() -> None:
    made = excluded()
    notification = received(made, "monitoring", "exclude")
    made.settle(act(), notification, PROCEDURE)
    (settled,) = then(made)
    assert isinstance(settled, NotificationSettled)
    assert (settled.outcome, settled.reason) == ("no_effect", "already_excluded")


def test_conforms_never_cancels_exclude() -> None:
    made = excluded()
    notification = received(made, "monitoring", "conforms")
    made.settle(act(), notification, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled"]
    assert made.entry.state.status == "excluded"


def test_conforms_that_names_the_notification_it_corrects_leaves_the_exclusion_out() -> None:
    made = excluded()
    wrong = made.entry.state.exclusions[0].notification_id
    notification = received(made, "monitoring", "conforms", corrects=wrong)
    made.settle(act(), notification, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled", "EntryCorrected"]
    assert made.entry.state.status == "included"


def test_conforms_that_corrects_a_waiting_exclusion_settles_both() -> None:
    made = included()
    wrong = received(made, "monitoring", "exclude")
    right = received(made, "monitoring", "conforms", corrects=str(wrong.id))
    made.settle(act(), right, PROCEDURE)
    assert kinds(then(made)) == ["NotificationSettled", "NotificationSettled", "MonitoringRecorded"]
    assert wrong.status == right.status == "settled"
    assert made.entry.is_included


def test_a_correction_that_names_another_notification_cancels_nothing() -> None:
    made = excluded()
    notification = received(made, "monitoring", "conforms", corrects="another")
    made.settle(act(), notification, PROCEDURE)
    assert made.entry.state.status == "excluded"


def test_monitoring_of_a_product_never_included_is_unknown_and_not_guessed() -> None:
    made = dossier()
    notification = received(made, "monitoring", "exclude")
    with pytest.raises(NotFound, match="entry_unknown"):
        made.settle(act(), notification, PROCEDURE)


def test_own_request_is_recorded_with_a_term_that_is_not_statutory_art_51_6_3() -> None:
    made = included()
    made.entry.request_exclusion(act(), {}, PROCEDURE.own_request(at("2026-03-02")))
    term = made.entry.state.request_term
    assert term is not None
    assert (term.due_on, term.statutory) == ("2026-03-05", False)


def test_exclusion_at_own_request_has_no_appeal() -> None:
    made = included()
    made.entry.request_exclusion(act(), {}, PROCEDURE.own_request(at("2026-03-02")))
    made.exclude(act(), "own_request")
    with pytest.raises(Conflict, match="exclusion_not_appealable"):
        appeal(made.entry)


@pytest.mark.parametrize("ground", ["liquidation", "reorganisation"])
def test_exclusion_with_the_end_of_the_producer_has_no_appeal_art_51_6(ground: Any) -> None:
    made = included()
    made.exclude(act(), ground)
    with pytest.raises(Conflict, match="exclusion_not_appealable") as refused:
        appeal(made.entry)
    assert refused.value.params["ground"] == ground


def appeal(entry: Entry) -> str:
    return entry.file_appeal(
        act(), producer=entry.state.producer, language="kk", documents=(), commitments={}
    )


def test_a_second_request_while_one_waits_is_refused() -> None:
    made = included()
    made.entry.request_exclusion(act(), {}, PROCEDURE.own_request(at("2026-03-02")))
    with pytest.raises(Conflict, match="exclusion_already_requested"):
        made.entry.request_exclusion(act(), {}, PROCEDURE.own_request(at("2026-03-02")))


def test_an_officer_excludes_at_own_request_only_when_it_was_made() -> None:
    with pytest.raises(Conflict, match="exclusion_not_requested"):
        included().entry.must_be_requested()


def test_a_request_answered_too_late_is_missed_once() -> None:
    made = included()
    term = PROCEDURE.own_request(at("2026-03-02"))
    made.entry.request_exclusion(act(), {}, term)
    assert made.entry.miss_term(act(at("2026-03-05")), term) is False
    assert made.entry.miss_term(act(at("2026-03-06")), term) is True
    assert made.entry.miss_term(act(at("2026-03-07")), term) is False
    made.exclude(act(at("2026-03-07")), "own_request")
    assert made.entry.miss_term(act(at("2026-03-08")), term) is False


@pytest.mark.parametrize("ground", ["liquidation", "reorganisation"])
def test_the_end_of_the_producer_excludes_closes_and_settles_art_51_6(
    ground: Literal["liquidation", "reorganisation"],
) -> None:
    made = included()
    on = date(2026, 3, 2)
    waiting = received(made, "monitoring", "exclude")
    if ground == "liquidation":
        made.producer.liquidate(act(), on=on, reference="R-1")
    else:
        made.producer.reorganise(act(), form="merger", on=on, reference="R-1")
    made.exclude(act(), ground)
    made.clear(act())
    assert kinds(then(made)) == ["NotificationSettled", "Excluded"]
    assert waiting.state.settled is not None
    assert waiting.state.settled.reason == "producer_ceased"
    with pytest.raises(Conflict, match="exclusion_not_appealable"):
        appeal(made.entry)


def test_a_pending_application_closes_with_its_producer() -> None:
    made = dossier()
    application = with_application(made)
    made.producer.liquidate(act(), on=date(2026, 3, 2), reference="R-1")
    made.clear(act())
    assert application.status == "closed"


def test_an_exclusion_reported_late_counts_from_the_day_of_the_liquidation() -> None:
    made = included(at("2026-03-02"))
    made.producer.liquidate(act(at("2026-04-10")), on=date(2026, 4, 1), reference="R-1")
    made.exclude(act(at("2026-04-10")), "liquidation", counts_from=at("2026-03-31", "19:00"))
    (event,) = then(made)
    assert isinstance(event, Excluded)
    assert event.excluded_on == "2026-04-01"
    assert event.appeal_term is None


def test_an_exclusion_never_counts_from_before_the_inclusion() -> None:
    made = included(at("2026-03-02"))
    made.exclude(act(at("2026-03-10")), "liquidation", counts_from=at("2026-02-01"))
    (exclusion,) = made.entry.state.exclusions
    assert exclusion.excluded_on == "2026-03-02"


def test_an_excluded_product_is_not_excluded_again() -> None:
    with pytest.raises(Conflict, match="entry_not_included") as refused:
        excluded().entry.request_exclusion(act(), {}, PROCEDURE.own_request(at("2026-03-02")))
    assert refused.value.params["state"] == "excluded"
