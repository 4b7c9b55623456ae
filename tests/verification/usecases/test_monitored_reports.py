"""Which report an entry is monitored by (art. 51-2(3), order 327 para. 29; order of 28.11.2025)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from services.kernel.calendar import Quarter
from services.kernel.contract import DocumentRef
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.domain.supplying import MOST_DOCUMENTS, monitored_documents
from services.verification.projections.included_entries import Inclusion, is_included, latest
from services.verification.usecases.follow_entry import follow_reinstatement
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.practice import Step
from services.verification.usecases.supply_documents import Named
from tests.verification.acting import REASONS, document, officer
from tests.verification.authority import Authority, authority, report
from tests.verification.officers import A, B, ask, conclude, supply
from tests.verification.usecases.test_rounds import included, opened

WINTER, SPRING, SUMMER = (Quarter.parse(one) for one in ("2026-Q4", "2027-Q1", "2027-Q2"))


def round_of(here: Authority, quarter: Quarter, *automatic: Step) -> list[Case]:
    """The quarter's round after its end, judged by itself where that is automatic."""
    here.clock.set(datetime.combine(quarter.last_day + timedelta(days=2), time(7), UTC))
    opened(here, quarter)
    practice = replace(here.practice, automatic=frozenset(automatic))
    while carry_on(here.journal, practice, quarter, Paces()) is not None:
        pass
    return here.cases(kind="monitoring", quarter=str(quarter))


def supplied(
    here: Authority, case: Case, year: int, foreign: str, replaces: DocumentRef | None = None
) -> None:
    ask(here, case)
    content = json.dumps(report(foreign, year=year, expenses=f"{year}.00")).encode()
    replaced = replaces.sha256 if replaces is not None else None
    supply(here, case, Named("localisation_report", here.keep(content), replaced))


def year_judged(case: Case) -> int | None:
    conclusion = case.conclusion
    assert conclusion is not None
    assert conclusion.judgement is not None
    assert conclusion.judgement.evidence is not None
    figures = conclusion.judgement.evidence.figures
    return figures.reporting_year if figures is not None else None


@pytest.mark.parametrize(("foreign", "result"), [("5.00", "conforms"), ("30.00", "exclude")])
def test_a_newer_report_decides_and_goes_on_deciding_in_the_rounds_after(
    database_url: str, tmp_path: Path, foreign: str, result: str
) -> None:
    """Another product of the producer, reported for another year with another total, is no difference."""
    with authority(database_url, tmp_path) as here:
        entry_id, _other = included(here, 2, listed=True)
        case, _untouched = round_of(here, SPRING)
        assert case.opened.entry_id == entry_id
        supplied(here, case, 2026, foreign)
        supplied(here, case, 2025, "0.00")
        case = conclude(here, case, result, A)
        assert year_judged(case) == 2026
        later = round_of(here, SUMMER, "monitoring")
        assert [(found.result, year_judged(found)) for found in later] == [(result, 2026), ("conforms", 2025)]


def test_a_report_of_a_year_that_is_not_over_is_a_finding(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        included(here, 1, listed=True)
        (case,) = round_of(here, SPRING)
        (first,) = (one for one in case.documents if one.kind == "localisation_report")
        supplied(here, case, 2027, "5.00", replaces=first)
        reasons = conclude(here, case, "exclude", A).reasons
        assert reasons is not None
        assert "report_year_wrong /reporting_year (year 2027, expected 2025-2026)" in (reasons.en or "")


@pytest.mark.parametrize(("quarter", "year"), [(WINTER, 2026), (SPRING, 2027)])
def test_a_report_the_case_may_not_be_judged_by_hides_none_that_it_may(
    sqlite_url: str, tmp_path: Path, quarter: Quarter, year: int
) -> None:
    """A round judges as of its quarter's last day, on which the year of that quarter is not over."""
    with authority(sqlite_url, tmp_path) as here:
        included(here, 1, listed=True)
        (case,) = round_of(here, quarter)
        supplied(here, case, year, "30.00")
        assert year_judged(conclude(here, case, "conforms", A)) == 2025


def test_an_entry_included_anew_is_monitored_by_its_new_application(sqlite_url: str, tmp_path: Path) -> None:
    """What comes late, for the appeal of the former inclusion's end, changes nothing of the new one."""
    with authority(sqlite_url, tmp_path) as here:
        (entry_id,) = included(here, 1, listed=True)
        (case,) = round_of(here, SPRING)
        told = conclude(here, case, "exclude", A, REASONS).notification
        assert told is not None
        here.exclude(entry_id, told.notification_id)
        appeal = here.case_of(f"appeal:{here.appeal(entry_id, told.notification_id)}")
        ask(here, appeal, B)
        package = here.package(report(year=2026))
        application_id = here.file(package, product_id=entry_id, at=here.clock.now())
        confirmation = here.case_of(f"application:{application_id}")
        conclude(here, confirmation, "confirmed", A, REASONS)
        here.include(application_id)
        supply(here, appeal, Named("contracts", here.keep(b"late", "text/plain")))
        (again,) = round_of(here, SUMMER)
        assert (again.opened.application_id, again.documents) == (application_id, package)


def test_what_is_supplied_while_a_reinstatement_is_followed_is_monitored_too(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The entry is copied into its new period as it stands when that is recorded."""
    with authority(sqlite_url, tmp_path) as here:
        (entry_id,) = included(here, 1, listed=True)
        (case,) = round_of(here, SPRING)
        told = conclude(here, case, "exclude", A, REASONS).notification
        assert told is not None
        exclusion = here.exclude(entry_id, told.notification_id)
        appeal = here.case_of(f"appeal:{here.appeal(entry_id, told.notification_id)}")
        ask(here, appeal, B)
        late = Named("contracts", here.keep(b"late", "text/plain"))
        tries: list[int] = []

        def followed(work: Work) -> None:
            follow_reinstatement(
                work,
                here.practice,
                officer(B, here.clock.now()),
                entry_id=entry_id,
                inclusion=Inclusion(begun_by=str(new_stream_id()), from_on="2027-04-03"),
                exclusion_event_id=exclusion,
                from_start=False,
            )
            tries.append(1)
            if len(tries) == 1:
                supply(here, appeal, late)

        here.journal.transact(followed)
        with here.database.read() as connection:
            entry = latest(connection, entry_id)
            assert is_included(connection, entry_id)
        assert entry is not None
        assert late.sha256 in {one.sha256 for one in entry.filing.documents}


def test_no_more_documents_are_monitored_than_an_opening_holds() -> None:
    many = tuple(document("contracts", f"{number:064x}") for number in range(2 * MOST_DOCUMENTS))
    others = (document("terms_of_reference", "b" * 64), document("terms_of_reference", "c" * 64))
    kept: tuple[DocumentRef, ...] = monitored_documents(others + many)
    assert len(kept) == MOST_DOCUMENTS
    assert kept[:2] == others
    assert kept[2:] == many[-(MOST_DOCUMENTS - 2) :]
    assert monitored_documents(others) == others
