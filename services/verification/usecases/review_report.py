"""Review a localisation report: check a file before it is filed, or read the one of a case line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal
from services.verification.domain.case import Case
from services.verification.domain.localisation import Finding, LocalisationReport, ReportYears, examine_report
from services.verification.domain.report_review import Figure, figures_of
from services.verification.domain.rule_sets import RuleSet
from services.verification.projections.identifiers import numbers_of
from services.verification.usecases.assess_case import document_faults, report_named, report_years
from services.verification.usecases.look_at_document import Wanted, look_at_document
from services.verification.usecases.practice import Practice
from services.verification.usecases.read_report import read_report


@dataclass(frozen=True, slots=True)
class Review:
    """A report read and recomputed; `report` and `figures` are absent when it could not be read.

    `years` are those that it may be of.
    """

    rules: RuleSet
    formula: str
    years: ReportYears
    report: LocalisationReport | None
    findings: Sequence[Finding]
    figures: Sequence[Figure]


def review_content(
    practice: Practice, content: bytes, media_type: str, *, on: date, years: ReportYears
) -> Review:
    """By the rules for confirmation on a legal day. Raises `Conflict` (`rule_set_not_in_force`)."""
    dated = practice.rule_book.in_force("confirmation", on)
    if dated is None or dated.rules.formula is None:
        raise Conflict("rule_set_not_in_force", on=on.isoformat())
    rules, formula = dated.rules, dated.rules.formula
    report = read_report(content, media_type)
    if isinstance(report, tuple):
        return Review(rules, formula, years, None, report, ())
    examined = examine_report(report, years=years, formula=formula)
    return Review(rules, formula, years, report, examined.findings, figures_of(report, examined))


def review_case_report(journal: Journal, practice: Practice, act: Act, case_id: UUID) -> tuple[str, Review]:
    """The report of a case as it stands now, with its digest; the look is recorded first.

    Raises `NotFound` (`case_unknown`, `report_unknown`) and what `look_at_document` raises.
    """
    opened = journal.load(Case, case_id).considered
    with journal.database.read() as connection:
        numbers = numbers_of(connection, opened.producer)
        faults = document_faults(connection, practice, opened, numbers)
    named = report_named(practice, opened, faults)
    if named is None or faults.get(named.sha256) in ("missing", "not_filed"):
        raise NotFound("report_unknown", id=str(case_id))
    kept = look_at_document(journal, practice, act, Wanted(case_id, named.sha256, "localisation_report"))
    content = practice.documents.read(kept.sha256)
    if content is None:
        raise NotFound("report_unknown", id=str(case_id))
    review = review_content(
        practice,
        content,
        named.media_type,
        on=date.fromisoformat(opened.legal_date),
        years=report_years(opened) or _years_before(act),
    )
    return kept.sha256, review


def _years_before(act: Act) -> ReportYears:
    year = legal_date(act.at).year - 1
    return ReportYears(year, year)
