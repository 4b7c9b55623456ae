"""Officers at work on both databases: worklists, documents asked for and supplied, criteria checked."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from services.kernel.calendar import Term
from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Forbidden, Invalid
from services.kernel.journal.journal import Work
from services.register.contract.events import ProducerTransformed, TransformedField
from services.verification.api.officers_forms import LONGEST_CHECK_REASON
from services.verification.contract.events import TermMissed
from services.verification.domain.case import Case
from services.verification.projections.identifiers import producer_of
from services.verification.projections.included_entries import latest
from services.verification.projections.officers import keep_officer, list_officers
from services.verification.projections.worklist import CaseFilter, Place, list_cases
from services.verification.usecases.assign_case import assign_case
from services.verification.usecases.check_criterion import check_criterion
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.open_rounds_due import open_rounds_due
from services.verification.usecases.record_missed_terms import record_missed_terms
from services.verification.usecases.supply_documents import Named
from tests.verification.acting import BIN, NOON, PRODUCER, REASONS, REMARKS, officer
from tests.verification.authority import Q1, authority, report
from tests.verification.officers import (
    FOUR_EYES,
    A,
    B,
    appealed,
    approve,
    ask,
    conclude,
    done,
    filed,
    supply,
    worklist,
)

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


def test_a_former_bin_answers_no_more_and_the_new_one_does_art_51_6(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        case = filed(here)
        ask(here, case)
        here.follow(
            ProducerTransformed(
                producer=msgspec.structs.replace(PRODUCER, bin="971240001315"),
                former_bin=BIN,
                transformed_on="2026-03-02",
                reference="R-2",
            ),
            stream=PRODUCER.producer_id,
        )
        kept = here.keep(b"text", "text/plain")
        with pytest.raises(Forbidden, match="not_yours"):
            supply(here, case, Named("contracts", kept), by=BIN)
        supply(here, case, Named("contracts", kept), by="971240001315")
        with here.database.read() as connection:
            named = {producer_of(connection, number) for number in (BIN, "971240001315")}
        assert named == {PRODUCER.producer_id}, "its cases are found under both"


def test_a_bin_told_late_of_an_earlier_day_answers_no_more_art_51_6(
    database_url: str, tmp_path: Path
) -> None:
    """Another one that counts from later was told before: it stays the present one."""
    with authority(database_url, tmp_path) as here:
        case = filed(here)
        ask(here, case)
        told: list[tuple[str, tuple[TransformedField, ...]]] = [
            ("971240001315", ()),
            ("151040025562", ("bin",)),
        ]
        for number, superseded in told:
            event = ProducerTransformed(
                producer=msgspec.structs.replace(PRODUCER, bin=number),
                former_bin=BIN,
                transformed_on="2026-03-02",
                reference="R-2",
                fields=("bin",),
                superseded=superseded,
            )
            here.follow(event, stream=PRODUCER.producer_id)
        kept = here.keep(b"text", "text/plain")
        with pytest.raises(Forbidden, match="not_yours"):
            supply(here, case, Named("contracts", kept), by="151040025562")
        supply(here, case, Named("contracts", kept), by="971240001315")
        with here.database.read() as connection:
            assert producer_of(connection, "151040025562") == PRODUCER.producer_id


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
        while carry_on(here.journal, here.practice, Q1, Paces(500)) is not None:
            pass
        (waiting,) = here.cases(kind="monitoring")
        assert waiting.status == "open"


def test_the_longest_reasons_for_every_criterion_still_fit_one_event(sqlite_url: str, tmp_path: Path) -> None:
    """By one officer or by two: whatever was checked can be concluded."""
    longest = OfficialText(
        kk="ә" * LONGEST_CHECK_REASON, ru="я" * LONGEST_CHECK_REASON, en="x" * LONGEST_CHECK_REASON
    )
    with authority(sqlite_url, tmp_path, **FOUR_EYES) as here:
        case = filed(here, ())
        rule_set = here.practice.rule_book.in_force("confirmation", date(2026, 3, 2))
        assert rule_set is not None
        for rule in rule_set.rules.criteria:

            def override(work: Work, found: Case, name: str = rule.name) -> Case:
                return check_criterion(work, here.practice, officer(A), found, name, "overridden", longest)

            done(here, case.id, override)
        conclude(here, case, "confirmed", A)
        assert approve(here, case, B).result == "confirmed"


def test_an_appeal_is_not_judged_by_criteria(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        appeal = appealed(here)
        with pytest.raises(Conflict, match="criteria_not_judged"):
            done(
                here,
                appeal.id,
                lambda w, c: check_criterion(w, here.practice, officer(B), c, "x", "confirmed", None),
            )
