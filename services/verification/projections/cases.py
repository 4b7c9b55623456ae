"""Cases as officers and producers find them: what waits, by when, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import DocumentRef, FixedTerm
from services.kernel.journal.events import Event
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.verification.contract.events import (
    AppealDecided,
    CaseClosed,
    CaseConcluded,
    CaseOpened,
    CaseReopened,
    NotificationIssued,
    NotificationResubmitted,
    ReworkBegun,
    TermMissed,
)
from services.verification.contract.officers_work import (
    CaseAssigned,
    ConclusionProposed,
    CourtRulingRecorded,
    CriterionChecked,
    DocumentsRequested,
    DocumentsSupplied,
    ProposalReturned,
)
from services.verification.schema import METADATA

CASES: Final = sa.Table(
    "cases",
    METADATA,
    sa.Column("case_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False, unique=True),
    sa.Column("producer_id", sa.Text, nullable=False),
    sa.Column("bin", sa.Text, nullable=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("product_name_kk", sa.Text, nullable=False),
    sa.Column("product_name_ru", sa.Text, nullable=False),
    sa.Column("legal_date", sa.Text, nullable=False),
    sa.Column("application_id", sa.Text, nullable=True),
    sa.Column("entry_id", sa.Text, nullable=True, index=True),
    sa.Column("quarter", sa.Text, nullable=True),
    sa.Column("reporting_year", sa.Integer, nullable=True),
    sa.Column("report_sha256", sa.Text, nullable=True),
    sa.Column("result", sa.Text, nullable=True),
    sa.Column("notification_id", sa.Text, nullable=True, index=True),
    sa.Column("due_on", sa.Text, nullable=True),
    sa.Column("term_missed", sa.Boolean, nullable=False),
    sa.Column("assigned_to", sa.Text, nullable=True),
    sa.Column("proposed_by", sa.Text, nullable=True),
    sa.Column("documents_due_on", sa.Text, nullable=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("cases_status", "status", "case_id"),
    sa.Index("cases_producer", "producer_id", "status"),
    sa.Index("cases_due", "due_on"),
    sa.Index("cases_documents_due", "documents_due_on"),
    sa.Index("cases_worklist", "status", "due_on", "case_id"),
    sa.Index("cases_assigned", "assigned_to", "status", "due_on", "case_id"),
    sa.Index("cases_quarter", "quarter", "status"),
)
"""`origin` is the one fact that opened the case, so that nothing opens two. `due_on` is the last day of the
authority's running term, none when no term runs; `documents_due_on` that of the producer asked for documents,
until it answers or misses it. `proposed_by` stands while a proposal waits for a second officer."""

UNDER_WAY: Final = ("open", "rework")
NOBODY: Final = "nobody"
_KINDS: Final = (
    CaseOpened,
    CaseConcluded,
    CaseClosed,
    CaseReopened,
    AppealDecided,
    NotificationIssued,
    NotificationResubmitted,
    ReworkBegun,
    TermMissed,
    CaseAssigned,
    DocumentsRequested,
    DocumentsSupplied,
    CriterionChecked,
    ConclusionProposed,
    ProposalReturned,
    CourtRulingRecorded,
)


class Cases(RowFold):
    """One row a case."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset(_KINDS)

    def __init__(self) -> None:
        super().__init__(CASES)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The case itself."""
        return (recorded.fact.originator_id,) if isinstance(recorded.fact.data, _KINDS) else ()

    def begins(self, recorded: Recorded) -> bool:
        """Opening begins a row."""
        return isinstance(recorded.fact.data, CaseOpened)

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if isinstance(data, CaseOpened):
            return {"case_id": key, **_opened(data), "version": recorded.fact.originator_version}
        if row is None:
            raise ValueError(f"{key} was never opened")
        return {**row, **_changed(data, recorded), "version": recorded.fact.originator_version}


def _opened(data: CaseOpened) -> Row:
    return {
        "kind": data.kind,
        "status": "open",
        "origin": origin_of(data),
        "producer_id": data.producer.producer_id,
        "bin": data.producer.bin,
        "product_id": data.product_id,
        "product_name_kk": data.product_name.kk,
        "product_name_ru": data.product_name.ru,
        "legal_date": data.legal_date,
        "application_id": data.application_id,
        "entry_id": data.entry_id,
        "quarter": data.quarter,
        "reporting_year": data.reporting_year,
        "report_sha256": _report_in(data.documents),
        "result": None,
        "notification_id": None,
        "assigned_to": None,
        **_UNPROPOSED,
        **_running(data.term),
    }


def _report_in(documents: tuple[DocumentRef, ...]) -> str | None:
    """The digest of the localisation report named last."""
    named = [document.sha256 for document in documents if document.kind == "localisation_report"]
    return named[-1] if named else None


_UNPROPOSED: Final[Row] = {"proposed_by": None, "documents_due_on": None}


def _changed(data: object, recorded: Recorded) -> Row:
    if isinstance(data, NotificationIssued):
        return {"notification_id": data.notification_id, "result": data.result}
    if isinstance(data, TermMissed):
        return {"documents_due_on": None} if data.missed_by == "producer" else {"term_missed": True}
    if isinstance(data, ReworkBegun):
        return {"status": "rework", **_running(data.term)}
    if isinstance(data, CaseClosed):
        return {"status": "closed", **_UNPROPOSED, **_running(None)}
    if isinstance(data, CaseConcluded | AppealDecided):
        return {"status": "concluded", "result": _result(data), **_UNPROPOSED, **_running(None)}
    return _worked(data, recorded)


def _worked(data: object, recorded: Recorded) -> Row:
    """What officers' work changes before the case ends, and what sets it going again."""
    if isinstance(data, CaseReopened):
        return {"status": "open", **_running(data.term)}
    if isinstance(data, CaseAssigned):
        return {"assigned_to": data.officer}
    if isinstance(data, DocumentsRequested):
        return {"documents_due_on": data.term.due_on}
    if isinstance(data, DocumentsSupplied):
        report = _report_in(data.documents)
        return {**_UNPROPOSED, **({"report_sha256": report} if report else {})}
    if isinstance(data, ConclusionProposed):
        return {"proposed_by": recorded.fact.provenance.actor}
    return {"proposed_by": None} if isinstance(data, ProposalReturned | CourtRulingRecorded) else {}


