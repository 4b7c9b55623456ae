"""Every table of the register, for migrations and the drift check."""

from services.register.projections import (
    applications,
    corrections,
    data_facts,
    entries,
    erasures,
    extracts,
    notifications,
    open_terms,
    periods,
    producers,
    products,
    trusted_listings,
)
from services.register.schema import METADATA

__all__ = [
    "METADATA",
    "applications",
    "corrections",
    "data_facts",
    "entries",
    "erasures",
    "extracts",
    "notifications",
    "open_terms",
    "periods",
    "producers",
    "products",
    "trusted_listings",
]
