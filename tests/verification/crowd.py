"""Very many entries as the inbox leaves them, through the service's own units of work, hundreds to a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import uuid4

from services.kernel.contract import DocumentRef, OfficialText, ProducerRef
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance, new_event_id, new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.verification.contract.events import CaseOpened
from services.verification.projections import included_entries
from services.verification.projections.included_entries import Filing, IncludedEntry, Inclusion
from services.verification.usecases.open_case import begin_case
from services.verification.usecases.practice import Practice
from tests.reliability.fleet import bin_of

A_UNIT: Final = 500
FILED: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DAY: Final = "2026-03-02"
KINDS: Final = (
    "localisation_report",
    "contracts",
    "development_order",
    "terms_of_reference",
    "commissioning_order",
    "copyright_certificate",
    "developers_list",
)


@dataclass(frozen=True, slots=True)
class Member:
    """One of the crowd: the case its application opened, its entry, its product, its producer's BIN."""

    case_id: str
    entry_id: str
    product_name: OfficialText
    bin: str


def unuploaded(_number: int) -> Sequence[DocumentRef]:
    """A package named by digests of its own, none of which is at hand."""
    return [
        DocumentRef(kind=kind, media_type="application/pdf", size=4_096, sha256=uuid4().hex * 2)
        for kind in KINDS
    ]


def included_crowd(
    journal: Journal,
    practice: Practice,
    count: int,
    documents: Callable[[int], Sequence[DocumentRef]] = unuploaded,
) -> list[Member]:
    """`count` products, each included on 2 March 2026 after a confirmation case."""
    crowd: list[Member] = []
    for first in range(0, count, A_UNIT):
        numbers = range(first, min(count, first + A_UNIT))
        joining = partial(_joined, practice=practice, numbers=numbers, documents=documents)
        crowd += journal.transact(joining).result or []
    return crowd


def _joined(
    work: Work, practice: Practice, numbers: range, documents: Callable[[int], Sequence[DocumentRef]]
) -> list[Member]:
    act = Act(FILED, Provenance(actor="system:crowd", decided_by="automatic", correlation_id=uuid4().hex))
    members = []
    for number in numbers:
        case = begin_case(practice, act, _application(number, documents(number)))
        work.save(case)
        work.write(included_entries.begin(_entry(case.opened), Inclusion(new_event_id(), DAY)))
        opened = case.opened
        members.append(
            Member(str(case.id), opened.product_id, opened.product_name, opened.producer.bin or "")
        )
    return members


def _application(number: int, documents: Sequence[DocumentRef]) -> CaseOpened:
    producer = ProducerRef(
        producer_id=str(new_stream_id()),
        kind="legal_entity",
        bin=bin_of(number % 50_000),
        name=OfficialText(kk=f"«Дала {number}» ЖШС", ru=f"ТОО «Дала {number}»"),
    )
    return CaseOpened(
        case_id="",
        kind="confirmation",
        producer=producer,
        product_id=str(new_stream_id()),
        product_name=OfficialText(kk=f"Өнім {number}", ru=f"Продукт {number}"),
        legal_date=DAY,
        language="kk",
        application_id=str(new_stream_id()),
        reporting_year=2025,
        filed_on=DAY,
        documents=tuple(documents),
    )


def _entry(opened: CaseOpened) -> IncludedEntry:
    filing = Filing(
        application_id=opened.application_id or "",
        filed_on=DAY,
        reporting_year=2025,
        language="kk",
        documents=opened.documents,
    )
    return IncludedEntry(
        entry_id=opened.product_id,
        producer=opened.producer,
        product_name=opened.product_name,
        filing=filing,
    )
