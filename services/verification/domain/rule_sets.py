"""Rule sets as data with dates of effect; a case is judged by the one in force on its legal date.

A question outside every period of its kind is answered "no rule set in force", never by a neighbour's. A file
is never edited once a decision rests on it: a later version names the one it follows, and thereby ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from string import Formatter
from typing import Annotated, Final, Literal

import msgspec

from services.kernel.contract import OfficialText

RULE_SETS: Final = Path(__file__).resolve().parents[1] / "rulesets"
Kind = Literal["trusted_software", "own_production", "confirmation"]
_DAY: Final = timedelta(days=1)

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*$", max_length=60)]
RuleSetId = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]*$", max_length=60)]
Version = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,5}$")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class RuleSetRefused(ValueError):
    """A rule file is wrong, or does not go with the others, or is not what decisions were based on."""


class RuleText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text of a rule set: in Kazakh, Russian and English."""

    kk: Line
    ru: Line
    en: Line

    def official(self) -> OfficialText:
        """As events hold it."""
        return OfficialText(kk=self.kk, ru=self.ru, en=self.en)


class CriterionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One criterion: which function judges it, its thresholds, what it cites and how its results read.

    `met` and `not_met` are texts whose `{name}` stand for the function's inputs. Of each group of `documents`
    at least one has to be at hand.
    """

    name: Name
    function: Name
    citation: Line
    met: RuleText
    not_met: RuleText
    thresholds: dict[str, str] = {}
    documents: tuple[Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)], ...] = ()


class Activity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a classifier, under the number the law gives it."""

    code: Line
    title: RuleText


class Classifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list of the law that belongs to a rule set without being a criterion."""

    citation: Line
    title: RuleText
    entries: Annotated[tuple[Activity, ...], msgspec.Meta(min_length=1)]


class Edition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one rule set."""

    id: RuleSetId
    version: Version


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule set: every criterion has to be met, or with `any_of` one of them.

    `follows` names the version it takes over from on the day it comes into force; both ends of a period are
    days in force.
    """

    id: RuleSetId
    version: Version
    kind: Kind
    title: RuleText
    legal_basis: Line
    in_force_from: date
    criteria: Annotated[tuple[CriterionRule, ...], msgspec.Meta(min_length=1, max_length=50)]
    in_force_to: date | None = None
    follows: Edition | None = None
    any_of: bool = False
    formula: str | None = None
    classifier: Classifier | None = None
    note: Line | None = None


@dataclass(frozen=True, slots=True)
class FunctionKnown:
    """What a criterion function takes from its rule and tells in its inputs."""

    percentages: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    documents: bool = False
    needs_formula: bool = False
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What rule files may name: criterion functions and formulas of the localisation share."""

    functions: dict[str, FunctionKnown]
    formulas: frozenset[str]


@dataclass(frozen=True, slots=True)
class DatedRuleSet:
    """A rule set, its canonical content and its digest (SHA-256 of the content, in hexadecimal).

    `in_force_to` is the last day in force, which for one that another follows is the day before that one's.
    """

    rules: RuleSet
    content: bytes
    digest: str
    in_force_to: date | None
    source: str = "rule set"

    @property
    def edition(self) -> tuple[str, str]:
        """Its id and version."""
        return self.rules.id, self.rules.version

    def covers(self, day: date) -> bool:
        """Whether it is in force on a legal day; both ends are days in force."""
        return self.rules.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


@dataclass(frozen=True, slots=True)
class Gap:
    """Days between two periods of a kind on which no rule set is in force; both ends belong to the gap."""

    kind: Kind
    first_day: date
    last_day: date


