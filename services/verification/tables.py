"""Every table of the informatization authority, for migrations and the drift check."""

from services.verification.adapters import document_looks, documents, filings, listing_imports, supersessions
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
    "document_looks",
    "documents",
    "expiring_rights",
    "filings",
    "included_entries",
    "judged_cases",
    "listing_imports",
    "listings",
    "round_progress",
    "rounds",
    "simulations",
    "supersessions",
    "used_rule_sets",
]
