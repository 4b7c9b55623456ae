"""Who acts and on what, in the tests of the informatization authority."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from services.kernel.contract import DocumentRef, FixedTerm, OfficialText, ProducerRef
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Provenance, new_stream_id
from services.verification.contract.events import CaseOpened, CriterionOutcome, RecordedJudgement

NOON: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
BIN: Final = "181240006529"
NAME: Final = OfficialText(kk="Есеп жүйесі", ru="Учётная система", en="Accounting system")
PRODUCER: Final = ProducerRef(
    producer_id="0192f0c4-0000-7000-8000-000000000001",
    kind="legal_entity",
    bin=BIN,
    name=OfficialText(kk="«Дала» ЖШС", ru="ТОО «Дала»"),
)
REASONS: Final = OfficialText(kk="Негіздеме.", ru="Обоснование.", en="Reasons.")
REMARKS: Final = OfficialText(kk="Ескерту.", ru="Замечание.")
REWORK_TERM: Final = FixedTerm(
    name="rework", due_on="2026-03-09", calendar="test", basis="order-327 para. 9", statutory=True
)


def officer(name: str = "officer-a", at: datetime = NOON) -> Act:
    """An officer's act."""
    return Act(at, Provenance(actor=name, decided_by="officer", correlation_id="test"))


def automatic(at: datetime = NOON) -> Act:
    """The service's own act."""
    return Act(at, Provenance(actor="system:verification", decided_by="automatic", correlation_id="test"))


def opening(kind: str = "confirmation", **given: Any) -> CaseOpened:
    """What a case of one kind opens with."""
    subjects: dict[str, dict[str, Any]] = {
        "confirmation": {"application_id": str(new_stream_id())},
        "monitoring": {"entry_id": str(new_stream_id()), "quarter": "2026-Q1"},
        "appeal": {
            "entry_id": str(new_stream_id()),
            "appeal_id": str(new_stream_id()),
            "appealed_case_id": str(new_stream_id()),
        },
    }
    content: dict[str, Any] = {
        "case_id": "",
        "kind": kind,
        "producer": PRODUCER,
        "product_id": str(new_stream_id()),
        "product_name": NAME,
        "legal_date": "2026-03-02",
        "language": "kk",
        **subjects[kind],
        **given,
    }
    return CaseOpened(**content)


def judgement(*, conforms: bool = True) -> RecordedJudgement:
    """A judgement with one criterion."""
    return RecordedJudgement(
        rule_set="software-confirmation-2026",
        version="1",
        digest="0" * 64,
        legal_date="2026-03-02",
        conforms=conforms,
        criteria=(
            CriterionOutcome(
                criterion="localisation_share",
                passed=conforms,
                inputs={"foreign": "10", "development_total": "100"},
                reason=REASONS,
                citation="order of 28.11.2025",
            ),
        ),
        reason=REASONS,
    )


def decided(aggregate: Aggregate) -> list[type[Event]]:
    """The kinds of facts an aggregate decided since loading."""
    return [type(fact.data) for fact in aggregate.collect_events()]


def document(kind: str = "localisation_report", sha256: str = "a" * 64, size: int = 10) -> DocumentRef:
    """A reference to a document."""
    return DocumentRef(kind=kind, media_type="application/json", size=size, sha256=sha256)


def changed(event: CaseOpened, **given: Any) -> CaseOpened:
    """An event with some fields replaced."""
    return msgspec.structs.replace(event, **given)
