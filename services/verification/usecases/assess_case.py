"""Assess a case: gather its evidence and judge it by the rule set in force on its legal date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from services.kernel.calendar import legal_date as legal_day
from services.kernel.contract import DocumentRef
from services.kernel.database import Database
from services.verification.adapters.supersessions import superseded_in
from services.verification.contract.events import CaseOpened, RecordedJudgement
from services.verification.domain.checking import Check, as_checked
from services.verification.domain.criteria import DocumentFault, Evidence, Listing
from services.verification.domain.hand_off import HandOff
from services.verification.domain.judgement import judge
from services.verification.domain.localisation import Examined, Finding, ReportYears, examine_report
from services.verification.domain.rule_sets import DatedRuleSet
from services.verification.projections.identifiers import numbers_of
from services.verification.projections.listings import listing_in_force
from services.verification.usecases.compare_totals import differing_totals
from services.verification.usecases.practice import Practice
from services.verification.usecases.read_report import read_report

Obstacle = Literal["no_rule_set_in_force", "producer_unidentified"]
REPORT = "localisation_report"


@dataclass(frozen=True, slots=True)
class Assessment:
    """A case as it would be judged now, and why it must wait for an officer, if it must.

    `judgement` counts the officers' checks of criteria; `by_rules` is what the rules say without them.
    """

    judgement: RecordedJudgement | None
    hand_off: HandOff
    obstacle: Obstacle | None
    by_rules: RecordedJudgement | None = None
    rule_set: DatedRuleSet | None = None


@dataclass(frozen=True, slots=True)
class Foreknown:
    """What the unit of work under way is about to change: a producer's identifier, a listing's end."""

    identifier: str | None = None
    delisted: UUID | None = None


def assess_case(
    database: Database,
    practice: Practice,
    opened: CaseOpened,
    foreknown: Foreknown | None = None,
    checks: Mapping[str, Check] | None = None,
) -> Assessment:
    """Judge by the documents of the application and the trusted-register listing on the legal date.

    Monitoring judges by the rules for confirmation; for its report see `report_years`.
    """
    foreknown = foreknown or Foreknown()
    legal_date = date.fromisoformat(opened.legal_date)
    rule_set = practice.rule_book.in_force("confirmation", legal_date)
    with database.read() as connection:
        holders = numbers_of(connection, opened.producer, foreknown.identifier)
        listing = listing_in_force(
            connection, holders, opened.product_name, opened.legal_date, leaving_out=foreknown.delisted
        )
        faults = document_faults(connection, practice, opened, holders)
    if rule_set is None:
        return Assessment(None, _hand_off(None, listing), "no_rule_set_in_force")
    report = _report(database, practice, opened, faults, rule_set.rules.formula)
    counting = counting_documents(_valid(opened), faults)
    evidence = Evidence(
        documents=_by_kind(counting, faults),
        faults={one.kind: faults[one.sha256] for one in counting if one.sha256 in faults},
        report=report,
        listing=listing,
    )
    today = legal_day(practice.clock.now())
    by_rules = judge(evidence, rule_set, legal_date, practice.names.on(today))
    judgement = as_checked(by_rules, checks or {}, any_of=rule_set.rules.any_of)
    obstacle: Obstacle | None = None if holders else "producer_unidentified"
    return Assessment(judgement, _hand_off(report, listing), obstacle, by_rules, rule_set)


def _valid(opened: CaseOpened) -> tuple[DocumentRef, ...]:
    """The documents that show anything on the legal date: those of rights that ended before no longer do."""
    return tuple(
        document
        for document in opened.documents
        if document.valid_until is None or document.valid_until >= opened.legal_date
    )


def document_faults(
    connection: sa.Connection, practice: Practice, opened: CaseOpened, numbers: frozenset[str]
) -> dict[str, DocumentFault]:
    """What is wrong with the documents of a case, by digest; `numbers` are its producer's, by pseudonym.

    One that was filed neither by the producer nor for it is no evidence of it, whose ever it may be. One that
    was superseded by another document of the same kind in the same application is no longer looked at; one
    superseded by a document that the application does not name is a fault.
    """
    faults: dict[str, DocumentFault] = dict(
        practice.documents.faults(connection, opened.documents, numbers | {opened.producer.producer_id})
    )
    if opened.application_id is None:
        return faults
    superseded = superseded_in(connection, opened.application_id)
    for document in opened.documents:
        if document.sha256 in superseded:
            faults[document.sha256] = "superseded"
    return faults


def counting_documents(
    documents: tuple[DocumentRef, ...], faults: Mapping[str, DocumentFault]
) -> list[DocumentRef]:
    """The documents that count: without those superseded, unless nothing of their kind is left."""
    kept = {document.kind for document in documents if faults.get(document.sha256) != "superseded"}
    return [
        document
        for document in documents
        if faults.get(document.sha256) != "superseded" or document.kind not in kept
    ]


def _by_kind(documents: Iterable[DocumentRef], faults: Mapping[str, DocumentFault]) -> dict[str, bool]:
    kinds: dict[str, bool] = {}
    for document in documents:
        kinds[document.kind] = kinds.get(document.kind, True) and document.sha256 not in faults
    return kinds


def _report(
    database: Database,
    practice: Practice,
    opened: CaseOpened,
    faults: Mapping[str, DocumentFault],
    formula: str | None,
) -> Examined | None:
    """The report that counts, examined; None when it is not at hand."""
    named, years = report_named(practice, opened, faults), report_years(opened)
    if named is None or named.sha256 in faults or formula is None or years is None:
        return None
    content = practice.documents.read(named.sha256)
    if content is None:
        return None
    examined = examine_file(content, named.media_type, years=years, formula=formula)
    findings = list(examined.findings)
    if opened.reporting_year != years.first:
        stated = {"year": str(opened.reporting_year), "expected": str(years.first)}
        findings.append(Finding("application_year_wrong", "", stated))
    findings += differing_totals(database, practice.documents, opened, examined)
    return replace(examined, findings=tuple(findings))


def report_years(opened: CaseOpened) -> ReportYears | None:
    """Of which years a case's report may be; None for a case without an application.

    Order of 28.11.2025: an application's is of the calendar year before it. In monitoring (art. 51-2(3)) one
    of any later year that is over by the legal date is as good: it tells more of the product as it is now.
    """
    if opened.filed_on is None:
        return None
    first = date.fromisoformat(opened.filed_on).year - 1
    last = date.fromisoformat(opened.legal_date).year - 1 if opened.kind == "monitoring" else first
    return ReportYears(first, max(first, last))


def report_named(
    practice: Practice, opened: CaseOpened, faults: Mapping[str, DocumentFault]
) -> DocumentRef | None:
    """The report that counts: the one named last, without those superseded.

    In monitoring it is the newest of the years it may be of, so that no old report hides what a new one
    tells, and one that this case may not be judged by hides none that it may.
    """
    counting = counting_documents(opened.documents, faults)
    reports = [document for document in counting if document.kind == REPORT]
    years = report_years(opened)
    if opened.kind != "monitoring" or years is None or len(reports) < 2:
        return reports[-1] if reports else None
    newest, counts = years.first, reports[-1]
    for document in reports:
        year = _year_of(practice, document, faults)
        if year is not None and newest <= year <= years.last:
            newest, counts = year, document
    return counts


def _year_of(practice: Practice, document: DocumentRef, faults: Mapping[str, DocumentFault]) -> int | None:
    content = practice.documents.read(document.sha256) if document.sha256 not in faults else None
    report = read_report(content, document.media_type) if content is not None else ()
    return None if isinstance(report, tuple) else report.reporting_year


def examine_file(content: bytes, media_type: str, *, years: ReportYears, formula: str) -> Examined:
    """Read and recompute a report in JSON, CSV or XLSX."""
    report = read_report(content, media_type)
    if isinstance(report, tuple):
        return Examined(report, None, None)
    return examine_report(report, years=years, formula=formula)


def _hand_off(report: Examined | None, listing: Listing | None) -> HandOff:
    shares = report.shares if report is not None else None
    return HandOff(
        localisation_share=shares.local_of_development if shares is not None else None,
        trusted_register_reference=listing.reference if listing is not None else None,
        trusted_register_listed_on=listing.listed_on if listing is not None else None,
    )
