"""Tables that people fill in: their cells as text, and what is wrong with them, by row and column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Final

from services.verification.domain.localisation import Finding

EXACT_DIGITS: Final = 15
"""Significant digits that every decimal keeps on its way into a binary number of 64 bits and back."""
MAX_FINDINGS: Final = 200
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,2})?")
_GROUPED: Final = re.compile(r"-?[0-9]{1,3}([ \u00a0\u2009\u202f'][0-9]{3})+([.,][0-9]+)?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class TableShape:
    """What a table looks like: its sheet (in a workbook), its columns, and how many rows it may have."""

    sheet: str
    columns: tuple[str, ...]
    max_rows: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its number as a spreadsheet counts (the header is 1) and its cells as text, empty ones too."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that could be read, and findings for everything that could not."""

    rows: Sequence[TableRow] = ()
    findings: Sequence[Finding] = ()


@dataclass(slots=True)
class Findings:
    """Findings as they come up: the first of each cell, at most as many as anyone reads."""

    found: list[Finding] = field(default_factory=list)

    def add(self, code: str, row: int, column: str, **params: str) -> None:
        """One more, at a cell."""
        pointer = f"/rows/{row}/{column}"
        if not self.are_full and all(finding.pointer != pointer for finding in self.found):
            self.found.append(Finding(code, pointer, {"row": str(row), "column": column, **params}))

    @property
    def are_full(self) -> bool:
        """True when nothing more is taken."""
        return len(self.found) >= MAX_FINDINGS


def number_text(number: float) -> str | None:
    """A number of a spreadsheet as the decimal its author wrote; None where that cannot be known.

    A spreadsheet keeps numbers in binary (64 bits), so the digits in its file are not always those that were
    typed: 0.1 may stand there as 0.10000000000000001. The shortest decimal that stands for the same binary
    number is the typed one whenever it has at most fifteen significant digits; with more the author's digits
    are lost, and the amount has to be written as text.
    """
    if not isfinite(number):
        return None
    exact = Decimal(repr(number)).normalize()
    digits = exact.as_tuple().digits
    return f"{exact:f}" if len(digits) <= EXACT_DIGITS and abs(exact) < 10**EXACT_DIGITS else None


def amount_in(row: TableRow, column: str, findings: Findings) -> str | None:
    """An amount or percentage with a decimal point or comma and at most two places, as `1234.50`."""
    text = row.cells[column]
    if not text:
        findings.add("cell_empty", row.number, column)
    elif _GROUPED.fullmatch(text):
        findings.add("cell_amount_grouped", row.number, column, value=text[:40])
    elif not text.isascii() or _AMOUNT.fullmatch(text) is None:
        findings.add("cell_amount_form", row.number, column, value=text[:40])
    elif text.startswith("-"):
        findings.add("cell_amount_negative", row.number, column, value=text[:40])
    else:
        return text.replace(",", ".")
    return None


def text_in(row: TableRow, column: str, longest: int, findings: Findings) -> str | None:
    """A text of one to `longest` characters."""
    text = row.cells[column]
    if not text:
        findings.add("cell_empty", row.number, column)
    elif len(text) > longest:
        findings.add("cell_too_long", row.number, column, limit=str(longest))
    else:
        return text
    return None


def day_in(row: TableRow, column: str, findings: Findings) -> str | None:
    """A day written YYYY-MM-DD, or a spreadsheet's own date; whether there is such a day is seen later."""
    text = row.cells[column]
    if not text:
        findings.add("cell_empty", row.number, column)
    elif _DAY.fullmatch(text) is None or not text.isascii():
        findings.add("cell_day_form", row.number, column, value=text[:40])
    else:
        return text
    return None
