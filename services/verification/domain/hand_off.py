"""What a notification takes from the evidence beside its result (order 327 Appendix 4)."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.contract import Percentage


@dataclass(frozen=True, slots=True)
class HandOff:
    """The localisation share, and the notice of listing in the trusted software register with its day."""

    localisation_share: Percentage | None = None
    trusted_register_reference: str | None = None
    trusted_register_listed_on: str | None = None
