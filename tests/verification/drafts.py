"""Rule files and drafts made from the rules for confirmation that ship."""

from __future__ import annotations

import json
from typing import Any

from services.verification.domain.criteria import KNOWN
from services.verification.domain.rule_sets import RULE_SETS, DatedRuleSet, read_rule_set


def content(name: str = "software-confirmation-2026", **changes: Any) -> dict[str, Any]:
    """A rule file that ships, with some members replaced."""
    document: dict[str, Any] = json.loads((RULE_SETS / f"{name}.json").read_text())
    return {**document, **changes}


def dated(**changes: Any) -> DatedRuleSet:
    """A changed rule file, read."""
    return read_rule_set(json.dumps(content(**changes)).encode(), KNOWN, "changed.json")


def second_version(**changes: Any) -> dict[str, Any]:
    """A next version of the rules for confirmation, from 1 June 2026."""
    follows = {"id": "software-confirmation-2026", "version": "1"}
    return content(**{"version": "2", "in_force_from": "2026-06-01", "follows": follows, **changes})


def with_threshold(criterion: str, name: str, value: str, **changes: Any) -> dict[str, Any]:
    """The rules with one threshold replaced."""
    document = content(**changes)
    for one in document["criteria"]:
        if one["name"] == criterion:
            one["thresholds"] = {name: value}
    return document


def read(document: dict[str, Any]) -> DatedRuleSet:
    """A draft, read."""
    return read_rule_set(json.dumps(document).encode(), KNOWN, "draft")
