"""Facts of both authorities that notifications tests start from, right unless told otherwise."""

from __future__ import annotations

from typing import Any, Final

from services.kernel.contract import FixedTerm, OfficialText, ProducerRef
from services.kernel.journal.events import new_event_id, new_stream_id
from services.register.contract.events import (
    Activity,
    AppealFiled,
    ApplicationFiled,
    ApplicationWithdrawn,
    Included,
    NotificationReceived,
    ProducerTransformed,
    Product,
)
from services.register.contract.updates import EntryUpdated

BIN: Final = "181240006529"
OTHER_BIN: Final = "971240001315"
IIN: Final = "660427402182"
REASONS: Final = OfficialText(kk="Себептері көрсетілген.", ru="Причины указаны.", en="Reasons are given.")
ACTIVITY: Final = Activity(oked_primary="62010", kato="750000000")
PRODUCT: Final = Product(
    name=OfficialText(kk="Есеп жүйесі", ru="Учётная система", en="Accounting system"),
    tn_ved="8523499000",
    kpved="62.01.11",
    ens_tru="620111.900.000001",
    capacity_per_year="1000",
)


def producer(number: str | None = BIN, **given: Any) -> ProducerRef:
    kind = "legal_entity" if number else "individual_entrepreneur"
    name = OfficialText(kk="«Дала» ЖШС", ru="ТОО «Дала»") if number else None
    values: dict[str, Any] = {
        "producer_id": str(new_stream_id()),
        "kind": kind,
        "bin": number,
        "name": name,
        **given,
    }
    return ProducerRef(**values)


def filed(whose: ProducerRef | None = None, **given: Any) -> ApplicationFiled:
    values: dict[str, Any] = {
        "application_id": str(new_stream_id()),
        "producer": whose or producer(),
        "product_id": str(new_stream_id()),
        "product": PRODUCT,
        "activity": ACTIVITY,
        "reporting_year": 2025,
        "documents": (),
        "language": "kk",
        "consent_to_data_processing": True,
        "commitments": {},
        "number": "0000000001",
    }
    return ApplicationFiled(**{**values, **given})


def withdrawn(application: ApplicationFiled) -> ApplicationWithdrawn:
    return ApplicationWithdrawn(
        application_id=application.application_id,
        producer_id=application.producer.producer_id,
        product_id=application.product_id,
    )


def received(application: ApplicationFiled, **given: Any) -> NotificationReceived:
    values: dict[str, Any] = {
        "notification_id": str(new_stream_id()),
        "revision": 1,
        "kind": "confirmation",
        "result": "confirmed",
        "case_id": str(new_stream_id()),
        "producer": application.producer,
        "product_id": application.product_id,
        "reasons": REASONS,
        "issued_event_id": new_event_id(),
        "application_id": application.application_id,
        "term": term("review", "2026-03-16"),
    }
    return NotificationReceived(**{**values, **given})


def included(application: ApplicationFiled, **given: Any) -> Included:
    values: dict[str, Any] = {
        "entry_id": application.product_id,
        "application_id": application.application_id,
        "application_number": application.number,
        "notification_id": str(new_stream_id()),
        "producer": application.producer,
        "product": application.product,
        "activity": ACTIVITY,
        "included_on": "2026-03-02",
        "commitments": {},
        "number": "0000000001",
    }
    return Included(**{**values, **given})


def updated(application: ApplicationFiled, **given: Any) -> EntryUpdated:
    values: dict[str, Any] = {
        "entry_id": application.product_id,
        "producer": application.producer,
        "inclusion_event_id": new_event_id(),
        "fields": ("email",),
        "changed_on": "2026-03-02",
        "quarter": "2026-Q1",
        "term": term("data_update", "2026-04-06"),
        "in_time": True,
        "commitments": {"email": "c0"},
    }
    return EntryUpdated(**{**values, **given})


def transformed(ref: ProducerRef, number: str) -> ProducerTransformed:
    """The same producer under another BIN (law 86-VII art. 51-6)."""
    after = ProducerRef(producer_id=ref.producer_id, kind=ref.kind, bin=number, iin_commitment=None)
    return ProducerTransformed(
        producer=after, former_bin=ref.bin or "", transformed_on="2026-03-02", reference="r-1"
    )


def appealed(application: ApplicationFiled) -> AppealFiled:
    """The producer's appeal, in time, against the exclusion of its product."""
    return AppealFiled(
        entry_id=application.product_id,
        producer=application.producer,
        appeal_id=str(new_stream_id()),
        notification_id=str(new_stream_id()),
        exclusion_event_id=new_event_id(),
        language="kk",
        filed_on="2026-03-10",
        in_time=True,
        term=term("appeal", "2026-04-01"),
        commitments={},
    )


def term(name: str, due_on: str) -> FixedTerm:
    return FixedTerm(name=name, due_on=due_on, calendar="test", basis="order-327 para. 9", statutory=True)
