"""Criteria: small named functions over the evidence. Thresholds, texts and citations are the rule set's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

from services.kernel.contract import OfficialText
from services.verification.domain.findings import worded
from services.verification.domain.localisation import FORMULAS, Examined, Finding, shown
from services.verification.domain.rule_sets import CriterionRule, FunctionKnown, Known


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing in the register of trusted software, in force on the case's legal date."""

    reference: str
    listed_on: str


DocumentFault = Literal["missing", "altered", "superseded", "not_filed"]
"""`not_filed`: the producer named it, but neither uploaded it nor had it uploaded by an officer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a case is judged on.

    `documents` maps the kinds named in the application to whether every document of the kind is at hand,
    unaltered and not superseded; `faults` says of the others which it is. `report` is the examined
    localisation report, None when it is not at hand.
    """

    documents: Mapping[str, bool]
    faults: Mapping[str, DocumentFault] = field(default_factory=dict)
    report: Examined | None = None
    listing: Listing | None = None
    certificates: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a criterion is met, and the inputs it was judged on, as text.

    `remark` is told after the rule's own text, where that cannot say what is wrong.
    """

    met: bool
    inputs: dict[str, str]
    remark: OfficialText | None = None


Criterion = Callable[[Evidence, CriterionRule], Judged]


@lru_cache(maxsize=256)
def percentage(text: str) -> Fraction:
    """A threshold in per cent, exact."""
    return Fraction(text)


def report_sound(evidence: Evidence, _rule: CriterionRule) -> Judged:
    """The report is at hand and its figures agree with its lines."""
    if evidence.report is None:
        fault = evidence.faults.get("localisation_report")
        found = f"report_not_at_hand ({fault})" if fault else "report_not_at_hand"
        return Judged(met=False, inputs={"findings": found, "count": "1"}, remark=_remark(found))
    findings = evidence.report.findings
    listed = "; ".join(_written(finding) for finding in findings[:10]) or "none"
    return Judged(met=not findings, inputs={"findings": listed, "count": str(len(findings))})


def localisation_share(evidence: Evidence, rule: CriterionRule) -> Judged:
    """DLPO is at least `minimum` per cent, compared unrounded: exactly the minimum passes."""
    minimum = percentage(rule.thresholds["minimum"])
    inputs = {"minimum": rule.thresholds["minimum"], "share": "-", "foreign": "-", "whole": "-"}
    shares = evidence.report.shares if evidence.report else None
    if shares is None:
        return Judged(met=False, inputs=inputs)
    part, share = shares.foreign_of_development, shares.localisation
    found = {**inputs, "share": shown(share, minimum), "foreign": part.part, "whole": part.whole}
    return Judged(met=share >= minimum, inputs=found)


def foreign_payments(evidence: Evidence, rule: CriterionRule) -> Judged:
    """Foreign payments are at most `maximum` per cent of all expenses: exactly the maximum passes."""
    maximum = percentage(rule.thresholds["maximum"])
    inputs = {"maximum": rule.thresholds["maximum"], "share": "-", "foreign": "-", "whole": "-"}
    shares = evidence.report.shares if evidence.report else None
    if shares is None:
        return Judged(met=False, inputs=inputs)
    part, share = shares.foreign_of_expenses, shares.foreign
    found = {**inputs, "share": shown(share, maximum), "foreign": part.part, "whole": part.whole}
    return Judged(met=share <= maximum, inputs=found)


def documents_at_hand(evidence: Evidence, rule: CriterionRule) -> Judged:
    """At least one document of each group is named in the application, at hand and unaltered."""
    missing = [
        " / ".join(_with_fault(kind, evidence.faults) for kind in group)
        for group in rule.documents
        if not any(evidence.documents.get(kind, False) for kind in group)
    ]
    listed = ", ".join(missing) or "none"
    return Judged(met=not missing, inputs={"missing": listed}, remark=_remark(listed))


def _remark(listed: str) -> OfficialText | None:
    """What `not_filed` means, where it is listed: it is the producer that can mend it."""
    return worded(Finding("document_not_filed", "", {})) if "(not_filed)" in listed else None


def _with_fault(kind: str, faults: Mapping[str, DocumentFault]) -> str:
    return f"{kind} ({faults[kind]})" if kind in faults else kind


def trusted_listing(evidence: Evidence, _rule: CriterionRule) -> Judged:
    """The product is listed in the register of trusted software on the legal date."""
    listing = evidence.listing
    if listing is None:
        return Judged(met=False, inputs={"reference": "-", "listed_on": "-"})
    return Judged(met=True, inputs={"reference": listing.reference, "listed_on": listing.listed_on})


def certificate_held(evidence: Evidence, rule: CriterionRule) -> Judged:
    """A certificate of the kind the rule names is held."""
    kind = rule.thresholds["certificate"]
    return Judged(met=kind in evidence.certificates, inputs={"certificate": kind})


def local_content(evidence: Evidence, rule: CriterionRule) -> Judged:
    """The stated local content is at least `minimum` per cent."""
    minimum = percentage(rule.thresholds["minimum"])
    stated = evidence.facts.get("local_content")
    if stated is None:
        return Judged(met=False, inputs={"minimum": rule.thresholds["minimum"], "share": "-"})
    return Judged(
        met=Fraction(stated) >= minimum, inputs={"minimum": rule.thresholds["minimum"], "share": stated}
    )


CRITERIA: Final[dict[str, Criterion]] = {
    "report_sound": report_sound,
    "localisation_share": localisation_share,
    "foreign_payments": foreign_payments,
    "documents_at_hand": documents_at_hand,
    "trusted_listing": trusted_listing,
    "certificate_held": certificate_held,
    "local_content": local_content,
}
"""Every function a rule set may name."""

_SHARE: Final = frozenset({"share", "foreign", "whole"})
FUNCTIONS: Final[dict[str, FunctionKnown]] = {
    "report_sound": FunctionKnown(needs_formula=True, inputs=frozenset({"findings", "count"})),
    "localisation_share": FunctionKnown(
        percentages=frozenset({"minimum"}), needs_formula=True, inputs=_SHARE | {"minimum"}
    ),
    "foreign_payments": FunctionKnown(
        percentages=frozenset({"maximum"}), needs_formula=True, inputs=_SHARE | {"maximum"}
    ),
    "documents_at_hand": FunctionKnown(documents=True, inputs=frozenset({"missing"})),
    "trusted_listing": FunctionKnown(inputs=frozenset({"reference", "listed_on"})),
    "certificate_held": FunctionKnown(names=frozenset({"certificate"}), inputs=frozenset({"certificate"})),
    "local_content": FunctionKnown(
        percentages=frozenset({"minimum"}), inputs=frozenset({"minimum", "share"})
    ),
}
"""What each function takes from its rule, and which inputs its texts may name."""

KNOWN: Final = Known(FUNCTIONS, frozenset(FORMULAS))
"""What a rule file may name in this version of the service."""


def _written(finding: Finding) -> str:
    values = ", ".join(f"{name} {value}" for name, value in finding.params.items())
    return f"{finding.code} {finding.pointer} ({values})"
