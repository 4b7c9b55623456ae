"""Compare a report with those of the producer's other products: one year has one total of all expenses."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from services.kernel.database import Database
from services.verification.adapters.documents import DocumentStore
from services.verification.contract.events import CaseOpened
from services.verification.domain.localisation import Finding, Totals
from services.verification.projections.cases import confirmed_reports

MAX_COMPARED: Final = 50


class _TotalsOnly(msgspec.Struct):
    totals: Totals


_DECODER: Final = msgspec.json.Decoder(_TotalsOnly)


def differing_totals(
    database: Database, documents: DocumentStore, opened: CaseOpened, totals: Totals
) -> list[Finding]:
    """A finding when a confirmed product of the same producer and year was reported with another total."""
    with database.read() as connection:
        others = confirmed_reports(
            connection,
            opened.producer.producer_id,
            reporting_year=opened.reporting_year,
            except_product=opened.product_id,
            limit=MAX_COMPARED,
        )
    for sha256 in others:
        other = _total_of(documents, sha256)
        if other is not None and other != _number(totals.all_expenses):
            params = {"total": totals.all_expenses, "other": f"{other:.2f}"}
            return [Finding("report_totals_differ", "/totals/all_expenses", params)]
    return []


def _total_of(documents: DocumentStore, sha256: str) -> Decimal | None:
    content = documents.read(sha256)
    if content is None:
        return None
    try:
        return _number(_DECODER.decode(content).totals.all_expenses)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
