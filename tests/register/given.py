"""What register tests start from: producers, forms, acts, notifications, right unless told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.kernel.contract import DocumentRef, OfficialText, ProducerRef
from services.kernel.journal.aggregate import Act, AggregateT
from services.kernel.journal.events import Event, Provenance, new_event_id, new_stream_id
from services.register.contract.events import Activity, NotificationReceived, Product
from services.register.contract.package import PACKAGE_GROUPS
from services.register.domain.application import Application, Form, Standing
from services.register.domain.dossier import Dossier
from services.register.domain.entry import Entry
from services.register.domain.notification import Notification
from services.register.domain.procedure import Procedure
from services.register.domain.producer import Producer

NOON = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
"""Noon of Monday 2 March 2026 in Almaty."""
BIN = "181240006529"
OTHER_BIN = "971240001315"
THIRD_BIN = "151040025562"
IIN = "660427402182"
PROCEDURE = Procedure()
AUTOMATIC = Procedure(automatic=frozenset({"review", "exclusion", "reinstatement", "own_request"}))
REASONS = OfficialText(kk="Себептері көрсетілген.", ru="Причины указаны.", en="Reasons are given.")


def act(at: datetime = NOON, decided_by: str = "officer") -> Act:
    return Act(at, Provenance(actor="a1", decided_by=decided_by, correlation_id="r1"))


def at(day: str, time: str = "07:00") -> datetime:
    """An instant of a UTC day; 07:00Z is noon in Almaty."""
    return datetime.fromisoformat(f"{day}T{time}:00+00:00")


def documents() -> tuple[DocumentRef, ...]:
    """One document of each group of the package."""
    return tuple(
        DocumentRef(kind=min(kinds), media_type="application/pdf", size=1_000, sha256=f"{number:064x}")
        for number, kinds in enumerate(PACKAGE_GROUPS.values())
    )


def product(name: str = "Есеп") -> Product:
    return Product(
        name=OfficialText(kk=f"{name} жүйесі", ru=f"Система {name}"),
        tn_ved="8523499000",
        kpved="62.01.11",
        ens_tru="620111.900.000001",
        capacity_per_year="1000",
    )


def form(**changes: Any) -> Form:
    values: dict[str, Any] = {
        "product": product(),
        "activity": Activity(oked_primary="62010", kato="750000000"),
        "reporting_year": 2025,
        "documents": documents(),
        "language": "kk",
        "consent_to_data_processing": True,
    }
    return Form(**{**values, **changes})


def legal_entity(producer_id: UUID | None = None, bin: str = BIN) -> ProducerRef:  # noqa: A002
    name = OfficialText(kk="«Дала» ЖШС", ru="ТОО «Дала»")
    return ProducerRef(
        producer_id=str(producer_id or new_stream_id()), kind="legal_entity", bin=bin, name=name
    )


def registered(ref: ProducerRef | None = None) -> Producer:
    ref = ref or legal_entity()
    producer = Producer(UUID(ref.producer_id))
    producer.register(act(), ref)
    return settled(producer)


def filed(
    dossier_producer: Producer,
    product_id: UUID,
    when: datetime = NOON,
    standing: Standing | None = None,
    **changes: Any,
) -> Application:
    application = Application(new_stream_id())
    application.file(
        act(when, "producer"),
        form(**changes),
        standing or Standing(),
        producer=dossier_producer.ref,
        product_id=str(product_id),
        commitments={"email": "c0"},
    )
    return settled(application)


def received(
    dossier: Dossier,
    kind: str,
    result: str,
    when: datetime = NOON,
    procedure: Procedure = PROCEDURE,
    **changes: Any,
) -> Notification:
    """A notification received into the dossier."""
    notification = Notification(new_stream_id())
    notification.receive(
        act(when, "automatic"), content(dossier, notification.id, kind, result, **changes), procedure
    )
    dossier.notifications.append(settled(notification))
    return notification


def content(
    dossier: Dossier, notification_id: UUID, kind: str, result: str, **changes: Any
) -> NotificationReceived:
    values: dict[str, Any] = {
        "notification_id": str(notification_id),
        "revision": 1,
        "kind": kind,
        "result": result,
        "case_id": str(new_stream_id()),
        "producer": dossier.producer.ref,
        "product_id": str(dossier.entry.id),
        "reasons": REASONS,
        "issued_event_id": new_event_id(),
    }
    return NotificationReceived(**{**values, **changes})


def dossier() -> Dossier:
    """A producer and a product for which nothing was filed yet."""
    return Dossier(producer=registered(), entry=Entry(new_stream_id()))


def with_application(of: Dossier, when: datetime = NOON, **changes: Any) -> Application:
    application = filed(of.producer, of.entry.id, when, **changes)
    of.applications[str(application.id)] = application
    return application


def included(when: datetime = NOON) -> Dossier:
    """A product that is in the register on a first application."""
    made = dossier()
    application = with_application(made, when)
    notification = received(
        made,
        "confirmation",
        "confirmed",
        when,
        application_id=str(application.id),
        trusted_register_reference="TS-1",
        localisation_share="93.45",
    )
    made.settle(act(when), notification, PROCEDURE)
    return clean(made)


def excluded(when: datetime = NOON, on: datetime = NOON) -> Dossier:
    """A product excluded by monitoring, as of `on`."""
    made = included(when)
    notification = received(made, "monitoring", "exclude", on, entry_id=str(made.entry.id), quarter="2026-Q1")
    made.settle(act(on), notification, PROCEDURE)
    return clean(made)


def appealed(on: datetime = NOON) -> tuple[Dossier, str]:
    """An exclusion and its appeal, filed on `on`; returns the appeal's id."""
    made = excluded()
    appeal_id = made.entry.file_appeal(
        act(on, "producer"),
        producer=made.producer.ref,
        language="ru",
        documents=(),
        commitments={"grounds": "c1"},
    )
    return clean(made), appeal_id


def clean(made: Dossier) -> Dossier:
    """Take what was decided so far as recorded, so that `then` sees only what follows."""
    for aggregate in made.aggregates():
        settled(aggregate)
    return made


def settled(aggregate: AggregateT) -> AggregateT:
    """The aggregate with its decided facts handed over, as after recording."""
    aggregate.collect_events()
    return aggregate


def then(made: Dossier) -> list[Event]:
    """The events decided since, in the order of recording."""
    return [fact.data for aggregate in made.aggregates() for fact in aggregate.collect_events()]


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]
