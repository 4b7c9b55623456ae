"""How a case ends on both databases: four eyes, appeals, rulings of courts, and two officers at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from services.kernel.errors import Conflict, DomainError, Forbidden
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.usecases.assign_case import assign_case
from services.verification.usecases.conclude_case import OfficersConclusion, OfficersDecision, conclude_case
from services.verification.usecases.correct_exclusion import correct_exclusion
from services.verification.usecases.record_ruling import RecordedRuling, record_ruling
from services.verification.usecases.resubmit_notification import Resubmission, resubmit_notification
from services.verification.usecases.settle_proposal import return_proposal
from services.verification.usecases.supply_documents import Named
from tests.verification.acting import REASONS, REMARKS, officer
from tests.verification.authority import Authority, authority
from tests.verification.officers import (
    FOUR_EYES,
    RULING,
    A,
    B,
    C,
    appealed,
    approve,
    ask,
    conclude,
    done,
    filed,
    monitored,
    supply,
    worklist,
)

# --- four eyes ----------------------------------------------------------------------------------------


def test_a_second_officer_approves_and_only_then_is_anything_notified(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, **FOUR_EYES) as here:
        here.list_product()
        case = filed(here)
        conclude(here, case, "confirmed", A)
        assert not here.notifications()
        assert worklist(here, proposed=True) == [case.id]
        with pytest.raises(Forbidden, match="own_proposal"):
            approve(here, case, A)
        done(here, case.id, lambda w, c: return_proposal(w, officer(B), c, REMARKS))
        assert worklist(here, proposed=True) == []
        conclude(here, case, "confirmed", A)
        ended = approve(here, case, B)
        assert (ended.status, ended.told) == ("concluded", True)
        (issued,) = here.notifications()
        assert issued.trusted_register_listed_on == "2025-11-10"
        assert here.types()[-2:] == ["CaseConcluded", "NotificationIssued"]


def test_rework_is_resubmitted_by_four_eyes_too(database_url: str, tmp_path: Path) -> None:
    """Order 327 para. 9."""
    with authority(database_url, tmp_path, **FOUR_EYES) as here:
        here.list_product()
        case = filed(here)
        conclude(here, case, "confirmed", A)
        term = here.return_notification(approve(here, case, B))
        answer = Resubmission(REMARKS)
        with pytest.raises(Conflict, match="case_not_open"):
            conclude(here, case, "confirmed", A)
        done(here, case.id, lambda w, c: resubmit_notification(w, here.practice, officer(A), c, answer))
        sent = approve(here, case, B)
        assert here.types()[-3:] == ["ConclusionProposed", "CaseConcluded", "NotificationResubmitted"]
        assert [(run.term, run.state) for run in sent.terms] == [(term, "met")]


def test_a_correction_of_an_exclusion_is_proposed_too(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path, **FOUR_EYES) as here:
        case = monitored(here)
        conclude(here, case, "exclude", A, REASONS)
        approve(here, case, B)
        done(here, case.id, lambda w, c: correct_exclusion(w, here.practice, officer(A), c, REASONS))
        corrected = approve(here, case, B)
        assert (corrected.result, corrected.corrects) == (
            "conforms",
            here.notifications()[-2].notification_id,
        )


# --- appeals and courts -------------------------------------------------------------------------------


def decide(here: Authority, case: Case, by: str, decision: Any, annuls: bool | None = None) -> Case:
    outcome = OfficersDecision(decision, REASONS, annuls)
    return done(here, case.id, lambda w, c: conclude_case(w, here.practice, officer(by), c, outcome))


def test_an_appeal_is_taken_and_decided_by_another_officer_with_the_documents_asked_for(
    database_url: str, tmp_path: Path
) -> None:
    """Art. 51-2(5), order 327 para. 31."""
    with authority(database_url, tmp_path) as here:
        appeal = appealed(here)
        with pytest.raises(Forbidden, match="appeal_of_own_case"):
            done(here, appeal.id, lambda w, c: assign_case(w, officer(A), c, A, None))
        done(here, appeal.id, lambda w, c: assign_case(w, officer(B), c, B, None))
        ask(here, appeal, B)
        kept = here.keep(b"proof", "text/plain")
        supply(here, appeal, Named("contracts", kept))
        with pytest.raises(Forbidden, match="case_of_another"):
            decide(here, appeal, C, "upheld")
        ended = decide(here, appeal, B, "partly_upheld", annuls=True)
        assert [one.sha256 for one in ended.documents] == [kept]
        assert here.notifications()[-1].annuls_from_start


@pytest.mark.parametrize("annuls", [True, False])
def test_a_court_undoes_the_dismissal_of_an_appeal(database_url: str, tmp_path: Path, annuls: bool) -> None:
    """Art. 51-5(7): the ruling is the basis of the notification that follows."""
    with authority(database_url, tmp_path) as here:
        appeal = decide(here, appealed(here), B, "dismissed")
        recorded = RecordedRuling(RULING, "undone", REMARKS, annuls)
        done(here, appeal.id, lambda w, c: record_ruling(w, officer(C), c, recorded))
        issued = here.notifications()[-1]
        assert (issued.kind, issued.result, issued.annuls_from_start) == ("appeal", "upheld", annuls)
        assert (issued.court_ruling, issued.appeal_id) == (RULING, appeal.opened.appeal_id)
        assert here.types()[-2:] == ["CourtRulingRecorded", "NotificationIssued"]


# --- two at once --------------------------------------------------------------------------------------


def test_of_officers_who_decide_at_once_one_wins_and_the_others_learn_it(
    database_url: str, tmp_path: Path
) -> None:
    """A decision names the version it was made on: the others get a 412, and none is lost or overwritten."""
    with authority(database_url, tmp_path) as here:
        here.list_product()
        cases = [filed(here) for _ in range(6)]
        officers = 4
        barrier = threading.Barrier(officers)

        def decided(case: Case, by: str) -> str:
            outcome = OfficersConclusion("confirmed" if by < "2" else "refused", REASONS)

            def step(work: Work, found: Case) -> Case:
                return conclude_case(work, here.practice, officer(by), found, outcome)

            barrier.wait(30)
            try:
                done(here, case.id, step, version=case.version)
            except DomainError as refused:
                return f"{refused.status} {refused.code}"
            return "won"

        def decide_all(by: str) -> list[str]:
            return [decided(case, by) for case in cases]

        with ThreadPoolExecutor(officers) as pool:
            results = list(pool.map(decide_all, [str(n) for n in range(officers)]))
        for outcomes in zip(*results, strict=True):
            assert sorted(outcomes) == ["412 version_stale"] * (officers - 1) + ["won"]
        assert len(here.notifications()) == len(cases)
        for index, case in enumerate(cases):
            winner = next(str(n) for n, found in enumerate(results) if found[index] == "won")
            assert here.journal.load(Case, case.id).concluded_by == {winner}
