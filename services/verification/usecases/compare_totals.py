"""Compare a report with those of the producer's other products: one year has one total of all expenses."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from services.kernel.database import Database
from services.verification.adapters.documents import DocumentStore, KeptDocument
from services.verification.contract.events import CaseOpened
from services.verification.domain.localisation import TOTALS_DIFFER, Examined, Finding
from services.verification.projections.identifiers import owners_of
from services.verification.projections.judged_cases import confirmed_reports
from services.verification.usecases.read_report import read_report

MAX_COMPARED: Final = 50


def differing_totals(
    database: Database, documents: DocumentStore, opened: CaseOpened, report: Examined
) -> list[Finding]:
    """A finding when the producer reported another total for that year with another confirmed product."""
    totals, year = report.totals, report.reporting_year
    if totals is None or year is None:
        return []
    with database.read() as connection:
        others = confirmed_reports(
            connection,
            opened.producer.producer_id,
            reporting_year=year,
            except_product=opened.product_id,
            limit=MAX_COMPARED,
        )
        kept = documents.find(connection, others, owners_of(connection, opened.producer))
    for sha256 in others:
        other = _total_of(documents, kept[sha256], year) if sha256 in kept else None
        if other is not None and other != _number(totals.all_expenses):
            params = {"total": totals.all_expenses, "other": f"{other:.2f}"}
            return [Finding(TOTALS_DIFFER, "/totals/all_expenses", params)]
    return []


def _total_of(documents: DocumentStore, document: KeptDocument, year: int) -> Decimal | None:
    content = documents.read(document.sha256)
    if content is None:
        return None
    report = read_report(content, document.media_type)
    if isinstance(report, tuple) or report.reporting_year != year:
        return None
    return _number(report.totals.all_expenses)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
