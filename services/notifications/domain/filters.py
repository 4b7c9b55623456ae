"""Which events a subscription asks for: by type or prefix, and by what they concern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from services.kernel.errors import Invalid
from services.kernel.identifiers import IdentifierWrong, parse_bin

Status: TypeAlias = Literal["included", "excluded"]
Track: TypeAlias = Literal["confirmation", "monitoring", "appeal"]
"""The course of the Article 51-2 cycle that a fact belongs to: the kinds of case (law 86-VII art. 51-2)."""
_ANYTHING_BELOW: Final = ".*"


@dataclass(frozen=True, slots=True)
class Concerns:
    """What an event concerns; None where it concerns no one such thing.

    `status` is the entry's after the event, `region` its KATO code.
    """

    bin: str | None = None
    product_id: str | None = None
    status: str | None = None
    region: str | None = None
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscription asks for; whatever is empty or None sets no bound.

    `event_types` are published types, or prefixes of them that end in `.*`. `region` is a prefix of a KATO
    code.
    """

    event_types: tuple[str, ...] = ()
    bin: str | None = None
    product_id: str | None = None
    status: str | None = None
    region: str | None = None
    track: str | None = None

    def asks_for(self, type_name: str, concerns: Concerns) -> bool:
        """True when an event of this type, concerning this, is to be delivered."""
        return (
            (not self.event_types or any(names(pattern, type_name) for pattern in self.event_types))
            and self.bin in (None, concerns.bin)
            and self.product_id in (None, concerns.product_id)
            and self.status in (None, concerns.status)
            and self.track in (None, concerns.track)
            and (self.region is None or (concerns.region or "").startswith(self.region))
        )


def names(pattern: str, type_name: str) -> bool:
    """True when `pattern`, a type or a prefix with `.*`, names this type."""
    if pattern.endswith(_ANYTHING_BELOW):
        return type_name.startswith(pattern.removesuffix("*"))
    return pattern == type_name


def checked(asked: Filter, known: Iterable[str]) -> Filter:
    """The filter with each type once. Raises `Invalid` naming the field that is wrong."""
    types = tuple(dict.fromkeys(asked.event_types))
    published = tuple(known)
    for number, name in enumerate(types):
        if not any(names(name, one) for one in published):
            raise Invalid("event_type_unknown", pointer=f"/event_types/{number}", type=name[:100])
    if asked.bin is not None:
        try:
            parse_bin(asked.bin)
        except IdentifierWrong as wrong:
            raise Invalid(wrong.code, pointer="/bin") from wrong
    return Filter(types, asked.bin, asked.product_id, asked.status, asked.region, asked.track)
