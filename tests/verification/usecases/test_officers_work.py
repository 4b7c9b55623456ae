"""Officers at work on both databases: worklists, documents, checks, four eyes, rulings, two at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.kernel.calendar import Term
from services.kernel.contract import CourtRuling, DocumentRef, OfficialText
from services.kernel.errors import Conflict, DomainError, Forbidden, Invalid, Stale
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.kernel.journal.journal import Work
from services.verification.contract.events import TermMissed
from services.verification.domain.case import Case
from services.verification.domain.listing import Listing
from services.verification.projections.cases import CaseFilter, Place, list_cases
from services.verification.projections.included_entries import latest
from services.verification.projections.officers import keep_officer, list_officers
from services.verification.usecases.assign_case import assign_case
from services.verification.usecases.check_criterion import check_criterion
from services.verification.usecases.conclude_case import OfficersConclusion, OfficersDecision, conclude_case
from services.verification.usecases.correct_exclusion import correct_exclusion
from services.verification.usecases.delist_software import delist_software
from services.verification.usecases.monitor_round import carry_on
from services.verification.usecases.open_rounds_due import open_rounds_due
from services.verification.usecases.record_missed_terms import record_missed_terms
from services.verification.usecases.record_ruling import RecordedRuling, record_ruling
from services.verification.usecases.request_documents import request_documents
from services.verification.usecases.resubmit_notification import Resubmission, resubmit_notification
from services.verification.usecases.settle_proposal import approve_proposal, return_proposal
from services.verification.usecases.supply_documents import Named, supply_documents
from tests.verification.acting import BIN, NOON, REASONS, REMARKS, officer
from tests.verification.authority import Q1, Authority, authority, report

A, B, C = "a" * 32, "b" * 32, "c" * 32
FOUR_EYES = {"four_eyes": frozenset({"confirmation", "monitoring", "appeal"})}
COURT = OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны")
RULING = CourtRuling(court=COURT, number="7119-26", ruled_on="2026-03-02")
Step = Callable[[Work, Case], Case]


def done(here: Authority, case_id: UUID, step: Step, *, version: int | None = None) -> Case:
    """One officer's step, on the version that was seen if one was."""

    def decide(work: Work) -> Case:
        case = work.load(Case, case_id)
        if version is not None and version != case.version:
            raise Stale("version_stale", expected=str(version), present=str(case.version))
        return step(work, case)

    result = here.journal.transact(decide).result
    assert result is not None
    return result


def conclude(here: Authority, case: Case, result: Any, by: str, reasons: Any = None) -> Case:
    outcome = OfficersConclusion(result, reasons)
    return done(here, case.id, lambda w, c: conclude_case(w, here.practice, officer(by), c, outcome))


def approve(here: Authority, case: Case, by: str) -> Case:
    return done(here, case.id, lambda w, c: approve_proposal(w, officer(by), c))


def supply(here: Authority, case: Case, *named: Named, by: str | None = BIN) -> Case:
    act = Act(here.clock.now(), Provenance(actor="p", decided_by="producer", correlation_id="t"))
    return done(here, case.id, lambda w, c: supply_documents(w, here.practice, act, c, named, by=by))


def ask(here: Authority, case: Case, by: str = A) -> Case:
    def step(work: Work, found: Case) -> Case:
        act = officer(by, here.clock.now())
        return request_documents(work, here.practice, act, found, asked=REASONS, kinds=("contracts",))

    return done(here, case.id, step)


def filed(here: Authority, documents: tuple[DocumentRef, ...] | None = None) -> Case:
    return here.case_of(f"application:{here.file(documents)}")


def worklist(here: Authority, **wanted: Any) -> list[UUID]:
    with here.database.read() as connection:
        rows = list_cases(connection, CaseFilter(**wanted), after=None, limit=100, order="due")
    return [UUID(str(row["case_id"])) for row in rows]


# --- worklists ----------------------------------------------------------------------------------------


