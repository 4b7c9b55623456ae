"""Every table of the informatization authority, for migrations and the drift check."""

from services.verification.adapters import documents
from services.verification.projections import cases, included_entries, listings, rounds
from services.verification.schema import METADATA

__all__ = ["METADATA", "cases", "documents", "included_entries", "listings", "rounds"]
