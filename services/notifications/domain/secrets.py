"""An endpoint's secrets: the one in force, and former ones that sign on while a rotation overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.kernel.errors import Conflict, Invalid
from services.notifications.domain.signing import InvalidKey, SymmetricSecret

DEFAULT_OVERLAP: Final = timedelta(hours=24)
MAX_OVERLAP: Final = timedelta(days=7)
MAX_FORMER: Final = 4


@dataclass(frozen=True, slots=True)
class FormerSecret:
    """A secret that was replaced, and signs beside its successor until `until` (aware UTC)."""

    secret: SymmetricSecret
    until: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs for one endpoint."""

    current: SymmetricSecret
    former: tuple[FormerSecret, ...] = ()

    def signing(self, at: datetime) -> tuple[SymmetricSecret, ...]:
        """Every secret that signs at this instant, the current one first."""
        return (self.current, *(one.secret for one in self.former if at < one.until))

    def rotated(self, successor: SymmetricSecret, *, at: datetime, overlap: timedelta) -> Secrets:
        """The secrets with `successor` in force; the present one signs on for `overlap`.

        Raises `Invalid` for the present or a former secret given again, and `Conflict` while as many former
        ones as allowed still sign.
        """
        signing = [one for one in self.former if at < one.until]
        if successor in (self.current, *(one.secret for one in signing)):
            raise Invalid("webhook_secret_reused", pointer="/secret")
        if overlap > timedelta(0):
            signing.insert(0, FormerSecret(self.current, at + overlap))
        if len(signing) > MAX_FORMER:
            free_at = min(one.until for one in signing).isoformat()
            raise Conflict("secret_rotations_exhausted", limit=str(MAX_FORMER), free_at=free_at)
        return Secrets(successor, tuple(signing))


def secret_given(text: str | None) -> SymmetricSecret:
    """The secret an owner brings, or a new one. Raises `Invalid` for another form or length."""
    if text is None:
        return SymmetricSecret.generate()
    try:
        return SymmetricSecret.parse(text)
    except InvalidKey as wrong:
        raise Invalid("webhook_secret_invalid", pointer="/secret") from wrong
