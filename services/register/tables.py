"""Every table of the register, for migrations and the drift check."""

from services.register.projections import (
    applications,
    entries,
    notifications,
    periods,
    producers,
    products,
)
from services.register.schema import METADATA

__all__ = ["METADATA", "applications", "entries", "notifications", "periods", "producers", "products"]
