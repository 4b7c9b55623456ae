"""Withdraw a pending application."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.errors import Forbidden, NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.application import Application
from services.register.schema import VAULT
from services.register.usecases.dossiers import load_dossier, save_dossier
from services.register.usecases.precondition import require_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawApplication:
    """`by` is the BIN or IIN that the caller acts for; the reason is the producer's own text."""

    application_id: UUID
    by: str | None
    reason: str | None = None


def withdraw_application(
    journal: Journal, command: WithdrawApplication, act: Act, answer: AnswerKey | None = None
) -> Outcome[Application]:
    """Record the withdrawal and settle a notification that waits for review of the application.

    Raises `NotFound` (`application_unknown`) for another's application and `Conflict` once it has ended.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: WithdrawApplication, act: Act) -> Application:
    application = work.load(Application, command.application_id)
    producer_id = application.filed.producer.producer_id
    try:
        require_owner(work, producer_id, command.by)
    except Forbidden:
        raise NotFound("application_unknown", id=str(command.application_id)) from None
    sealed = seal({"reason": command.reason} if command.reason else {})
    application.withdraw(act, sealed.commitments)
    dossier = load_dossier(work, producer_id, UUID(application.filed.product_id), application=application)
    dossier.clear(act)
    work.save(application)
    work.write(VAULT.keeping(0, producer_id, sealed))
    save_dossier(work, dossier)
    work.answer_with(application)
    return application
