"""What the informatization authority's notification brings to an inclusion (order 327 Appendix 4)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The notification's id, the listing it rests on, and the share it found (per cent, for showing)."""

    notification_id: str
    trusted_register_reference: str | None = None
    localisation_share: str | None = None
