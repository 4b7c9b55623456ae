"""A message about to be put: whose account, which template, which values. Inbox files make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from services.kernel.feed.following import Foreign
from services.notifications.domain.messages import ParameterValue
from services.notifications.projections.known import Known


@dataclass(frozen=True, slots=True)
class Draft:
    """A message for a producer's account, by its opaque id, or for an authority by its name."""

    template_id: str
    params: Mapping[str, ParameterValue] = field(default_factory=dict)
    producer_id: str | None = None
    authority: str | None = None
    due_on: str | None = None


Drafting: TypeAlias = Callable[[Known, Foreign], Draft | None]
"""What an event says to whom; None when it concerns no account."""
