"""Four eyes and court rulings: who may end a case, and what a court makes of its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.kernel.contract import CourtRuling, OfficialText, Percentage
from services.kernel.errors import Conflict, DomainError, Forbidden
from services.kernel.journal.events import new_stream_id
from services.verification.contract.events import AppealDecided, CaseConcluded, NotificationIssued
from services.verification.contract.officers_work import (
    ConclusionProposed,
    CourtRulingRecorded,
    ProposalReturned,
)
from services.verification.domain.case import Case
from services.verification.domain.hand_off import HandOff
from tests.verification.acting import (
    NOON,
    REASONS,
    REMARKS,
    REWORK_TERM,
    automatic,
    decided,
    document,
    judgement,
    officer,
    opening,
)

SHARE = HandOff(Percentage(part="90", whole="100"), "TR-1", "2025-11-10")
NOBODY: frozenset[str] = frozenset()
COURT = OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны")


def opened(kind: str = "confirmation", **given: Any) -> Case:
    case = Case(new_stream_id())
    case.open(automatic(), opening(kind, **given))
    case.collect_events()
    return case


def proposed(by: str = "officer-a") -> Case:
    case = opened()
    case.propose(officer(by), case.conclusion_of("confirmed", judgement(), None), SHARE)
    return case


def concluded(kind: str, result: Any) -> Case:
    case = opened(kind)
    case.conclude(officer(), result, judgement(conforms=result in ("confirmed", "conforms")), REASONS)
    case.issue_notification(officer(), new_stream_id(), SHARE)
    case.collect_events()
    return case


def dismissed_appeal() -> Case:
    case = opened("appeal")
    case.decide_appeal(officer("officer-b"), concluded("monitoring", "exclude"), "dismissed", REASONS, None)
    case.issue_notification(officer("officer-b"), new_stream_id(), HandOff())
    case.collect_events()
    return case


def ruling(number: str = "7119-26", ruled_on: str = "2026-03-02") -> CourtRuling:
    return CourtRuling(court=COURT, number=number, ruled_on=ruled_on)


def refusal(act: Any) -> DomainError:
    with pytest.raises(DomainError) as refused:
        act()
    return refused.value


# --- four eyes ----------------------------------------------------------------------------------------


def test_an_approval_records_exactly_what_was_proposed_and_who_proposed_it() -> None:
    case = proposed("officer-a")
    content = case.approve(officer("officer-b"), barred=NOBODY)
    assert decided(case) == [ConclusionProposed, CaseConcluded]
    assert content.trusted_register_listed_on == "2025-11-10"
    assert case.conclusion is not None
    assert (case.conclusion.proposed_by, case.conclusion.judgement) == ("officer-a", judgement())
    assert case.concluded_by == {"officer-a", "officer-b"}


def test_nobody_approves_or_returns_an_own_proposal() -> None:
    case = proposed("officer-a")
    for act in (
        lambda: case.approve(officer("officer-a"), barred=NOBODY),
        lambda: case.return_proposal(officer("officer-a"), REMARKS),
    ):
        refused = refusal(act)
        assert (type(refused), refused.code) == (Forbidden, "own_proposal")


def test_a_returned_proposal_leaves_the_case_open_for_another_one() -> None:
    case = proposed("officer-a")
    case.return_proposal(officer("officer-b"), REMARKS)
    assert (case.status, case.proposal) == ("open", None)
    assert case.returned_proposal is not None
    assert case.returned_proposal.remarks == REMARKS
    case.propose(officer("officer-a"), case.conclusion_of("refused", judgement(), REASONS), SHARE)
    assert decided(case) == [ConclusionProposed, ProposalReturned, ConclusionProposed]


def test_while_a_proposal_waits_nothing_else_is_decided() -> None:
    case = proposed()
    for act in (
        lambda: case.require_hands(officer()),
        lambda: case.propose(officer(), case.conclusion_of("confirmed", judgement(), None), SHARE),
    ):
        refused = refusal(act)
        assert (type(refused), refused.code) == (Conflict, "proposal_pending")


def test_documents_that_come_meanwhile_take_the_proposal_away() -> None:
    case = opened()
    term = REWORK_TERM
    case.request_documents(officer(), "r-1", asked=REASONS, kinds=(), term=term)
    case.propose(officer(), case.conclusion_of("confirmed", judgement(), None), SHARE)
    case.supply_documents(automatic(), (document(),), ())
    assert refusal(lambda: case.approve(officer("officer-b"), barred=NOBODY)).code == "nothing_proposed"


def test_who_proposed_or_approved_the_case_never_decides_its_appeal() -> None:
    """Art. 51-2(5)."""
    case = opened("monitoring")
    case.propose(officer("a"), case.conclusion_of("exclude", judgement(conforms=False), None), SHARE)
    case.approve(officer("b"), barred=NOBODY)
    appeal = opened("appeal")
    for name in ("a", "b"):
        refused = refusal(
            lambda name=name: appeal.decide_appeal(officer(name), case, "upheld", REASONS, None)
        )
        assert refused.code == "appeal_of_own_case"
    decision = appeal.appeal_decision(officer("c"), case, "dismissed", REASONS, None)
    appeal.propose(officer("c"), decision, HandOff())
    barred = frozenset(case.concluded_by)
    assert refusal(lambda: appeal.approve(officer("a"), barred=barred)).code == "appeal_of_own_case"
    appeal.approve(officer("d"), barred=barred)
    assert decided(appeal) == [ConclusionProposed, AppealDecided]


# --- court rulings (art. 51-5(7)) ---------------------------------------------------------------------


@pytest.mark.parametrize("annuls", [True, False])
def test_a_ruling_that_undoes_an_exclusion_is_notified_and_names_what_it_corrects(annuls: bool) -> None:
    case = concluded("monitoring", "exclude")
    told = case.notification
    assert told is not None
    assert case.record_ruling(officer(), ruling(), "undone", REMARKS, annuls)
    case.issue_notification(officer(), new_stream_id(), HandOff())
    assert decided(case) == [CourtRulingRecorded, NotificationIssued]
    again = case.notification
    assert isinstance(again, NotificationIssued)
    assert (again.result, again.corrects, again.annuls_from_start) == (
        "conforms",
        told.notification_id,
        annuls,
    )
    assert (again.court_ruling, again.reasons) == (ruling(), REMARKS)


def test_a_ruling_that_undoes_the_dismissal_of_an_appeal_upholds_it() -> None:
    case = dismissed_appeal()
    assert case.record_ruling(officer(), ruling(), "undone", REMARKS, False)
    case.issue_notification(officer(), new_stream_id(), HandOff())
    told = case.notification
    assert isinstance(told, NotificationIssued)
    assert (told.result, told.appeal_id, told.court_ruling) == ("upheld", case.opened.appeal_id, ruling())
    assert not told.dismissed_as_late


@pytest.mark.parametrize(
    ("kind", "result", "outcome"),
    [
        ("monitoring", "exclude", "upheld"),
        ("monitoring", "conforms", "undone"),
        ("confirmation", "refused", "undone"),
    ],
)
def test_any_other_ruling_is_recorded_and_changes_no_result(kind: str, result: Any, outcome: Any) -> None:
    case = concluded(kind, result)
    assert not case.record_ruling(officer(), ruling(), outcome, REASONS, None)
    assert (case.result, case.told) == (result, True)
    assert decided(case) == [CourtRulingRecorded]


@pytest.mark.parametrize(
    ("given", "outcome", "annuls", "code"),
    [
        (ruling(ruled_on="2026-03-03"), "undone", True, "day_in_future"),
        (ruling(ruled_on="2026-03-01"), "undone", True, "ruling_before_decision"),
        (ruling(), "undone", None, "annulment_unstated"),
        (ruling(), "upheld", True, "annulment_of_nothing"),
    ],
)
def test_a_ruling_that_cannot_be_is_refused_naming_the_field(
    given: CourtRuling, outcome: Any, annuls: Any, code: str
) -> None:
    case = concluded("monitoring", "exclude")
    assert refusal(lambda: case.record_ruling(officer(at=NOON), given, outcome, REASONS, annuls)).code == code
    assert not case.collect_events()


def test_a_ruling_is_recorded_once_and_only_on_what_was_decided() -> None:
    undecided = opened("monitoring")
    refused = refusal(lambda: undecided.record_ruling(officer(), ruling(), "upheld", REASONS, None))
    assert refused.code == "case_not_concluded"
    case = concluded("monitoring", "exclude")
    case.record_ruling(officer(), ruling(), "upheld", REASONS, None)
    again = refusal(lambda: case.record_ruling(officer(), ruling(), "undone", REASONS, True))
    assert (type(again), again.code) == (Conflict, "ruling_known")


@pytest.mark.parametrize(
    ("other", "is_known"),
    [
        ({}, True),
        ({"number": " 7119-26"}, True),
        ({"court": OfficialText(kk="басқаша жазылған", ru="  астанинский СУД ")}, True),
        ({"ruled_on": "2026-03-03"}, False),
        ({"number": "7120-26"}, False),
        ({"court": OfficialText(kk="Алматы соты", ru="Алматинский суд")}, False),
    ],
)
def test_a_ruling_is_known_by_its_court_its_number_and_its_day(other: Any, is_known: bool) -> None:
    """Two courts may give the same number, and one court the same in another year."""
    first = CourtRuling(
        court=OfficialText(kk="Астана соты", ru="Астанинский суд"), number="7119-26", ruled_on="2026-03-02"
    )
    case, acting = concluded("monitoring", "exclude"), officer(at=NOON + timedelta(days=1))
    case.record_ruling(acting, first, "upheld", REASONS, None)
    given = msgspec.structs.replace(first, **other)
    if is_known:
        assert (
            refusal(lambda: case.record_ruling(acting, given, "upheld", REASONS, None)).code == "ruling_known"
        )
    else:
        assert not case.record_ruling(acting, given, "upheld", REASONS, None)
        assert len(case.rulings) == 2
