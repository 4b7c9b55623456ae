"""Every table of the informatization authority, for migrations and the drift check."""

from services.verification.adapters import documents
from services.verification.projections import (
    cases,
    expiring_rights,
    included_entries,
    listings,
    round_progress,
    rounds,
)
from services.verification.schema import METADATA

__all__ = [
    "METADATA",
    "cases",
    "documents",
    "expiring_rights",
    "included_entries",
    "listings",
    "round_progress",
    "rounds",
]
