"""The localisation report as a table: one row an item, the payment lines among them (examples/templates/)."""

from __future__ import annotations

from collections import Counter
from typing import Final, cast, get_args

from services.verification.domain.localisation import (
    MAX_LINES,
    Declared,
    Finding,
    LocalisationReport,
    PayeeKind,
    PaymentKind,
    PaymentLine,
    Totals,
)
from services.verification.domain.tables import Findings, Table, TableRow, TableShape, amount_in, text_in

_FIGURES: Final = ("reporting_year", "development_payments", "all_expenses")
_DECLARED: Final = ("localisation_share", "foreign_share_of_expenses")
_LINE: Final = "payment"
_LINE_COLUMNS: Final = ("contract", "payee", "payee_kind", "kind")
REPORT_TABLE: Final = TableShape(
    sheet="report",
    columns=("item", *_LINE_COLUMNS, "amount"),
    max_rows=MAX_LINES + len(_FIGURES) + len(_DECLARED),
)
_LONGEST_TEXT: Final = 500


def report_of(table: Table) -> LocalisationReport | tuple[Finding, ...]:
    """The report in a table, or everything that is wrong with it, row by row."""
    if any(not finding.pointer for finding in table.findings):
        return tuple(table.findings)  # the table as a whole could not be read
    findings = Findings(list(table.findings))
    figures: dict[str, str] = {}
    lines: list[PaymentLine] = []
    for row in table.rows:
        item = row.cells["item"]
        if item == _LINE:
            line = _line(row, findings)
            if line is not None:
                lines.append(line)
        elif item in _FIGURES or item in _DECLARED:
            if item in figures:
                findings.add("item_repeated", row.number, "item", value=item)
            figures[item] = _figure(row, item, findings)
        else:
            allowed = ", ".join((*_FIGURES, *_DECLARED, _LINE))
            findings.add("cell_value_unknown", row.number, "item", value=item[:40], allowed=allowed)
    _require(figures, findings)
    if findings.found:
        return tuple(findings.found)
    declared = None
    if _DECLARED[0] in figures:
        declared = Declared(
            localisation_share=figures["localisation_share"],
            foreign_share_of_expenses=figures["foreign_share_of_expenses"],
        )
    return LocalisationReport(
        reporting_year=int(figures["reporting_year"]),
        lines=tuple(lines),
        totals=Totals(
            development_payments=figures["development_payments"], all_expenses=figures["all_expenses"]
        ),
        declared=declared,
    )


def _require(figures: dict[str, str], findings: Findings) -> None:
    declared = Counter(item in figures for item in _DECLARED)
    wanted = (*_FIGURES, *_DECLARED) if declared[True] else _FIGURES
    if findings.are_full:
        return
    for item in wanted:
        if item not in figures:
            findings.found.append(Finding("item_missing", "/rows", {"item": item}))


def _figure(row: TableRow, item: str, findings: Findings) -> str:
    for column in _LINE_COLUMNS:
        if row.cells[column]:
            findings.add("cell_not_empty", row.number, column)
    if item != "reporting_year":
        return amount_in(row, "amount", findings) or ""
    year = row.cells["amount"]
    if not (len(year) == 4 and year.isascii() and year.isdigit()):
        findings.add("cell_year_form", row.number, "amount", value=year[:40])
    return year


def _line(row: TableRow, findings: Findings) -> PaymentLine | None:
    contract = text_in(row, "contract", _LONGEST_TEXT, findings)
    payee = text_in(row, "payee", _LONGEST_TEXT, findings)
    payee_kind = _choice(row, "payee_kind", get_args(PayeeKind), findings)
    kind = _choice(row, "kind", get_args(PaymentKind), findings)
    amount = amount_in(row, "amount", findings)
    if contract is None or payee is None or payee_kind is None or kind is None or amount is None:
        return None
    return PaymentLine(
        contract=contract,
        payee=payee,
        payee_kind=cast("PayeeKind", payee_kind),
        kind=cast("PaymentKind", kind),
        amount=amount,
    )


def _choice(row: TableRow, column: str, allowed: tuple[str, ...], findings: Findings) -> str | None:
    value = row.cells[column]
    if value in allowed:
        return value
    findings.add("cell_value_unknown", row.number, column, value=value[:40], allowed=", ".join(allowed))
    return None
