"""Evidence as a judgement records it, and evidence made again from that record for another rule set.

Nothing is read again: a report is remembered by its exact totals, documents by kind.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final, get_args

from services.verification.contract.events import JudgedEvidence, PaymentTotal, ReportedFigures
from services.verification.domain.criteria import Evidence, Listing
from services.verification.domain.localisation import (
    Declared,
    Examined,
    Finding,
    LocalisationReport,
    PayeeKind,
    PaymentKind,
    PaymentLine,
    Shares,
    Totals,
    amount_text,
    disagreements,
    shares_by,
)
from services.verification.domain.rule_sets import RuleSet

_LONGEST_PERCENTAGE: Final = 20
_DISAGREE: Final = "report_figures_disagree"
_PAYEES: Final[dict[str, PayeeKind]] = {kind: kind for kind in get_args(PayeeKind)}
_KINDS: Final[dict[str, PaymentKind]] = {kind: kind for kind in get_args(PaymentKind)}


def record_evidence(evidence: Evidence, rules: RuleSet) -> JudgedEvidence:
    """What a judgement by `rules` keeps of its evidence."""
    asked = {kind for rule in rules.criteria for group in rule.documents for kind in group}
    report, listing = evidence.report, evidence.listing
    findings = report.findings if report is not None else (Finding("report_not_at_hand", "", {}),)
    return JudgedEvidence(
        present=tuple(sorted(kind for kind, whole in evidence.documents.items() if whole)),
        damaged=tuple(sorted(kind for kind, whole in evidence.documents.items() if not whole)),
        absent=tuple(sorted(asked - evidence.documents.keys())),
        formula=rules.formula,
        findings=_counted(findings) if rules.formula is not None else {},
        figures=_figures(report) if report is not None and report.shares is not None else None,
        listing_reference=listing.reference if listing else None,
        listed_on=listing.listed_on if listing else None,
    )


def remake_evidence(recorded: JudgedEvidence, formula: str | None) -> Evidence:
    """The evidence again, its report recomputed by `formula` where that is another one than was used."""
    documents = dict.fromkeys(recorded.present, True) | dict.fromkeys(recorded.damaged, False)
    listing = None
    if recorded.listing_reference is not None:
        listing = Listing(recorded.listing_reference, recorded.listed_on or "")
    return Evidence(documents=documents, report=_report(recorded, formula), listing=listing)


def _counted(findings: tuple[Finding, ...]) -> dict[str, int]:
    return dict(sorted(Counter(finding.code for finding in findings).items()))


def _figures(report: Examined) -> ReportedFigures | None:
    if report.totals is None:
        return None
    declared = report.declared if _is_short(report.declared) else None
    return ReportedFigures(
        payments=tuple(
            PaymentTotal(payee_kind=payee, kind=kind, amount=amount_text(amount))
            for (payee, kind), amount in sorted(report.payments.items())
        ),
        development_payments=report.totals.development_payments,
        all_expenses=report.totals.all_expenses,
        declared_localisation_share=declared.localisation_share if declared else None,
        declared_foreign_share=declared.foreign_share_of_expenses if declared else None,
        reporting_year=report.reporting_year,
    )


def _is_short(declared: Declared | None) -> bool:
    """Whatever is longer than a percentage can be is a finding already."""
    return (
        declared is not None
        and max(len(declared.localisation_share), len(declared.foreign_share_of_expenses))
        <= _LONGEST_PERCENTAGE
    )


def _report(recorded: JudgedEvidence, formula: str | None) -> Examined | None:
    if recorded.formula is None or formula is None or "report_not_at_hand" in recorded.findings:
        return None
    found = Counter(recorded.findings)
    shares, again = None, list[Finding]()
    if recorded.figures is not None:
        shares, again = _recomputed(recorded.figures, formula)
        if formula != recorded.formula:
            found[_DISAGREE] = 0
        else:
            again = []
    kept = [Finding(code, "", {}) for code, count in found.items() for _ in range(count)]
    return Examined(tuple(kept + again), shares, None)


def _recomputed(figures: ReportedFigures, formula: str) -> tuple[Shares, list[Finding]]:
    """Shares and disagreements from a report with one line for each total."""
    amounts = [Decimal(total.amount) for total in figures.payments]
    lines = tuple(
        PaymentLine(
            contract="-",
            payee="-",
            payee_kind=_PAYEES[total.payee_kind],
            kind=_KINDS[total.kind],
            amount=total.amount,
        )
        for total in figures.payments
    )
    totals = Totals(development_payments=figures.development_payments, all_expenses=figures.all_expenses)
    shares = shares_by(formula, LocalisationReport(reporting_year=0, lines=lines, totals=totals), amounts)
    if figures.declared_localisation_share is None or figures.declared_foreign_share is None:
        return shares, []
    declared = Declared(
        localisation_share=figures.declared_localisation_share,
        foreign_share_of_expenses=figures.declared_foreign_share,
    )
    return shares, disagreements(declared, shares)
