"""Every fact of both journals either has a message, or another fact's message tells it."""

from __future__ import annotations

import inspect
from typing import Final

import pytest

from services.kernel.journal.events import Event
from services.notifications.domain.messages import catalogue
from services.notifications.inbox import register as from_register
from services.notifications.inbox import verification as from_verification
from services.register.contract.events import REGISTER_EVENTS
from services.verification.contract.events import VERIFICATION_EVENTS

TOLD_BY_ANOTHER: Final = {
    "ApplicationSatisfied": "the message of Included",
    "CorrectionApproved": "the message of EntryCorrected",
    "NotificationSettled": "the message of what it came to",
    "CaseConcluded": "the message of NotificationIssued",
    "AppealDecided": "the message of NotificationIssued",
    "CaseClosed": "the message of what made its subject fall away",
    "ReworkBegun": "the message of the register's NotificationReturned",
    "CourtRulingRecorded": "the message of the register's CourtRulingRecorded",
}
CONCERNS_NO_PRODUCER: Final = {
    "CaseAssigned": "who of the authority works on a case",
    "CriterionChecked": "a step of the officer before the conclusion, which the explanation shows",
    "ConclusionProposed": "four eyes inside the authority",
    "ProposalReturned": "four eyes inside the authority",
    "CorrectionProposed": "four eyes inside the authority",
    "CorrectionDeclined": "four eyes inside the authority",
    "ErasureProposed": "four eyes inside the authority",
    "ErasureApproved": "whoever it concerned is not known any more",
    "ErasureDeclined": "four eyes inside the authority",
    "MonitoringRoundOpened": "each entry's case has its own message",
    "MonitoringRoundClosed": "each entry's case has its own message",
    "PersonalDataErased": "whoever it concerned is not known any more; only copies are erased by it",
    "MonitoringRoundReopened": "the entry's case has its own message",
}
REGISTER: Final = sorted(REGISTER_EVENTS.classes().values(), key=lambda kind: kind.__name__)
VERIFICATION: Final = sorted(VERIFICATION_EVENTS.classes().values(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", REGISTER, ids=lambda kind: kind.__name__)
def test_every_fact_of_the_register_is_told(kind: type[Event]) -> None:
    """A new event fails here until it has a template, or somebody says whose message tells it."""
    assert (kind in from_register.DRAFTS) or kind.__name__ in TOLD_BY_ANOTHER | CONCERNS_NO_PRODUCER


@pytest.mark.parametrize("kind", VERIFICATION, ids=lambda kind: kind.__name__)
def test_every_fact_of_the_informatization_authority_is_told(kind: type[Event]) -> None:
    assert (kind in from_verification.DRAFTS) or kind.__name__ in TOLD_BY_ANOTHER | CONCERNS_NO_PRODUCER


def test_every_template_is_used_by_a_fact_a_reminder_or_the_watch() -> None:
    """A template that nothing writes with would be a step nobody is told of."""
    written = "".join(inspect.getsource(module) for module in (from_register, from_verification))
    by_the_watch = {
        "term_ends_soon",
        "authority_term_ends",
        "work_waiting",
        "messages_given_up",
        "followers_stuck",
    }
    assert {name for name in catalogue().templates if f'"{name}"' not in written} == by_the_watch
