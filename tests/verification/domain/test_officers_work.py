"""What officers do on a case before it ends (law-86-VII art. 51-2(2), (3), (5)): hands, documents, checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.contract import FixedTerm
from services.kernel.errors import Conflict, DomainError, Forbidden, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance, new_stream_id
from services.verification.contract.events import CaseOpened, CriterionOutcome, RecordedJudgement, TermMissed
from services.verification.contract.officers_work import (
    CaseAssigned,
    CriterionChecked,
    DocumentsRequested,
    DocumentsSupplied,
)
from services.verification.domain.case import Case
from services.verification.domain.checking import as_checked
from tests.verification.acting import (
    NOON,
    REASONS,
    REMARKS,
    automatic,
    decided,
    document,
    judgement,
    officer,
    opening,
)

TERM = FixedTerm(name="documents", due_on="2026-03-17", calendar="test", basis="setting", statutory=False)
NOBODY: frozenset[str] = frozenset()


def opened(kind: str = "confirmation", **given: Any) -> Case:
    case = Case(new_stream_id())
    case.open(automatic(), opening(kind, **given))
    case.collect_events()
    return case


def requested(**given: Any) -> Case:
    case = opened(**given)
    case.request_documents(officer(), "r-1", asked=REASONS, kinds=("contracts",), term=TERM)
    return case


def producer(at: datetime = NOON) -> Act:
    return Act(at, Provenance(actor="producer-a", decided_by="producer", correlation_id="test"))


def outcome(name: str = "a", *, passed: bool = True) -> CriterionOutcome:
    return CriterionOutcome(
        criterion=name, passed=passed, inputs={"x": "1"}, reason=REASONS, citation="order of 28.11.2025"
    )


def by_rules(*outcomes: CriterionOutcome) -> RecordedJudgement:
    return msgspec.structs.replace(
        judgement(conforms=all(one.passed for one in outcomes)), criteria=tuple(outcomes)
    )


def refusal(act: Any) -> DomainError:
    with pytest.raises(DomainError) as refused:
        act()
    return refused.value


# --- hands --------------------------------------------------------------------------------------------


def test_a_case_is_taken_given_on_and_given_back() -> None:
    case = opened()
    for to in ("officer-a", "officer-b"):
        case.assign(officer("officer-a"), to, None, barred=NOBODY)
        assert case.assigned_to == to
    case.assign(officer("officer-b"), None, None, barred=NOBODY)
    assert case.assigned_to is None
    assert decided(case) == [CaseAssigned] * 3


def test_a_case_in_an_officers_hands_is_worked_on_by_no_other() -> None:
    case = opened()
    case.assign(officer("officer-a"), "officer-a", None, barred=NOBODY)
    other = officer("officer-b")
    for act in (
        lambda: case.require_hands(other),
        lambda: case.request_documents(other, "r", asked=REASONS, kinds=(), term=TERM),
        lambda: case.check_criterion(other, by_rules(outcome()), "a", "confirmed", None),
    ):
        refused = refusal(act)
        assert (type(refused), refused.code) == (Forbidden, "case_of_another")


def test_taking_a_case_from_another_officer_needs_reasons_and_records_them() -> None:
    case = opened()
    case.assign(officer("officer-a"), "officer-a", None, barred=NOBODY)
    refused = refusal(lambda: case.assign(officer("officer-b"), "officer-b", None, barred=NOBODY))
    assert (refused.code, refused.pointer) == ("reassignment_reasons_required", "/reasons")
    case.assign(officer("officer-b"), "officer-b", REASONS, barred=NOBODY)
    fact = case.collect_events()[-1]
    assert isinstance(fact.data, CaseAssigned)
    assert fact.data.reasons == REASONS


def test_who_concluded_a_case_is_given_no_appeal_of_it() -> None:
    refused = refusal(lambda: opened("appeal").assign(officer("b"), "a", None, barred=frozenset({"a"})))
    assert (type(refused), refused.code) == (Forbidden, "appeal_of_own_case")


def test_an_assignment_that_changes_nothing_or_comes_too_late_is_refused() -> None:
    case = opened()
    assert refusal(lambda: case.assign(officer(), None, None, barred=NOBODY)).code == "assignment_unchanged"
    case.close(automatic(), "withdrawn")
    assert refusal(lambda: case.assign(officer(), "x", None, barred=NOBODY)).code == "case_not_open"


# --- documents ----------------------------------------------------------------------------------------


def test_the_producer_is_asked_once_at_a_time_and_its_answer_joins_the_evidence() -> None:
    case = requested(documents=(document(sha256="a" * 64),))
    again = refusal(lambda: case.request_documents(officer(), "r-2", asked=REASONS, kinds=(), term=TERM))
    assert again.code == "documents_requested_already"
    case.supply_documents(producer(), (document("contracts", "b" * 64),), ())
    assert [one.sha256 for one in case.considered.documents] == ["a" * 64, "b" * 64]
    assert decided(case) == [DocumentsRequested, DocumentsSupplied]
    assert [(run.state, run.owed_by) for run in case.terms] == [("met", "producer")]


def test_a_supplied_document_stands_in_the_place_of_the_one_it_replaces() -> None:
    case = requested(documents=(document(sha256="a" * 64), document("contracts", "c" * 64)))
    case.supply_documents(producer(), (document(sha256="b" * 64),), ("a" * 64,))
    assert [one.sha256 for one in case.documents] == ["c" * 64, "b" * 64]


def test_an_answer_replaces_only_documents_of_the_case() -> None:
    case = requested()
    refused = refusal(lambda: case.supply_documents(producer(), (document(),), ("f" * 64,)))
    assert (type(refused), refused.code) == (Invalid, "document_not_of_case")


def test_nobody_asked_nothing_to_answer() -> None:
    refused = refusal(lambda: opened().supply_documents(producer(), (document(),), ()))
    assert (type(refused), refused.code) == (Conflict, "documents_not_requested")


def test_a_term_the_producer_missed_is_recorded_once_as_the_producers_and_a_late_answer_is_taken() -> None:
    case = requested()
    case.collect_events()
    assert not case.miss_term(automatic(datetime(2026, 3, 17, 18, 59, tzinfo=UTC)))
    late = NOON + timedelta(days=30)
    assert case.miss_term(automatic(late))
    assert not case.miss_term(automatic(late))
    (fact,) = case.collect_events()
    assert isinstance(fact.data, TermMissed)
    assert (fact.data.missed_by, fact.data.producer_id) == ("producer", case.opened.producer.producer_id)
    assert (fact.legal_basis, fact.data.term.statutory) == ("setting", False)
    case.supply_documents(producer(late), (document(),), ())
    assert case.supplied[-1].late
    assert [(run.state, run.done) for run in case.terms] == [("missed", True)]


def test_an_unanswered_request_lapses_with_the_conclusion() -> None:
    case = requested(term=TERM)
    case.conclude(officer(), "confirmed", judgement(), None)
    assert [(run.owed_by, run.state) for run in case.terms] == [
        ("informatization_authority", "met"),
        ("producer", "lapsed"),
    ]
    assert refusal(lambda: case.supply_documents(producer(), (document(),), ())).code == "case_not_open"


# --- criteria -----------------------------------------------------------------------------------------


def test_an_override_turns_the_criterion_and_with_it_the_judgement_and_says_what_the_rule_said() -> None:
    case, rules = opened(), by_rules(outcome("a", passed=False), outcome("b"))
    case.check_criterion(officer("officer-a"), rules, "a", "overridden", REMARKS)
    checked = as_checked(rules, case.checks, any_of=False)
    assert (rules.conforms, checked.conforms) == (False, True)
    first = checked.criteria[0]
    assert (first.passed, first.reason) == (True, REMARKS)
    assert first.checked is not None
    assert (first.checked.officer, first.checked.rule_passed, first.checked.rule_reason) == (
        "officer-a",
        False,
        REASONS,
    )
    assert REMARKS.ru in checked.reason.ru


def test_a_confirmed_criterion_stays_as_the_rule_says_and_names_the_officer() -> None:
    case, rules = opened(), by_rules(outcome("a"))
    case.check_criterion(officer(), rules, "a", "confirmed", None)
    checked = as_checked(rules, case.checks, any_of=False)
    assert (checked.conforms, checked.criteria[0].passed) == (True, True)
    assert checked.criteria[0].checked is not None
    assert decided(case) == [CriterionChecked]


def test_a_check_lapses_when_the_rule_says_something_else_by_new_evidence() -> None:
    case, rules = opened(), by_rules(outcome("a", passed=False))
    case.check_criterion(officer(), rules, "a", "overridden", REASONS)
    now = by_rules(msgspec.structs.replace(outcome("a", passed=False), inputs={"x": "2"}))
    assert as_checked(now, case.checks, any_of=False) == now


@pytest.mark.parametrize(
    ("criterion", "verdict", "reasons", "code", "pointer"),
    [
        ("unheard_of", "confirmed", None, "criterion_unknown", "/criterion"),
        ("a", "overridden", None, "override_reasons_required", "/reasons"),
    ],
)
def test_a_check_names_a_criterion_of_the_rule_set_and_an_override_its_reasons(
    criterion: str, verdict: Any, reasons: Any, code: str, pointer: str
) -> None:
    case = opened()
    refused = refusal(
        lambda: case.check_criterion(officer(), by_rules(outcome("a")), criterion, verdict, reasons)
    )
    assert (refused.code, refused.pointer) == (code, pointer)
    assert not case.collect_events()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, "confirmed", "overridden"])), min_size=1))
def test_only_overrides_change_what_the_rules_say(criteria: list[tuple[bool, Any]]) -> None:
    case = opened()
    rules = by_rules(*(outcome(f"c{n}", passed=passed) for n, (passed, _) in enumerate(criteria)))
    for n, (_, verdict) in enumerate(criteria):
        if verdict is not None:
            case.check_criterion(officer(), rules, f"c{n}", verdict, REASONS)
    checked = as_checked(rules, case.checks, any_of=False)
    expected = [passed is not (verdict == "overridden") for passed, verdict in criteria]
    assert [one.passed for one in checked.criteria] == expected
    assert checked.conforms is all(expected)


def test_the_opening_alone_is_considered_until_something_is_supplied() -> None:
    case = opened(documents=(document(),))
    assert isinstance(case.considered, CaseOpened)
    assert case.considered == case.opened
