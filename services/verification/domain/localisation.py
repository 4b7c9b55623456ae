"""The localisation (DLPO) report: payments of the previous calendar year, line by line, recomputed exactly.

Whatever is wrong with a report is a named finding, never a crash. Amounts are exact; shares are kept as their
two inputs and compared unrounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final, Literal

import msgspec

from services.kernel.contract import Percentage

MAX_LINES: Final = 20_000
MAX_LINE_FAULTS: Final = 200
PayeeKind = Literal[
    "kazakhstani_legal_entity",
    "kazakhstani_individual",
    "foreign_legal_entity",
    "foreign_individual",
    "kazakhstani_foreign_controlled",
]
PaymentKind = Literal["royalty", "licence", "development", "modification", "adaptation", "other"]
FOREIGN: Final = frozenset({"foreign_legal_entity", "foreign_individual", "kazakhstani_foreign_controlled"})
"""Foreign legal entities, foreign individuals, and Kazakhstani organisations controlled by them."""

TOTALS_DIFFER: Final = "report_totals_differ"
"""The finding that two products of one producer state different totals of one year."""

_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,2})?")
_PERCENT: Final = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,6})?")
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class PaymentLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment; `amount` in tenge as a decimal string with at most two places."""

    contract: Text
    payee: Text
    payee_kind: PayeeKind
    kind: PaymentKind
    amount: str


class Totals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The year's two totals in tenge: payments under development contracts, and all expenses."""

    development_payments: str
    all_expenses: str


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the producer computed itself, in per cent; checked against the lines."""

    localisation_share: str
    foreign_share_of_expenses: str


class LocalisationReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The report as the producer files it (JSON)."""

    reporting_year: int
    lines: Annotated[tuple[PaymentLine, ...], msgspec.Meta(max_length=MAX_LINES)]
    totals: Totals
    declared: Declared | None = None


class _Outline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report whose lines are still to be read, each by itself."""

    reporting_year: int
    lines: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=MAX_LINES)]
    totals: Totals
    declared: Declared | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a report: a stable code, the JSON Pointer of the place, and the values."""

    code: str
    pointer: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportYears:
    """The reporting years that a report may be of, both included."""

    first: int
    last: int

    def __contains__(self, year: int) -> bool:
        return self.first <= year <= self.last

    def __str__(self) -> str:
        return str(self.last) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Shares:
    """The two shares, each as its two inputs in tenge."""

    foreign_of_development: Percentage
    foreign_of_expenses: Percentage

    @property
    def localisation(self) -> Fraction:
        """DLPO in per cent, exact: `(1 - foreign / development payments) * 100`."""
        return 100 - ratio(self.foreign_of_development)

    @property
    def foreign(self) -> Fraction:
        """Foreign payments in per cent of all expenses, exact."""
        return ratio(self.foreign_of_expenses)

    @property
    def local_of_development(self) -> Percentage:
        """DLPO as its two inputs: what stayed, and the whole."""
        whole = Decimal(self.foreign_of_development.whole)
        local = whole - Decimal(self.foreign_of_development.part)
        return Percentage(part=amount_text(local), whole=self.foreign_of_development.whole)


@dataclass(frozen=True, slots=True)
class Examined:
    """A report after examination: its findings, and its shares where they can be computed."""

    findings: tuple[Finding, ...]
    shares: Shares | None
    totals: Totals | None
    declared: Declared | None = None
    payments: Mapping[tuple[PayeeKind, PaymentKind], Decimal] = field(default_factory=dict)
    """Exact totals in tenge, where the shares can be computed."""
    reporting_year: int | None = None


Formula = Callable[[LocalisationReport, Sequence[Decimal]], tuple[Decimal, Decimal]]
"""Foreign payments for the two tests. It may look only at what lines total by kind of payee and of payment,
so that a draft can be tried on reports whose lines nobody reads again."""


