"""What a monitoring case opens with, whatever called for it."""

from __future__ import annotations

from services.kernel.calendar import Quarter
from services.verification.contract.events import CaseOpened
from services.verification.projections.included_entries import IncludedEntry


def monitoring(
    entry: IncludedEntry,
    *,
    quarter: Quarter | None = None,
    listing_id: str | None = None,
    signal_id: str | None = None,
    legal_date: str | None = None,
) -> CaseOpened:
    """The entry, the documents its application was judged on, and those supplied since in its cases.

    A round's case is judged as of the quarter's last day, whenever it is opened.
    """
    return CaseOpened(
        case_id="",
        kind="monitoring",
        producer=entry.producer,
        product_id=entry.entry_id,
        product_name=entry.product_name,
        legal_date=legal_date or (quarter.last_day.isoformat() if quarter else ""),
        language=entry.filing.language,
        application_id=entry.filing.application_id,
        entry_id=entry.entry_id,
        quarter=str(quarter) if quarter else None,
        listing_id=listing_id,
        signal_id=signal_id,
        reporting_year=entry.filing.reporting_year,
        filed_on=entry.filing.filed_on,
        documents=entry.filing.documents,
    )
