"""Loading what the register holds about one product, for a decision on it, and settling its notifications."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.register.domain.application import Application
from services.register.domain.dossier import Dossier, Effect
from services.register.domain.entry import Entry
from services.register.domain.notification import Notification
from services.register.domain.procedure import Procedure
from services.register.domain.producer import Producer
from services.register.projections.applications import of_product
from services.register.projections.notifications import open_for_product
from services.register.usecases.precondition import still_active
from services.register.usecases.telling import Telling

_IN_FORCE: Final = frozenset({"included", "reinstated", "exclusion_corrected"})


def load_dossier(
    work: Work,
    producer: Producer | str,
    product_id: UUID,
    *,
    entry: Entry | None = None,
    application: Application | None = None,
    notification: Notification | None = None,
) -> Dossier:
    """The dossier of a product; what the decision has loaded already is taken as it is."""
    with work.database.read() as connection:
        pending = of_product(connection, product_id, "filed")
        waiting = open_for_product(connection, product_id)
    notifications = [
        work.load(Notification, key) for key in waiting if notification is None or key != notification.id
    ]
    if notification is not None:
        notifications.append(notification)
    applications = {} if application is None else {str(application.id): application}
    named = [n.content.application_id for n in notifications if n.content.application_id is not None]
    for text in [*map(str, pending), *named]:
        if text not in applications:
            applications[text] = work.load(Application, UUID(text))
    return Dossier(
        producer=producer if isinstance(producer, Producer) else work.load(Producer, UUID(producer)),
        entry=entry or work.find(Entry, product_id) or Entry(product_id),
        applications=applications,
        notifications=notifications,
    )


def save_dossier(work: Work, dossier: Dossier) -> None:
    """Take what was decided in a dossier into the unit."""
    work.save(*dossier.aggregates())


def settle(
    work: Work, dossier: Dossier, notification: Notification, act: Act, procedure: Procedure
) -> Effect:
    """Let a notification have its effect; nothing comes into force for a producer that ends meanwhile.

    What is included is called as the producer is now, not only as it was when it filed.
    """
    effect = dossier.settle(act, notification, procedure)
    if effect.outcome == "included":
        application = dossier.applications[notification.content.application_id or ""]
        save_dossier(work, dossier)
        Telling(work, dossier.producer, act, procedure).tell_included(dossier.entry, application.filed_by)
    if effect.outcome in _IN_FORCE:
        work.write(still_active(dossier.producer.id))
    return effect
