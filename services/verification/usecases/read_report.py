"""Read a localisation report in any of its forms: JSON, CSV or XLSX."""

from __future__ import annotations

from services.verification.adapters.spreadsheets import TABLE_TYPES, read_table
from services.verification.domain.localisation import Finding, LocalisationReport, read_json
from services.verification.domain.report_tables import REPORT_TABLE, report_of


def read_report(content: bytes, media_type: str) -> LocalisationReport | tuple[Finding, ...]:
    """The report, or everything that is wrong with it, line by line; whatever is no table is read as JSON."""
    if media_type in TABLE_TYPES:
        return report_of(read_table(content, media_type, REPORT_TABLE))
    return read_json(content)
