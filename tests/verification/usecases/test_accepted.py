"""What people accepted with reasons, automatic monitoring does not undo (art. 51-2(3), (5); art. 51-5(7))."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kernel.contract import OfficialText
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.projections.judged_cases import confirmed_reports
from services.verification.usecases.check_criterion import check_criterion
from services.verification.usecases.conclude_case import conclude_by_judgement
from services.verification.usecases.correct_exclusion import correct_exclusion
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.record_ruling import RecordedRuling, record_ruling
from tests.verification.acting import NAME, PRODUCER, REASONS, REMARKS, officer
from tests.verification.authority import Q1, Authority, authority, report
from tests.verification.officers import RULING, A, B, C, conclude, delist, done, monitored
from tests.verification.usecases.test_confirmation import OTHER
from tests.verification.usecases.test_filings import GAME
from tests.verification.usecases.test_four_eyes_and_courts import decide
from tests.verification.usecases.test_rounds import corrected, opened, reinstated


def judged_round(here: Authority) -> list[Case]:
    """The quarter's round, judged by itself."""
    here.clock.set(datetime(2026, 4, 2, 7, 0, tzinfo=UTC))
    opened(here)
    practice = replace(here.practice, automatic=frozenset({"monitoring"}))
    while carry_on(here.journal, practice, Q1, Paces()) is not None:
        pass
    return here.cases(kind="monitoring", quarter=str(Q1))


def found_to_conform(here: Authority, case: Case) -> None:
    conclude(here, case, "conforms", A, REASONS)


def exclusion_corrected(here: Authority, case: Case) -> None:
    conclude(here, case, "exclude", A)
    done(here, case.id, lambda w, c: correct_exclusion(w, here.practice, officer(A), c, REASONS))


def appeal_upheld(here: Authority, case: Case) -> None:
    told = conclude(here, case, "exclude", A).notification
    assert told is not None
    entry_id = str(case.opened.entry_id)
    exclusion = here.exclude(entry_id, told.notification_id)
    appeal_id = here.appeal(entry_id, told.notification_id)
    decide(here, here.case_of(f"appeal:{appeal_id}"), B, "upheld", annuls=True)
    reinstated(here, entry_id, exclusion, from_start=True)


def exclusion_annulled_in_the_register(here: Authority, case: Case) -> None:
    told = conclude(here, case, "exclude", A).notification
    assert told is not None
    entry_id = str(case.opened.entry_id)
    exclusion = here.exclude(entry_id, told.notification_id)
    corrected(here, entry_id, exclusion)


def undone_by_a_court(here: Authority, case: Case) -> None:
    conclude(here, case, "exclude", A)
    recorded = RecordedRuling(RULING, "undone", REMARKS, True)
    done(here, case.id, lambda w, c: record_ruling(w, officer(C), c, recorded))


@pytest.mark.parametrize(
    "kept",
    [
        found_to_conform,
        exclusion_corrected,
        appeal_upheld,
        exclusion_annulled_in_the_register,
        undone_by_a_court,
    ],
    ids=lambda f: f.__name__,
)
def test_what_people_kept_in_the_register_waits_for_them_in_the_next_round(
    sqlite_url: str, tmp_path: Path, kept: Callable[[Authority, Case], None]
) -> None:
    """The product is delisted, so by the rules every round would exclude it anew."""
    with authority(sqlite_url, tmp_path) as here:
        kept(here, monitored(here))
        (case,) = judged_round(here)
        assert case.status == "open"
        assert conclude(here, case, "exclude", B).result == "exclude"


@pytest.mark.parametrize("result", ["confirmed", "refused"])
def test_a_returned_decision_that_departs_from_the_rules_is_not_resubmitted_by_them(
    sqlite_url: str, tmp_path: Path, result: str
) -> None:
    """Order 327 para. 9: the remarks are about what an officer decided, and an officer answers them."""
    with authority(sqlite_url, tmp_path, "resubmission") as here:
        if result == "refused":
            here.list_product()  # and the rules would confirm it
        case = here.case_of(f"application:{here.file()}")
        here.return_notification(conclude(here, case, result, A, REASONS))
        assert here.case_of(f"application:{case.opened.application_id}").status == "rework"
        assert here.types()[-1] == "ReworkBegun"


def test_a_returned_decision_with_an_overridden_criterion_is_not_resubmitted_by_the_rules(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The judgement is the officer's there, so that the result does not depart from it."""
    with authority(sqlite_url, tmp_path, "resubmission") as here:
        case = here.case_of(f"application:{here.file()}")
        name = "trusted_software_register"

        def override(work: Work, found: Case) -> Case:
            return check_criterion(work, here.practice, officer(A), found, name, "overridden", REASONS)

        done(here, case.id, override)
        concluded = conclude(here, case, "confirmed", A)
        assert concluded.conclusion is not None
        assert not concluded.conclusion.departs_from_judgement
        here.return_notification(concluded)
        assert here.types()[-1] == "ReworkBegun"


def test_what_is_accepted_while_the_rules_exclude_waits_all_the_same(sqlite_url: str, tmp_path: Path) -> None:
    """The other case is decided between the judgement and its record: this one is judged again."""
    with authority(sqlite_url, tmp_path) as here:
        first = monitored(here)
        here.clock.set(datetime(2026, 4, 2, 7, 0, tzinfo=UTC))
        opened(here)
        while carry_on(here.journal, here.practice, Q1, Paces()) is not None:
            pass
        (case,) = here.cases(kind="monitoring", quarter=str(Q1))
        waits: list[bool] = []

        def judged(work: Work) -> Case:
            found = work.load(Case, case.id)
            waits.append(not conclude_by_judgement(work, here.practice, officer(B), found))
            if len(waits) == 1:
                found_to_conform(here, first)
            if not waits[-1]:
                work.save(found)
            return found

        here.journal.transact(judged)
        assert waits == [False, True]
        assert here.journal.load(Case, case.id).status == "open"


def test_what_was_accepted_for_an_earlier_application_is_over(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        case = monitored(here)
        found_to_conform(here, case)
        entry_id = str(case.opened.entry_id)
        here.exclude(entry_id)
        listing = here.list_product()
        again = here.file(product_id=entry_id)
        assert conclude(here, here.case_of(f"application:{again}"), "confirmed", A).result == "confirmed"
        here.include(again)
        delist(here, listing)
        (of_round,) = judged_round(here)
        assert of_round.result == "exclude"


def test_a_report_accepted_with_another_total_condemns_no_other_product(
    database_url: str, tmp_path: Path
) -> None:
    """Both totals stand by an officer's decision; a third product must agree with those that agree."""
    with authority(database_url, tmp_path) as here:

        def confirmed(name: OfficialText, expenses: str, reasons: OfficialText | None = None) -> str:
            here.list_product(name=name)
            application_id = here.file(here.package(report(expenses=expenses)), name=name)
            case = here.case_of(f"application:{application_id}")
            assert conclude(here, case, "confirmed", A, reasons).result == "confirmed"
            return here.include(application_id)

        first = confirmed(NAME, "200.00")
        accepted = confirmed(OTHER, "300.00", REASONS)
        third = confirmed(GAME, "200.00")
        with here.database.read() as connection:
            measures = confirmed_reports(
                connection, PRODUCER.producer_id, reporting_year=2025, except_product=third, limit=1
            )
        assert len(measures) == 1  # what is no measure takes no place among the newest
        results = {case.opened.entry_id: case.result for case in judged_round(here)}
        assert results == {first: "conforms", accepted: None, third: "conforms"}