def payments_by_line_2026(report: LocalisationReport, amounts: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Foreign payments for the two tests: of development kinds, and of every kind.

    Inferred from summaries of the order of 28.11.2025; a rule set names its formula, so it can be replaced.
    """
    development = expenses = Decimal(0)
    for line, amount in zip(report.lines, amounts, strict=True):
        if line.payee_kind in FOREIGN:
            expenses += amount
            if line.kind != "other":
                development += amount
    return development, expenses


FORMULAS: Final[dict[str, Formula]] = {"payments-by-line-2026": payments_by_line_2026}


def ratio(share: Percentage) -> Fraction:
    """A share in per cent, exact."""
    part, part_of = Decimal(share.part).as_integer_ratio()
    whole, whole_of = Decimal(share.whole).as_integer_ratio()
    return Fraction(part * whole_of * 100, part_of * whole)


def amount_text(amount: Decimal) -> str:
    """An amount in tenge with two places."""
    return f"{amount:.2f}"


def examine(content: bytes, *, years: ReportYears, formula: str) -> Examined:
    """Read and recompute a report in JSON, which may be of these years."""
    report = read_json(content)
    if isinstance(report, tuple):
        return Examined(report, None, None)
    return examine_report(report, years=years, formula=formula)


def read_json(content: bytes) -> LocalisationReport | tuple[Finding, ...]:
    """The report in JSON, or everything that is wrong with it, line by line."""
    try:
        outline = msgspec.json.decode(content, type=_Outline)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return (Finding("report_unreadable", "", {"reason": str(error)}),)
    lines: list[PaymentLine] = []
    faults: list[Finding] = []
    for number, raw in enumerate(outline.lines):
        try:
            lines.append(msgspec.json.decode(raw, type=PaymentLine))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            told = {"line": str(number + 1), "reason": str(error)}
            faults.append(Finding("report_line_unreadable", f"/lines/{number}", told))
            if len(faults) >= MAX_LINE_FAULTS:
                break
    if faults:
        return tuple(faults)
    return LocalisationReport(
        reporting_year=outline.reporting_year,
        lines=tuple(lines),
        totals=outline.totals,
        declared=outline.declared,
    )


def examine_report(report: LocalisationReport, *, years: ReportYears, formula: str) -> Examined:
    """Recompute a report, which may be of these years."""
    year = report.reporting_year
    findings: list[Finding] = []
    amounts = [
        _amount(line.amount, f"/lines/{number}/amount", findings) for number, line in enumerate(report.lines)
    ]
    development = _amount(report.totals.development_payments, "/totals/development_payments", findings)
    expenses = _amount(report.totals.all_expenses, "/totals/all_expenses", findings)
    if year not in years:
        found = {"year": str(year), "expected": str(years)}
        findings.append(Finding("report_year_wrong", "/reporting_year", found))
    if findings and any(finding.code != "report_year_wrong" for finding in findings):
        return Examined(tuple(findings), None, report.totals, reporting_year=year)
    findings += _totals(report, amounts, development, expenses)
    if development <= 0 or expenses <= 0:
        return Examined(tuple(findings), None, report.totals, reporting_year=year)
    shares = shares_by(formula, report, amounts)
    findings += disagreements(report.declared, shares)
    payments = _payments(report, amounts)
    return Examined(tuple(findings), shares, report.totals, report.declared, payments, year)


def shares_by(formula: str, report: LocalisationReport, amounts: Sequence[Decimal]) -> Shares:
    """The two shares of a report whose totals are above zero. Raises `KeyError` for an unknown formula."""
    foreign_development, foreign_expenses = FORMULAS[formula](report, amounts)
    return Shares(
        Percentage(
            part=amount_text(foreign_development),
            whole=amount_text(Decimal(report.totals.development_payments)),
        ),
        Percentage(
            part=amount_text(foreign_expenses), whole=amount_text(Decimal(report.totals.all_expenses))
        ),
    )


def _payments(
    report: LocalisationReport, amounts: Sequence[Decimal]
) -> dict[tuple[PayeeKind, PaymentKind], Decimal]:
    totals: dict[tuple[PayeeKind, PaymentKind], Decimal] = {}
    for line, amount in zip(report.lines, amounts, strict=True):
        key = (line.payee_kind, line.kind)
        totals[key] = totals.get(key, Decimal(0)) + amount
    return totals


def _amount(text: str, pointer: str, findings: list[Finding]) -> Decimal:
    if _AMOUNT.fullmatch(text) is None or not text.isascii():
        findings.append(Finding("report_amount_form", pointer, {"amount": text[:40]}))
        return Decimal(0)
    amount = Decimal(text)
    if amount < 0:
        findings.append(Finding("report_amount_negative", pointer, {"amount": text}))
    return amount


def _totals(
    report: LocalisationReport, amounts: Sequence[Decimal], development: Decimal, expenses: Decimal
) -> list[Finding]:
    """A total of zero, or less than the lines it covers, or a part greater than the whole."""
    paired = list(zip(report.lines, amounts, strict=True))
    of_development = sum((amount for line, amount in paired if line.kind != "other"), Decimal(0))
    findings = []
    for name, total, lines in (
        ("development_payments", development, of_development),
        ("all_expenses", expenses, max(sum(amounts, Decimal(0)), development)),
    ):
        if total <= 0:
            findings.append(Finding("report_total_zero", f"/totals/{name}", {"total": amount_text(total)}))
        elif total < lines:
            params = {"total": amount_text(total), "lines": amount_text(lines)}
            findings.append(Finding("report_total_below_lines", f"/totals/{name}", params))
    return findings


def disagreements(declared: Declared | None, shares: Shares) -> list[Finding]:
    """Declared figures may be rounded to the places they are written with, and no further."""
    if declared is None:
        return []
    findings = []
    for name, text, computed in (
        ("localisation_share", declared.localisation_share, shares.localisation),
        ("foreign_share_of_expenses", declared.foreign_share_of_expenses, shares.foreign),
    ):
        pointer = f"/declared/{name}"
        if _PERCENT.fullmatch(text) is None or not text.isascii():
            findings.append(Finding("report_amount_form", pointer, {"amount": text[:40]}))
            continue
        places = len(text.partition(".")[2])
        if abs(Fraction(Decimal(text)) - computed) > Fraction(1, 2 * 10**places):
            params = {"declared": text, "computed": shown(computed)}
            findings.append(Finding("report_figures_disagree", pointer, params))
    return findings


def shown(percent: Fraction, threshold: Fraction | None = None) -> str:
    """A percentage for people: two places, or more where rounding would hide how it stands to a threshold."""
    text = ""
    for places in range(2, 13):
        scaled = round(percent * 10**places)
        text = f"{Decimal(scaled).scaleb(-places):.{places}f}"
        if threshold is None or _side(scaled, 10**places, threshold) == _side(
            percent.numerator, percent.denominator, threshold
        ):
            break
    return text


def _side(numerator: int, denominator: int, threshold: Fraction) -> int:
    """-1, 0 or 1: how a quotient stands to a threshold, exactly."""
    one, other = numerator * threshold.denominator, threshold.numerator * denominator
    return (one > other) - (one < other)