class RuleBook:
    """Every rule set this version of the service knows."""

    def __init__(self, rule_sets: Iterable[DatedRuleSet]) -> None:
        """Raises `RuleSetRefused` when two cannot stand together."""
        placed = _placed(list(rule_sets))
        self.rule_sets = sorted(placed, key=lambda dated: (dated.rules.kind, dated.rules.in_force_from))
        _refuse_overlaps(self.rule_sets)

    def in_force(self, kind: Kind, day: date) -> DatedRuleSet | None:
        """The rule set of a kind in force on a legal day, or None outside every period."""
        for dated in self.rule_sets:
            if dated.rules.kind == kind and dated.covers(day):
                return dated
        return None

    def find(self, rule_set_id: str, version: str | None = None) -> DatedRuleSet | None:
        """A version of a rule set, by default its latest."""
        found = [dated for dated in self.rule_sets if dated.rules.id == rule_set_id]
        wanted = [dated for dated in found if version is None or dated.rules.version == version]
        return max(wanted, key=lambda dated: int(dated.rules.version), default=None)

    def gaps(self) -> list[Gap]:
        """Days between the periods of a kind: allowed where no file claims to follow, but worth telling."""
        found = []
        for earlier, later in pairwise(self.rule_sets):
            ended = earlier.in_force_to
            if earlier.rules.kind == later.rules.kind and ended is not None:
                first, last = ended + _DAY, later.rules.in_force_from - _DAY
                if first <= last:
                    found.append(Gap(earlier.rules.kind, first, last))
        return found


def read_rule_set(content: bytes, known: Known, source: str = "rule set") -> DatedRuleSet:
    """Read one rule file. Raises `RuleSetRefused`."""
    try:
        rules = msgspec.json.decode(content, type=RuleSet)
        canonical = msgspec.json.encode(msgspec.json.decode(content), order="sorted")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RuleSetRefused(str(error)) from error
    if rules.in_force_to is not None and rules.in_force_to < rules.in_force_from:
        raise RuleSetRefused(f"{rules.id}: ends before it begins")
    if rules.formula is not None and rules.formula not in known.formulas:
        raise RuleSetRefused(f"{rules.id}: unknown formula {rules.formula!r}")
    names = [criterion.name for criterion in rules.criteria]
    if len(set(names)) < len(names):
        raise RuleSetRefused(f"{rules.id}: two criteria of one name")
    for criterion in rules.criteria:
        _check_criterion(rules, criterion, known)
    return DatedRuleSet(rules, canonical, hashlib.sha256(canonical).hexdigest(), rules.in_force_to, source)


def read_rule_book(folder: Path, known: Known) -> RuleBook:
    """Read every rule file of a folder. Raises `RuleSetRefused`, naming the file."""
    if not folder.is_dir():
        raise RuleSetRefused(f"{folder} is no folder of rule files")
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.append(read_rule_set(file.read_bytes(), known, file.name))
        except RuleSetRefused as refused:
            raise RuleSetRefused(f"{file.name}: {refused}") from refused
    return RuleBook(found)


def refuse_changes(book: RuleBook, used: Iterable[tuple[str, str, str]]) -> None:
    """Raise `RuleSetRefused` when one that decisions rest on (id, version, digest) is gone or changed."""
    for rule_set, version, digest in used:
        found = next((dated for dated in book.rule_sets if dated.edition == (rule_set, version)), None)
        if found is None:
            raise RuleSetRefused(f"{rule_set} version {version} is gone, but decisions rest on it")
        if found.digest != digest:
            raise RuleSetRefused(
                f"{found.source}: {rule_set} version {version} was changed after decisions rested on it "
                f"(digest {found.digest}, used with {digest}); publish a new version that follows it instead"
            )


def _check_criterion(rules: RuleSet, criterion: CriterionRule, known: Known) -> None:
    where = f"{rules.id}: criterion {criterion.name}"
    function = known.functions.get(criterion.function)
    if function is None:
        raise RuleSetRefused(f"{where}: unknown criterion function {criterion.function!r}")
    wanted = function.percentages | function.names
    if set(criterion.thresholds) != wanted:
        raise RuleSetRefused(f"{where}: thresholds must be {', '.join(sorted(wanted)) or 'none'}")
    for name in sorted(function.percentages):
        if not _is_percentage(criterion.thresholds[name]):
            raise RuleSetRefused(f"{where}: {name} must be a percentage from 0 to 100")
    if bool(criterion.documents) != function.documents:
        raise RuleSetRefused(f"{where}: {'needs' if function.documents else 'takes no'} documents")
    if function.needs_formula and rules.formula is None:
        raise RuleSetRefused(f"{where}: the rule set names no formula")
    for text in (criterion.met, criterion.not_met):
        for written in (text.kk, text.ru, text.en):
            _check_places(where, written, function.inputs)


