"""Every table of the informatization authority, for migrations and the drift check."""

from services.verification.adapters import documents
from services.verification.projections import (
    cases,
    included_entries,
    judged_cases,
    listings,
    rounds,
    simulations,
    used_rule_sets,
)
from services.verification.schema import METADATA

__all__ = [
    "METADATA",
    "cases",
    "documents",
    "included_entries",
    "judged_cases",
    "listings",
    "rounds",
    "simulations",
    "used_rule_sets",
]
