"""Rule sets as data with dates of effect; a case is judged by the one in force on its legal date.

A question outside every period of its kind is answered "no rule set in force", never by a neighbour's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.kernel.contract import OfficialText

RULE_SETS: Final = Path(__file__).resolve().parents[1] / "rulesets"
Kind = Literal["trusted_software", "own_production", "confirmation"]


class RuleSetRefused(ValueError):
    """A rule file is wrong: unreadable, of an unknown criterion, or in force beside another of its kind."""


class CriterionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One criterion: which function judges it, its thresholds, what it cites and how its results read.

    `met` and `not_met` are texts whose `{name}` stand for the function's inputs.
    """

    name: str
    function: str
    citation: str
    met: OfficialText
    not_met: OfficialText
    thresholds: dict[str, str] = {}
    documents: tuple[tuple[str, ...], ...] = ()


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule set: every criterion has to be met, or with `any_of` one of them."""

    id: str
    version: str
    kind: Kind
    title: OfficialText
    legal_basis: str
    in_force_from: date
    criteria: tuple[CriterionRule, ...]
    in_force_to: date | None = None
    any_of: bool = False
    formula: str | None = None
    note: str | None = None

    def covers(self, day: date) -> bool:
        """Whether it is in force on a legal day; both ends are days in force."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


@dataclass(frozen=True, slots=True)
class DatedRuleSet:
    """A rule set with the digest of its content (SHA-256 of the canonical JSON, in hexadecimal)."""

    rules: RuleSet
    digest: str


class RuleBook:
    """Every rule set this version of the service knows."""

    def __init__(self, rule_sets: Iterable[DatedRuleSet]) -> None:
        self.rule_sets = sorted(rule_sets, key=lambda dated: (dated.rules.kind, dated.rules.in_force_from))
        _refuse_overlaps(self.rule_sets)

    def in_force(self, kind: Kind, day: date) -> DatedRuleSet | None:
        """The rule set of a kind in force on a legal day, or None outside every period."""
        for dated in self.rule_sets:
            if dated.rules.kind == kind and dated.rules.covers(day):
                return dated
        return None

    def find(self, rule_set_id: str) -> DatedRuleSet | None:
        """A rule set by its id."""
        return next((dated for dated in self.rule_sets if dated.rules.id == rule_set_id), None)


def read_rule_set(content: bytes, known_functions: Iterable[str], formulas: Iterable[str]) -> DatedRuleSet:
    """Read one rule file. Raises `RuleSetRefused`."""
    try:
        rules = msgspec.json.decode(content, type=RuleSet)
        canonical = msgspec.json.encode(msgspec.json.decode(content), order="sorted")
    except msgspec.MsgspecError as error:
        raise RuleSetRefused(str(error)) from error
    functions = set(known_functions)
    for criterion in rules.criteria:
        if criterion.function not in functions:
            raise RuleSetRefused(f"{rules.id}: unknown criterion function {criterion.function!r}")
    if rules.formula is not None and rules.formula not in set(formulas):
        raise RuleSetRefused(f"{rules.id}: unknown formula {rules.formula!r}")
    if not rules.criteria:
        raise RuleSetRefused(f"{rules.id}: no criterion")
    if rules.in_force_to is not None and rules.in_force_to < rules.in_force_from:
        raise RuleSetRefused(f"{rules.id}: ends before it begins")
    return DatedRuleSet(rules, hashlib.sha256(canonical).hexdigest())


def read_rule_book(
    folder: Path, known_functions: Mapping[str, object], formulas: Mapping[str, object]
) -> RuleBook:
    """Read every rule file of a folder. Raises `RuleSetRefused`, naming the file."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.append(read_rule_set(file.read_bytes(), known_functions, formulas))
        except RuleSetRefused as refused:
            raise RuleSetRefused(f"{file.name}: {refused}") from refused
    return RuleBook(found)


def _refuse_overlaps(ordered: list[DatedRuleSet]) -> None:
    for earlier, later in pairwise(ordered):
        one, other = earlier.rules, later.rules
        if one.id == other.id:
            raise RuleSetRefused(f"{one.id} is defined twice")
        if one.kind == other.kind and (one.in_force_to is None or one.in_force_to >= other.in_force_from):
            raise RuleSetRefused(f"{one.id} and {other.id} are in force on the same days")
