"""What the authority's API shows of documents, localisation reports and imports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from services.kernel.http.responses import Page, Representation
from services.verification.api.representations import TextShown, text
from services.verification.domain.findings import worded
from services.verification.domain.localisation import Finding, PayeeKind, PaymentKind
from services.verification.domain.report_review import Figure, FigureName, ReviewedLine
from services.verification.usecases.review_report import Review


class DocumentKept(Representation):
    """A document the authority holds: applications name it by this digest."""

    sha256: str
    media_type: str
    size: int


class SupersessionShown(Representation):
    """A document of an application and the later one in its place."""

    application_id: str
    sha256: str
    superseded_by: str
    marked_at: datetime


class LookShown(Representation):
    """One look at a document. `actor` is the opaque id that facts record."""

    look_id: str
    case_id: str
    seen_as: Literal["document", "localisation_report"]
    actor: str
    request_id: str
    looked_at: datetime


class LookPage(Page[LookShown]):
    """One page of looks, oldest first."""


class FindingShown(Representation):
    """Something wrong with a report or table: a stable code, the place, and the text."""

    code: str
    pointer: str = Field(description="JSON Pointer into the report; `/rows/{row}/{column}` in a table.")
    row: int | None = Field(default=None, description="As a spreadsheet counts: the header is row 1.")
    column: str | None = None
    text: TextShown


class FigureShown(Representation):
    """One figure of a report: as declared, as computed from the lines, and whether they agree."""

    name: FigureName
    declared: str | None = None
    computed: str | None = None
    agrees: bool


class ReportChecked(Representation):
    """A report file as it would be judged; nothing of it was kept."""

    sound: bool = Field(description="Nothing was found wrong with it; the thresholds are another question.")
    rule_set: str
    formula: str
    expected_year: int
    lines: int
    figures: list[FigureShown]
    findings: list[FindingShown]


class ReportLineShown(Representation):
    """One payment of a report, and in which of the formula's foreign sums it is counted."""

    line: int
    contract: str
    payee: str
    payee_kind: PayeeKind
    kind: PaymentKind
    amount: str
    foreign: bool
    counts_in_development: bool
    counts_in_expenses: bool
    findings: list[FindingShown]


class ReportShown(Representation):
    """The localisation report of a case: figures declared and computed, and its lines, page by page."""

    case_id: str
    sha256: str
    rule_set: str
    formula: str
    expected_year: int = Field(description="The latest year that the report may be of.")
    expected_since: int = Field(description="The earliest one; in monitoring it may lie before the latest.")
    reporting_year: int | None = None
    line_count: int
    figures: list[FigureShown]
    findings: list[FindingShown]
    lines: list[ReportLineShown]
    next: str | None = None


class ImportShown(Representation):
    """A file imported into the register of trusted software."""

    import_id: str = Field(description="SHA-256 of the file.")
    rows: int = Field(description="How many products it listed.")
    imported_at: datetime


def finding(found: Finding) -> FindingShown:
    """As the API shows a finding."""
    row = found.params.get("row")
    return FindingShown(
        code=found.code,
        pointer=found.pointer,
        row=int(row) if row is not None else None,
        column=found.params.get("column"),
        text=text(worded(found)),
    )


def figures(found: Sequence[Figure]) -> list[FigureShown]:
    """As the API shows figures."""
    return [
        FigureShown(name=one.name, declared=one.declared, computed=one.computed, agrees=one.agrees)
        for one in found
    ]


def checked(review: Review) -> ReportChecked:
    """As the API answers to a file that was checked."""
    return ReportChecked(
        sound=not review.findings,
        rule_set=review.rules.id,
        formula=review.formula,
        expected_year=review.years.last,
        lines=len(review.report.lines) if review.report is not None else 0,
        figures=figures(review.figures),
        findings=[finding(found) for found in review.findings],
    )


def report_line(reviewed: ReviewedLine, findings: Sequence[Finding]) -> ReportLineShown:
    """As the API shows a line, with what is wrong with it."""
    line, own = reviewed.line, f"/lines/{reviewed.number - 1}/"
    return ReportLineShown(
        line=reviewed.number,
        contract=line.contract,
        payee=line.payee,
        payee_kind=line.payee_kind,
        kind=line.kind,
        amount=line.amount,
        foreign=reviewed.foreign,
        counts_in_development=reviewed.counts_in_development,
        counts_in_expenses=reviewed.counts_in_expenses,
        findings=[finding(found) for found in findings if found.pointer.startswith(own)],
    )
