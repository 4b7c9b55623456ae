"""Every table of the informatization authority, for migrations and the drift check."""

from services.verification.adapters import document_looks, documents, listing_imports, supersessions
from services.verification.projections import cases, included_entries, listings, rounds
from services.verification.schema import METADATA

__all__ = [
    "METADATA",
    "cases",
    "document_looks",
    "documents",
    "included_entries",
    "listing_imports",
    "listings",
    "rounds",
    "supersessions",
]
