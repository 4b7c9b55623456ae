"""An officer returns an incomplete or unreliable inclusion notification for rework (order 327 para. 9)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.notification import Notification
from services.register.domain.procedure import Procedure
from services.register.usecases.precondition import require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnNotification:
    """`remarks` say what is incomplete or unreliable; `version` is the one the officer saw."""

    notification_id: UUID
    remarks: OfficialText
    version: int | None = None


def return_notification(
    journal: Journal,
    command: ReturnNotification,
    act: Act,
    procedure: Procedure,
    answer: AnswerKey | None = None,
) -> Outcome[Notification]:
    """Record the return and fix the five working days of the rework.

    Raises `NotFound`, `Stale`, and `Conflict` for what cannot be returned or no longer.
    """
    decide = partial(_decide, command=command, act=act, procedure=procedure)
    return journal.transact(decide, answer=answer)


def _decide(work: Work, *, command: ReturnNotification, act: Act, procedure: Procedure) -> Notification:
    notification = work.load(Notification, command.notification_id)
    require_version(notification, command.version)
    notification.return_for_rework(act, command.remarks, procedure.rework(act.at))
    work.save(notification)
    work.answer_with(notification)
    return notification
