"""Listings of trusted software as a table: one row a product (examples/templates/)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.kernel.contract import OfficialText
from services.kernel.identifiers import IdentifierWrong, parse_bin_or_iin
from services.verification.domain.localisation import Finding
from services.verification.domain.tables import Findings, Table, TableRow, TableShape, day_in, text_in

MAX_IMPORTED: Final = 5_000
LISTING_TABLE: Final = TableShape(
    sheet="listings",
    columns=("reference", "product_name_kk", "product_name_ru", "holder", "listed_on", "valid_until"),
    max_rows=MAX_IMPORTED,
)
_LONGEST_REFERENCE: Final = 100
_LONGEST_NAME: Final = 300
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2100, 12, 31)


@dataclass(frozen=True, slots=True)
class ListingLine:
    """One row of an import: the row's number and what is listed. `holder` is a checked BIN or IIN."""

    row: int
    reference: str
    product_name: OfficialText
    holder: str
    listed_on: date
    valid_until: date | None


def listings_of(table: Table, today: date) -> tuple[Sequence[ListingLine], Sequence[Finding]]:
    """The listings in a table and everything that is wrong with it, row by row; `today` is the legal day."""
    findings = Findings(list(table.findings))
    lines: list[ListingLine] = []
    seen: set[str] = set()
    for row in table.rows:
        line = _line(row, today, findings)
        if line is None:
            continue
        if line.reference in seen:
            findings.add("reference_repeated", row.number, "reference", value=line.reference)
        seen.add(line.reference)
        lines.append(line)
    if not table.rows and not findings.found:
        findings.found.append(Finding("table_empty", "", {}))
    return lines, findings.found


def _line(row: TableRow, today: date, findings: Findings) -> ListingLine | None:
    reference = text_in(row, "reference", _LONGEST_REFERENCE, findings)
    kk = text_in(row, "product_name_kk", _LONGEST_NAME, findings)
    ru = text_in(row, "product_name_ru", _LONGEST_NAME, findings)
    holder = _holder(row, findings)
    listed_on = _day(row, "listed_on", findings)
    valid_until = _day(row, "valid_until", findings) if row.cells["valid_until"] else None
    if listed_on is not None and listed_on > today:
        findings.add("cell_day_future", row.number, "listed_on", value=listed_on.isoformat())
    if listed_on is not None and valid_until is not None and valid_until < listed_on:
        findings.add("cell_day_before_listing", row.number, "valid_until", value=valid_until.isoformat())
    if reference is None or kk is None or ru is None or holder is None or listed_on is None:
        return None
    return ListingLine(row.number, reference, OfficialText(kk=kk, ru=ru), holder, listed_on, valid_until)


def _holder(row: TableRow, findings: Findings) -> str | None:
    text = text_in(row, "holder", 12, findings)
    if text is None:
        return None
    try:
        return parse_bin_or_iin(text)
    except IdentifierWrong:
        findings.add("cell_identifier_wrong", row.number, "holder", value=text)
        return None


def _day(row: TableRow, column: str, findings: Findings) -> date | None:
    text = day_in(row, column, findings)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not _EARLIEST <= day <= _LATEST:
        findings.add("cell_day_form", row.number, column, value=text)
        return None
    return day
