"""Terms that no text fixes: settings, labelled as not statutory: silence never includes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kernel.contract import FixedTerm
from services.verification.contract.events import CaseKind, TermMissed
from services.verification.domain.case import Case
from services.verification.settings import VerificationSettings
from services.verification.usecases.conclude_case import OfficersConclusion, conclude_case
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.open_rounds_due import open_rounds_due
from services.verification.usecases.record_missed_terms import record_missed_terms
from services.verification.usecases.resubmit_notification import Resubmission, resubmit_notification
from tests.verification.acting import NOON, REMARKS, officer
from tests.verification.authority import Q1, Authority, authority

APRIL = datetime(2026, 4, 1, 7, 0, tzinfo=UTC)
LATE = {"confirmation": "refused", "monitoring": "exclude"}


@contextmanager
def with_settings(url: str, folder: Path, **settings: Any) -> Iterator[Authority]:
    """An authority whose officers decide everything, under these settings."""
    terms = VerificationSettings(_env_file=None, **settings).terms()
    with authority(url, folder, terms=terms) as here:
        yield here


def opened(here: Authority, kind: CaseKind) -> Case:
    """A case of one kind, open."""
    application_id = here.file()
    if kind == "confirmation":
        return here.case_of(f"application:{application_id}")
    entry_id = here.include(application_id)
    here.clock.set(APRIL)
    open_rounds_due(here.journal, here.practice)
    carry_on(here.journal, here.practice, Q1, Paces(500), settled=False)
    (monitoring,) = here.cases(kind="monitoring")
    if kind == "monitoring":
        return monitoring
    concluded(here, monitoring, "exclude")
    (issued,) = here.notifications()
    here.exclude(entry_id, issued.notification_id)
    return here.case_of(f"appeal:{here.appeal(entry_id, issued.notification_id)}")


def concluded(here: Authority, case: Case, result: Any) -> None:
    outcome = OfficersConclusion(result)
    here.journal.transact(
        lambda work: conclude_case(work, here.practice, officer(at=here.clock.now()), case, outcome)
    )


def missed(here: Authority) -> list[TermMissed]:
    return [
        recorded.fact.data
        for page in here.journal.replay()
        for recorded in page
        if isinstance(recorded.fact.data, TermMissed)
    ]


def term_of(case: Case) -> FixedTerm:
    assert case.running_term is not None
    return case.running_term


@pytest.mark.parametrize(
    ("kind", "due_on"),
    [("confirmation", "2026-03-10"), ("monitoring", "2026-04-08"), ("appeal", "2026-04-08")],
)
def test_a_term_set_for_a_kind_of_case_is_fixed_at_its_opening_and_not_called_statutory(
    sqlite_url: str, tmp_path: Path, kind: CaseKind, due_on: str
) -> None:
    """Five working days; 9 March 2026 is a day off."""
    with with_settings(sqlite_url, tmp_path, **{f"{kind}_days": 5}) as here:
        case = opened(here, kind)
        term = term_of(case)
        assert (term.name, term.due_on, term.basis, term.statutory) == (kind, due_on, "setting", False)
        assert term.calendar
        others = [one for one in here.cases() if one.id != case.id]
        assert all(one.running_term is None for one in others)


@pytest.mark.parametrize("kind", ["confirmation", "monitoring", "appeal"])
def test_without_the_setting_no_term_runs_and_none_is_missed(
    sqlite_url: str, tmp_path: Path, kind: CaseKind
) -> None:
    with with_settings(sqlite_url, tmp_path) as here:
        assert opened(here, kind).running_term is None
        here.clock.set(datetime(2027, 3, 1, tzinfo=UTC))
        assert record_missed_terms(here.journal, here.practice) == 0
        assert missed(here) == []


@pytest.mark.parametrize("kind", ["confirmation", "monitoring", "appeal"])
def test_a_missed_term_by_setting_is_recorded_once_and_what_is_done_late_is_done(
    database_url: str, tmp_path: Path, kind: CaseKind
) -> None:
    """It counts from the first instant after the last day in Almaty, whenever the watcher sees it."""
    with with_settings(database_url, tmp_path, **{f"{kind}_days": 5}) as here:
        case = opened(here, kind)
        term = term_of(case)
        last = datetime.fromisoformat(f"{term.due_on}T18:59:59+00:00")
        here.clock.set(last)
        assert record_missed_terms(here.journal, here.practice) == 0
        here.clock.set(datetime.fromisoformat(f"{term.due_on}T19:00:00+00:00"))
        assert record_missed_terms(here.journal, here.practice) == 1
        assert record_missed_terms(here.journal, here.practice) == 0
        (fact,) = missed(here)
        assert (fact.subject_id, fact.missed_by) == (str(case.id), "informatization_authority")
        assert fact.term == term
        assert not fact.term.statutory
        late = here.journal.load(Case, case.id)
        assert late.status == "open"
        if kind in LATE:
            concluded(here, late, LATE[kind])
            assert here.journal.load(Case, case.id).status == "concluded"
        assert record_missed_terms(here.journal, here.practice) == 0


def test_a_case_concluded_in_time_misses_nothing(sqlite_url: str, tmp_path: Path) -> None:
    with with_settings(sqlite_url, tmp_path, monitoring_days=5) as here:
        concluded(here, opened(here, "monitoring"), "exclude")
        here.clock.set(datetime(2026, 6, 1, tzinfo=UTC))
        assert record_missed_terms(here.journal, here.practice) == 0
        assert missed(here) == []


@pytest.mark.parametrize("days", [0, 366, -1, "soon"])
def test_an_absurd_term_stops_the_start(days: Any) -> None:
    with pytest.raises(ValueError, match="confirmation_days"):
        VerificationSettings(_env_file=None, confirmation_days=days)


def test_the_terms_are_those_of_the_settings_alone() -> None:
    terms = VerificationSettings(_env_file=None, appeal_days=30).terms()
    assert {kind: (term.length, term.statutory) for kind, term in terms.items()} == {"appeal": (30, False)}
    assert terms["appeal"].fixed(NOON).due_on == "2026-04-17"


@pytest.mark.parametrize("kind", ["confirmation", "monitoring"])
def test_a_case_concluded_late_before_anyone_watched_missed_its_term_all_the_same(
    database_url: str, tmp_path: Path, kind: CaseKind
) -> None:
    with with_settings(database_url, tmp_path, **{f"{kind}_days": 5}) as here:
        case = opened(here, kind)
        term = term_of(case)
        here.clock.set(datetime(2026, 6, 1, 7, tzinfo=UTC))
        concluded(here, case, "refused" if kind == "confirmation" else "exclude")
        assert record_missed_terms(here.journal, here.practice) == 0
        assert [(fact.subject_id, fact.term) for fact in missed(here)] == [(str(case.id), term)]


def test_rework_done_late_before_anyone_watched_missed_its_five_days_all_the_same_order_327_para_9(
    database_url: str, tmp_path: Path
) -> None:
    with with_settings(database_url, tmp_path) as here:
        case = opened(here, "confirmation")
        concluded(here, case, "refused")
        term = here.return_notification(here.journal.load(Case, case.id))
        here.clock.set(datetime(2026, 6, 1, 7, tzinfo=UTC))
        again = Resubmission(REMARKS)
        here.journal.transact(
            lambda work: resubmit_notification(
                work,
                here.practice,
                officer(at=here.clock.now()),
                here.journal.load(Case, case.id),
                again,
            )
        )
        assert record_missed_terms(here.journal, here.practice) == 0
        assert [fact.term for fact in missed(here)] == [term]
        assert here.types()[-3:] == ["TermMissed", "CaseConcluded", "NotificationResubmitted"]