def _is_percentage(text: str) -> bool:
    whole, point, places = text.partition(".")
    digits = whole + places
    return (
        digits.isascii()
        and digits.isdigit()
        and 1 <= len(whole) <= 3
        and bool(places) == bool(point)
        and len(places) <= 6
        and int(digits) <= 100 * 10 ** len(places)
    )


def _check_places(where: str, text: str, inputs: frozenset[str]) -> None:
    """Every `{name}` must be an input, so that no judgement fails for a misspelt text."""
    try:
        places = [
            (name, spec, changed) for _, name, spec, changed in Formatter().parse(text) if name is not None
        ]
    except ValueError as error:
        raise RuleSetRefused(f"{where}: {error} in a text") from error
    if any(name not in inputs or spec or changed for name, spec, changed in places):
        known = ", ".join(sorted(inputs)) or "none"
        raise RuleSetRefused(f"{where}: a text names an unknown input (known: {known})")


def _placed(rule_sets: list[DatedRuleSet]) -> list[DatedRuleSet]:
    """Each with its last day; one that is followed without saying when it ends, ends the day before."""
    by_edition: dict[tuple[str, str], DatedRuleSet] = {}
    for dated in rule_sets:
        if dated.edition in by_edition:
            raise RuleSetRefused(f"{dated.source}: {dated.rules.id} version {dated.rules.version} twice")
        by_edition[dated.edition] = dated
    for same in groupby(
        sorted(rule_sets, key=lambda dated: dated.rules.id), key=lambda dated: dated.rules.id
    ):
        _refuse_unlinked(list(same[1]))
    for dated in rule_sets:
        follows = dated.rules.follows
        if follows is not None:
            edition = (follows.id, follows.version)
            if edition not in by_edition:
                raise RuleSetRefused(
                    f"{dated.source}: follows {follows.id} version {follows.version}: unknown"
                )
            by_edition[edition] = _followed(by_edition[edition], dated)
    return list(by_edition.values())


def _refuse_unlinked(versions: list[DatedRuleSet]) -> None:
    """Versions of one id form a chain: each later one names the one before it."""
    versions.sort(key=lambda dated: int(dated.rules.version))
    for earlier, later in pairwise(versions):
        expected = Edition(id=earlier.rules.id, version=earlier.rules.version)
        if later.rules.follows != expected:
            raise RuleSetRefused(
                f"{later.source}: version {later.rules.version} of {later.rules.id} has to follow version "
                f"{earlier.rules.version}"
            )


def _followed(earlier: DatedRuleSet, later: DatedRuleSet) -> DatedRuleSet:
    begins = later.rules.in_force_from
    name = f"{earlier.rules.id} version {earlier.rules.version}"
    if earlier.rules.kind != later.rules.kind:
        raise RuleSetRefused(f"{later.source}: follows {name}, which is of another kind")
    if begins <= earlier.rules.in_force_from:
        raise RuleSetRefused(f"{later.source}: follows {name}, but does not begin after it")
    last = begins - _DAY
    if earlier.rules.in_force_to is not None and earlier.rules.in_force_to < last:
        raise RuleSetRefused(
            f"{later.source}: follows {name}, but leaves a gap from "
            f"{earlier.rules.in_force_to + _DAY} to {last}"
        )
    return replace(earlier, in_force_to=last if earlier.rules.in_force_to is None else earlier.in_force_to)


def _refuse_overlaps(ordered: list[DatedRuleSet]) -> None:
    for earlier, later in pairwise(ordered):
        ended, begins = earlier.in_force_to, later.rules.in_force_from
        if earlier.rules.kind == later.rules.kind and (ended is None or ended >= begins):
            raise RuleSetRefused(
                f"{later.source}: {later.rules.id} version {later.rules.version} is in force on the same "
                f"days as {earlier.rules.id} version {earlier.rules.version} ({earlier.source})"
            )
