"""An officer accepts a notification: it has the effect the law gives it (order 327 paras. 9, 31)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.notification import Notification
from services.register.domain.procedure import Procedure
from services.register.usecases.dossiers import load_dossier, save_dossier, settle
from services.register.usecases.precondition import require_version


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptNotification:
    """`version` is the one the officer saw; None skips the check."""

    notification_id: UUID
    version: int | None = None


def accept_notification(
    journal: Journal,
    command: AcceptNotification,
    act: Act,
    procedure: Procedure,
    answer: AnswerKey | None = None,
) -> Outcome[Notification]:
    """Include, refuse, exclude, reinstate: whatever the notification says and the state still allows.

    Raises `NotFound`, `Stale`, and `Conflict` once the notification is returned or settled.
    """
    decide = partial(_decide, command=command, act=act, procedure=procedure)
    return journal.transact(decide, answer=answer)


def _decide(work: Work, *, command: AcceptNotification, act: Act, procedure: Procedure) -> Notification:
    notification = work.load(Notification, command.notification_id)
    require_version(notification, command.version)
    notification.must_be_received()
    content = notification.content
    dossier = load_dossier(
        work, content.producer.producer_id, UUID(content.product_id), notification=notification
    )
    settle(work, dossier, notification, act, procedure)
    save_dossier(work, dossier)
    work.answer_with(notification)
    return notification
