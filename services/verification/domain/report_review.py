"""A localisation report as an officer reviews it: what each line counts in, declared against computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from services.verification.domain.localisation import (
    FOREIGN,
    FORMULAS,
    Examined,
    LocalisationReport,
    PayeeKind,
    PaymentKind,
    PaymentLine,
    Totals,
    amount_text,
    shown,
)

FigureName = Literal[
    "development_payments", "all_expenses", "localisation_share", "foreign_share_of_expenses"
]


@dataclass(frozen=True, slots=True)
class ReviewedLine:
    """One payment, and in which of the two foreign sums the formula counts it."""

    number: int
    line: PaymentLine
    foreign: bool
    counts_in_development: bool
    counts_in_expenses: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the report: as declared, as computed from the lines, and whether they agree.

    A total agrees when it is not less than the lines it covers; a share, as far as it is written.
    """

    name: FigureName
    declared: str | None
    computed: str | None
    agrees: bool


def reviewed_lines(
    report: LocalisationReport, formula: str, *, after: int, limit: int
) -> Sequence[ReviewedLine]:
    """At most `limit` lines behind line number `after` (the first is 1), each as the formula takes it."""
    lines = enumerate(report.lines[after : after + limit], start=after + 1)
    return [
        ReviewedLine(number, line, line.payee_kind in FOREIGN, *_counted(formula, line.payee_kind, line.kind))
        for number, line in lines
    ]


@lru_cache(maxsize=1_000)
def _counted(formula: str, payee_kind: PayeeKind, kind: PaymentKind) -> tuple[bool, bool]:
    """Asked of the formula itself, by a report of one line."""
    line = PaymentLine(contract="-", payee="-", payee_kind=payee_kind, kind=kind, amount="1")
    totals = Totals(development_payments="1", all_expenses="1")
    report = LocalisationReport(reporting_year=0, lines=(line,), totals=totals)
    development, expenses = FORMULAS[formula](report, [Decimal(1)])
    return bool(development), bool(expenses)


def figures_of(report: LocalisationReport, examined: Examined) -> Sequence[Figure]:
    """The four figures; what cannot be computed for a fault in the amounts has no computed value."""
    at_fault = {finding.pointer for finding in examined.findings}
    amounts_read = not any(pointer.startswith("/lines/") for pointer in at_fault)
    development = everything = None
    if amounts_read:
        paired = [(line.kind, Decimal(line.amount)) for line in report.lines]
        development = amount_text(sum((amount for kind, amount in paired if kind != "other"), Decimal(0)))
        everything = amount_text(sum((amount for _kind, amount in paired), Decimal(0)))
    declared, shares = report.declared, examined.shares

    def figure(name: FigureName, place: str, stated: str | None, computed: str | Fraction | None) -> Figure:
        text = shown(computed) if isinstance(computed, Fraction) else computed
        return Figure(name, stated, text, f"/{place}/{name}" not in at_fault)

    return [
        figure("development_payments", "totals", report.totals.development_payments, development),
        figure("all_expenses", "totals", report.totals.all_expenses, everything),
        figure(
            "localisation_share",
            "declared",
            declared.localisation_share if declared else None,
            shares.localisation if shares else None,
        ),
        figure(
            "foreign_share_of_expenses",
            "declared",
            declared.foreign_share_of_expenses if declared else None,
            shares.foreign if shares else None,
        ),
    ]