def _result(data: CaseConcluded | AppealDecided) -> str:
    if isinstance(data, CaseConcluded):
        return data.result
    return "dismissed" if data.decision == "dismissed" else "upheld"


def _running(term: FixedTerm | None) -> Row:
    return {"due_on": term.due_on if term else None, "term_missed": False}


def origin_of(opening: CaseOpened) -> str:
    """What called for a case: its application, its appeal, the entry's round, a delisting or a signal."""
    if opening.kind == "confirmation":
        return f"application:{opening.application_id}"
    if opening.kind == "appeal":
        return f"appeal:{opening.appeal_id}"
    if opening.quarter is not None:
        return f"round:{opening.quarter}:{opening.entry_id}"
    if opening.signal_id is not None:
        return f"signal:{opening.signal_id}"
    return f"delisting:{opening.listing_id}:{opening.entry_id}"


# --- queries -----------------------------------------------------------------------------------------


def find_origin(connection: sa.Connection, origin: str) -> UUID | None:
    """The case that a fact opened, if it did."""
    found: UUID | None = connection.execute(
        sa.select(CASES.c.case_id).where(CASES.c.origin == origin)
    ).scalar_one_or_none()
    return found


def find_notification(connection: sa.Connection, notification_id: str) -> UUID | None:
    """The case behind a notification."""
    found: UUID | None = connection.execute(
        sa.select(CASES.c.case_id).where(CASES.c.notification_id == notification_id)
    ).scalar_one_or_none()
    return found


def under_way_of_producer(connection: sa.Connection, producer_id: str) -> list[UUID]:
    """Every case of a producer that is neither concluded nor closed."""
    return _under_way(connection, CASES.c.producer_id == producer_id)


def under_way_of_application(connection: sa.Connection, application_id: str) -> list[UUID]:
    """The confirmation case of an application while it is neither concluded nor closed."""
    return _under_way(connection, CASES.c.origin == f"application:{application_id}")


def under_way_of_appeal(connection: sa.Connection, appeal_id: str) -> list[UUID]:
    """The case of an appeal while it is neither concluded nor closed."""
    return _under_way(connection, CASES.c.origin == f"appeal:{appeal_id}")


def under_way_of_entry(connection: sa.Connection, entry_id: str, kind: str) -> list[UUID]:
    """The cases of one kind on an entry that are neither concluded nor closed."""
    return _under_way(connection, sa.and_(CASES.c.entry_id == entry_id, CASES.c.kind == kind))


def unscheduled_under_way(connection: sa.Connection, entry_id: str) -> UUID | None:
    """The oldest open monitoring case of an entry that belongs to no round."""
    columns = CASES.c
    found: UUID | None = connection.execute(
        sa.select(columns.case_id)
        .where(
            columns.entry_id == entry_id,
            columns.kind == "monitoring",
            columns.quarter.is_(None),
            columns.status == "open",
        )
        .order_by(columns.case_id)
        .limit(1)
    ).scalar_one_or_none()
    return found


def cases_of_round(
    connection: sa.Connection, quarter: str, entry_ids: Sequence[str]
) -> dict[str, tuple[UUID, str]]:
    """Of these entries, those that have a case of the quarter's round: its id and status."""
    columns = CASES.c
    rows = connection.execute(
        sa.select(columns.entry_id, columns.case_id, columns.status).where(
            columns.origin.in_([f"round:{quarter}:{entry_id}" for entry_id in entry_ids])
        )
    )
    return {row.entry_id: (row.case_id, row.status) for row in rows}


def closed_of_rounds(connection: sa.Connection, entry_id: str) -> dict[str, UUID]:
    """The closed cases of rounds on an entry, by quarter."""
    columns = CASES.c
    rows = connection.execute(
        sa.select(columns.quarter, columns.case_id)
        .where(columns.entry_id == entry_id, columns.quarter.is_not(None), columns.status == "closed")
        .order_by(columns.quarter)
    )
    return {row.quarter: row.case_id for row in rows}


def _under_way(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[UUID]:
    found = connection.execute(
        sa.select(CASES.c.case_id).where(condition, CASES.c.status.in_(UNDER_WAY)).order_by(CASES.c.case_id)
    )
    return list(found.scalars())


def overdue(connection: sa.Connection, today: str, limit: int) -> list[UUID]:
    """Cases with a running term, the authority's or a producer's, that ended before `today` unrecorded.

    `today` is an ISO date (Asia/Almaty).
    """
    own = sa.and_(CASES.c.due_on < today, CASES.c.term_missed.is_(False))
    found = connection.execute(
        sa.select(CASES.c.case_id)
        .where(sa.or_(own, CASES.c.documents_due_on < today))
        .order_by(CASES.c.due_on, CASES.c.case_id)
        .limit(limit)
    )
    return list(found.scalars())