def test_a_worklist_has_what_is_due_first_then_what_opened_first_in_pages_without_gaps(
    database_url: str, tmp_path: Path
) -> None:
    terms = {"confirmation": Term("confirmation", 5, "working_days", "setting", statutory=False)}
    with authority(database_url, tmp_path, terms=terms) as here:
        here.clock.set(NOON + timedelta(days=7))
        late = [filed(here).id, filed(here).id]
        here.clock.set(NOON)
        soon = filed(here).id
        without = filed(here)
        conclude(here, without, "refused", A, REASONS)
        expected = [soon, *late, without.id]
        assert worklist(here) == expected
        assert worklist(here, due_before="2026-03-16") == [soon]
        seen: list[UUID] = []
        after: Place | None = None
        while True:
            with here.database.read() as connection:
                rows = list_cases(connection, CaseFilter(), after=after, limit=1, order="due")
            if not rows:
                break
            after = Place(rows[0]["case_id"], rows[0]["due_on"])  # type: ignore[arg-type]
            seen.append(after.case_id)
        assert seen == expected


def test_cases_are_found_by_the_hands_they_are_in(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        mine, free = filed(here), filed(here)

        def take(work: Work, case: Case) -> Case:
            work.write(keep_officer(A, "aigul"))
            return assign_case(work, officer(A), case, A, None)

        done(here, mine.id, take)
        assert worklist(here, assigned_to=A) == [mine.id]
        assert worklist(here, assigned_to="nobody") == [free.id]
        with here.database.read() as connection:
            found = list_officers(connection, after="", limit=10)
        assert [(one.officer_id, one.subject, one.cases) for one in found] == [(A, "aigul", 1)]
        done(here, free.id, lambda w, c: assign_case(w, officer(B), c, A, None))
        assert worklist(here, assigned_to=A) == [mine.id, free.id]


def test_a_case_is_given_only_to_an_officer_known_here(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        case = filed(here)
        with pytest.raises(Invalid, match="officer_unknown"):
            done(here, case.id, lambda w, c: assign_case(w, officer(A), c, B, None))
        assert here.types() == ["CaseOpened"]


# --- documents ----------------------------------------------------------------------------------------


def test_supplied_documents_join_the_evidence_and_decide_the_case(database_url: str, tmp_path: Path) -> None:
    """A report short by a hair is replaced by a corrected one; the judgement rests on the new one."""
    with authority(database_url, tmp_path) as here:
        here.list_product()
        case = filed(here, here.package(report("20.01")))
        asked = ask(here, case)
        assert asked.request is not None
        assert (asked.request.term.statutory, asked.request.term.due_on) == (False, "2026-03-17")
        better = here.keep(json.dumps(report("20.00")).encode())
        supply(here, case, Named("localisation_report", better, case.opened.documents[0].sha256))
        ended = conclude(here, case, "confirmed", A)
        assert ended.conclusion is not None
        assert not ended.conclusion.departs_from_judgement
        issued = here.notifications()[-1]
        assert issued.localisation_share is not None
        assert (issued.localisation_share.part, issued.trusted_register_listed_on) == ("80.00", "2025-11-10")
        entry_id = here.include(str(case.opened.application_id))
        with here.database.read() as connection:
            monitored_by = latest(connection, entry_id)
        assert monitored_by is not None
        assert monitored_by.filing.documents == ended.documents


def test_only_the_producer_of_the_case_answers_and_only_with_documents_at_hand(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        case = filed(here)
        ask(here, case)
        before = here.types()
        kept = here.keep(b"text", "text/plain")
        for by in (None, "151040025562"):
            with pytest.raises(Forbidden, match="not_yours"):
                supply(here, case, Named("contracts", kept), by=by)
        with pytest.raises(Invalid, match="document_not_at_hand") as refused:
            supply(here, case, Named("contracts", kept), Named("contracts", "0" * 64))
        assert refused.value.pointer == "/documents/1/sha256"
        with pytest.raises(Invalid, match="document_not_of_case"):
            supply(here, case, Named("contracts", kept, "0" * 64))
        assert here.types() == before


def test_the_watcher_records_that_the_producer_missed_the_term_once(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        case = filed(here)
        ask(here, case)
        assert record_missed_terms(here.journal, here.practice) == 0
        here.clock.set(datetime(2026, 3, 18, 7, 0, tzinfo=UTC))
        assert record_missed_terms(here.journal, here.practice) == 1
        assert record_missed_terms(here.journal, here.practice) == 0
        facts = [recorded.fact for page in here.journal.replay() for recorded in page]
        (missed,) = [fact.data for fact in facts if isinstance(fact.data, TermMissed)]
        assert (missed.missed_by, missed.term.name) == ("producer", "documents")
        supplied = supply(here, case, Named("contracts", here.keep(b"late", "text/plain")))
        assert [(run.state, run.done) for run in supplied.terms] == [("missed", True)]


# --- criteria -----------------------------------------------------------------------------------------


def test_the_conclusion_rests_on_the_criteria_as_checked_and_records_both(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        case = filed(here)  # not listed as trusted software: one criterion fails
        with pytest.raises(Invalid, match="reasons_required"):
            conclude(here, case, "confirmed", A)
        name = "trusted_software_register"

        def override(work: Work, found: Case) -> Case:
            return check_criterion(work, here.practice, officer(A), found, name, "overridden", REMARKS)

        done(here, case.id, override)
        ended = conclude(here, case, "confirmed", A)
        assert ended.conclusion is not None
        assert not ended.conclusion.departs_from_judgement
        assert ended.conclusion.judgement is not None
        found = {one.criterion: one for one in ended.conclusion.judgement.criteria}[name]
        assert (found.passed, found.reason) == (True, REMARKS)
        assert found.checked is not None
        assert (found.checked.rule_passed, found.checked.officer) == (False, A)


@pytest.mark.parametrize("overridden", [True, False], ids=["overridden", "departed from"])
def test_what_an_officer_confirmed_against_the_rules_is_not_excluded_by_the_machine(
    database_url: str, tmp_path: Path, overridden: bool
) -> None:
    """Art. 51-2(3): the rules would exclude it every quarter; an officer looks at it again."""
    with authority(database_url, tmp_path, "monitoring") as here:
        case = filed(here)  # not listed as trusted software
        if overridden:
            name = "trusted_software_register"

            def override(work: Work, found: Case) -> Case:
                return check_criterion(work, here.practice, officer(A), found, name, "overridden", REASONS)

            done(here, case.id, override)
        conclude(here, case, "confirmed", A, None if overridden else REASONS)
        here.include(str(case.opened.application_id))
        here.clock.set(datetime(2026, 4, 2, 7, 0, tzinfo=UTC))
        open_rounds_due(here.journal, here.practice)
        while carry_on(here.journal, here.practice, Q1):
            pass
        (waiting,) = here.cases(kind="monitoring")
        assert waiting.status == "open"


def test_an_appeal_is_not_judged_by_criteria(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        appeal = appealed(here)
        with pytest.raises(Conflict, match="criteria_not_judged"):
            done(
                here,
                appeal.id,
                lambda w, c: check_criterion(w, here.practice, officer(B), c, "x", "confirmed", None),
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


def monitored(here: Authority) -> Case:
    """The open monitoring case of an entry whose product was delisted."""
    listing_id = UUID(here.list_product())
    case = filed(here)
    conclude(here, case, "confirmed", C)
    if here.practice.four_eyes:
        approve(here, case, B)
    here.include(str(case.opened.application_id))

    def delist(work: Work) -> Listing:
        listing = work.load(Listing, listing_id)
        day = date(2026, 3, 2)
        return delist_software(work, here.practice, officer(), listing, delisted_on=day, ground=REASONS)

    here.journal.transact(delist)
    return here.cases(kind="monitoring")[-1]


def appealed(here: Authority) -> Case:
    """The open appeal case of an exclusion that officer A concluded."""
    case = conclude(here, monitored(here), "exclude", A)
    assert case.notification is not None
    entry_id = str(case.opened.entry_id)
    here.exclude(entry_id, case.notification.notification_id)
    appeal_id = here.appeal(entry_id, case.notification.notification_id)
    return here.case_of(f"appeal:{appeal_id}")


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
