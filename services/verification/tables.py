"""Every table of the informatization authority, for migrations and the drift check."""

from services.verification.adapters import documents
from services.verification.projections import (
    cases,
    expiring_rights,
    included_entries,
    judged_cases,
    listings,
    round_progress,
    rounds,
    simulations,
    used_rule_sets,
)
from services.verification.schema import METADATA

__all__ = [
    "METADATA",
    "cases",
    "documents",
    "expiring_rights",
    "included_entries",
    "judged_cases",
    "listings",
    "round_progress",
    "rounds",
    "simulations",
    "used_rule_sets",
]
