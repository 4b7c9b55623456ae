"""Receive a notification of the informatization authority (order 327 paras. 8-9, 29, 31)."""

from __future__ import annotations

from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.register.contract.events import NotificationReceived
from services.register.domain.dossier import Effect
from services.register.domain.notification import Notification
from services.register.domain.procedure import Procedure
from services.register.usecases.dossiers import load_dossier, save_dossier, settle
from services.register.usecases.precondition import still_active


def receive_notification(work: Work, content: NotificationReceived, act: Act, procedure: Procedure) -> None:
    """Record the receipt in whatever state the product is, and settle at once what waits for no officer.

    The same revision twice has no effect. Raises `NotFound` for an application or entry that the register
    does not know.
    """
    notification_id = UUID(content.notification_id)
    notification = work.find(Notification, notification_id) or Notification(notification_id)
    if not notification.receive(act, content, procedure):
        return
    if notification.status == "received":
        product_id, producer_id = UUID(content.product_id), content.producer.producer_id
        dossier = load_dossier(work, producer_id, product_id, notification=notification)
        if _waits_for_no_officer(dossier.effect_of(notification), procedure):
            settle(work, dossier, notification, act, procedure)
        save_dossier(work, dossier)
        if notification.status == "received":
            work.write(still_active(dossier.producer.id))
    work.save(notification)


def _waits_for_no_officer(effect: Effect, procedure: Procedure) -> bool:
    """True when there is nothing to decide, or the setting leaves the step to the machine."""
    return effect.step is None or effect.step in procedure.automatic
